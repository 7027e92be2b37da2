"""Total variation: how much neighbouring pixels of images differ."""
import torch
from torch import Tensor


def total_variation(images: Tensor) -> Tensor:
    """Sum the lengths of four vectors of differences: right, down and along both diagonals (DeepInversion, CVPR 2020).

    Each vector holds the differences of the whole batch and its Euclidean length is not squared, as in HCL, so the sum
    grows with the square root of the number of images.

    Args:
        images: ``(B, C, H, W)``. Differentiable.

    Returns:
        A scalar; 0 with the gradient 0 where every image is constant.
    """
    differences = (
        images[..., :, 1:] - images[..., :, :-1],
        images[..., 1:, :] - images[..., :-1, :],
        images[..., 1:, 1:] - images[..., :-1, :-1],
        images[..., 1:, :-1] - images[..., :-1, 1:])
    return torch.stack([torch.linalg.vector_norm(difference) for difference in differences]).sum()
