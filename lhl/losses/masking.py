"""The mean of a per-pixel loss over the valid pixels of a batch, the same on one process and on many."""
import torch
from mmengine.dist import all_reduce, is_distributed
from torch import Tensor


def masked_mean(loss_map: Tensor, valid: Tensor) -> Tensor:
    """Average a loss map over the valid pixels of the batch.

    In distributed training the divisor is the mean count over the processes, so that the gradients, averaged over the
    processes, are those of one process with the whole batch.

    Args:
        loss_map: ``(B, H, W)``. Differentiable.
        valid: ``(B, H, W)`` bool.

    Returns:
        A scalar; 0, connected to the graph, where no pixel is valid.
    """
    count = valid.sum().to(loss_map.dtype)
    if is_distributed():
        all_reduce(count, op='mean')
    # torch.where and not a product: an invalid pixel may hold anything, and 0 * inf is NaN.
    total = torch.where(valid, loss_map, torch.zeros_like(loss_map)).sum()
    return total / torch.where(count > 0, count, torch.ones_like(count))
