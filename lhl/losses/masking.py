"""The mean of a per-pixel loss over the valid pixels of a batch."""
import torch
from torch import Tensor


def masked_mean(loss_map: Tensor, valid: Tensor) -> Tensor:
    """Average a loss map over the valid pixels of the batch.

    Args:
        loss_map: ``(B, H, W)``. Differentiable.
        valid: ``(B, H, W)`` bool.

    Returns:
        A scalar; 0, connected to the graph, where no pixel is valid.
    """
    count = valid.sum().to(loss_map.dtype)
    # torch.where and not a product: an invalid pixel may hold anything, and 0 * inf is NaN.
    total = torch.where(valid, loss_map, torch.zeros_like(loss_map)).sum()
    return total / torch.where(count > 0, count, torch.ones_like(count))
