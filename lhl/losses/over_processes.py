"""Sums over a batch that several processes share."""
import torch
from mmengine.dist import all_reduce, is_distributed
from torch import Tensor


class _SumOverProcesses(torch.autograd.Function):

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _SumOverProcesses.apply(gradient)


def batch_sum(values: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """Sum over dimensions, the batch's among them, and over the batches of all processes.

    All processes get the same sums. Where all compute the same loss from them, the mean of their gradients, which is
    what distributed training takes, is the gradient that one process with the whole batch would have.

    Args:
        values: Any shape, the same on all processes. Differentiable.
        dim: The dimension or dimensions.
        keepdim: Whether they stay, with length 1.
    """
    total = values.sum(dim, keepdim)
    return _SumOverProcesses.apply(total) if is_distributed() else total


def vector_length(vectors: Tensor, dim: int | tuple[int, ...], over_processes: bool, shortest: float) -> Tensor:
    """Compute Euclidean lengths, but at least ``shortest``, where the gradient is 0.

    Args:
        vectors: Any shape. Differentiable.
        dim: The dimension or dimensions of one vector, which stay with length 1.
        over_processes: Whether each process holds a part of every vector, see :func:`batch_sum`.
        shortest: Above 0.
    """
    if not over_processes:
        return torch.linalg.vector_norm(vectors, dim=dim, keepdim=True).clamp(min=shortest)
    return batch_sum(vectors.square(), dim, keepdim=True).clamp(min=shortest**2).sqrt()
