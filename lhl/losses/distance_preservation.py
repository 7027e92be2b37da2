"""The dynamically weighted distance preservation loss (DWDP) of LwP (Wang et al., AAAI 2026)."""
import torch
from torch import Tensor


def distance_preservation_loss(latents: Tensor, teacher_latents: Tensor, groups: Tensor) -> Tensor:
    """Compare the distances between the student's latents with those between the teacher's.

    For each image ``1 / N^2 * sum_ij m_ij (d_ij - d'_ij)^2`` over its N positions, d being the squared Euclidean
    distance divided by the number of channels, and m_ij 1 where i and j are of one group. Neither a rotation nor a
    shift of the latents changes it.

    Args:
        latents: ``(B, N, C)`` the student's features at N positions of each image. Differentiable.
        teacher_latents: ``(B, N, D)`` the teacher's at the same positions; D need not be C.
        groups: ``(T, B, N)`` integer group index of each position, in T partitions; m_ij is averaged over them.

    Returns:
        ``(B,)`` losses in float32 (float64 for float64 latents), also under autocast; 0 with the gradient 0 where all
        distances agree.
    """
    deviations = _squared_distances(latents) - _squared_distances(teacher_latents)
    same_group = (groups.unsqueeze(-1) == groups.unsqueeze(-2)).to(deviations.dtype).mean(dim=0)
    return (same_group * deviations.square()).mean(dim=(1, 2))


def _squared_distances(points: Tensor) -> Tensor:
    """The squared distances ``(B, N, N)`` between points ``(B, N, C)``, divided by C."""
    with torch.autocast(points.device.type, enabled=False):
        points = points if points.dtype == torch.float64 else points.float()
        # Around their mean, because |a|^2 + |b|^2 - 2ab cancels where the points are far from 0.
        points = points - points.mean(dim=1, keepdim=True)
        products = points @ points.transpose(1, 2) / points.shape[2]
        squares = products.diagonal(dim1=1, dim2=2)
        return squares.unsqueeze(1) + squares.unsqueeze(2) - 2 * products
