"""The edge set: pixels where the Sobel gradient of a map is large (HAD, Eq. 8 and 9)."""
import torch
import torch.nn.functional as F
from torch import Tensor

from .groups import min_max_normalize


@torch.no_grad()
def sobel_magnitude(maps: Tensor) -> Tensor:
    """Gradient magnitude by the Sobel operator (HAD, Eq. 8).

    The border is replicated: zero padding would make the image's own border its strongest edge.

    Args:
        maps: ``(B, H, W)``, or ``(B, C, H, W)``, where the magnitude is taken over all channels together.

    Returns:
        ``(B, H, W)`` non-negative magnitudes without a gradient, in the unit of the map; a step of height 1 has 4.
    """
    if maps.dim() == 3:
        maps = maps.unsqueeze(1)
    padded = F.pad(maps if maps.dtype == torch.float64 else maps.float(), (1, 1, 1, 1), mode='replicate')
    # Both kernels are separable: a smoothing [1, 2, 1] across and a difference [1, 0, -1] along.
    smooth_rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    horizontal = smooth_rows[..., 2:] - smooth_rows[..., :-2]
    smooth_columns = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    vertical = smooth_columns[..., 2:, :] - smooth_columns[..., :-2, :]
    return (horizontal.square_() + vertical.square_()).sum(dim=1).sqrt_()


@torch.no_grad()
def edge_set(maps: Tensor, edge_threshold: float, normalize: bool = True) -> Tensor:
    """Mark the pixels whose gradient magnitude exceeds the threshold (HAD, Eq. 9).

    Args:
        maps: ``(B, H, W)`` or ``(B, C, H, W)``.
        edge_threshold: The paper's k (its Appendix F swaps the names).
        normalize: Min-max normalise the magnitude per image, so that one threshold serves losses of any unit.
            ``False`` compares the raw magnitude, as Eq. 9 is printed.

    Returns:
        ``(B, H, W)`` bool; empty for a constant map.
    """
    magnitude = sobel_magnitude(maps)
    return (min_max_normalize(magnitude) if normalize else magnitude) > edge_threshold
