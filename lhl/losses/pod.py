"""Pooled outputs distillation: what PLOP (Douillard et al., CVPR 2021) compares two feature maps by."""
from collections.abc import Sequence

import torch
from torch import Tensor


def local_pod(features: Tensor, scales: Sequence[int] = (1, 2, 4)) -> Tensor:
    """Pool every strip of the regions of a feature map, which keeps what is where.

    At scale s the map is split into s x s regions; each gives the mean over its width for each of its rows, and the
    mean over its height for each of its columns. Height and width are split apart, so that a map need not be square.

    Args:
        features: ``(B, C, H, W)`` float32. Differentiable.
        scales: Regions per side. Where a side is no multiple, neighbouring regions share a row or column.

    Returns:
        ``(B, C * (H + W) * sum(scales))`` pooled values.
    """
    height, width = features.shape[-2:]
    # A row lies in s regions of a scale, whatever rows the regions have: all scales are two products of matrices.
    rows = features @ torch.cat([_band_means(width, scale, features) for scale in scales]).T
    columns = torch.cat([_band_means(height, scale, features) for scale in scales]) @ features
    return torch.cat([rows.flatten(1), columns.flatten(1)], dim=1)


def global_pod(features: Tensor, scales: Sequence[int] = (1, 2, 4)) -> Tensor:
    """Average a feature map over a coarse grid and sum the grid along its rows and along its columns.

    Args:
        features: ``(B, C, H, W)`` float32. Differentiable.
        scales: Cells per side of each grid. Where a side is no multiple, neighbouring cells share a row or column.

    Returns:
        ``(B, 2 * C * sum(scales))`` pooled values.
    """
    height, width = features.shape[-2:]
    pooled = []
    for scale in scales:
        grid = _band_means(height, scale, features) @ features @ _band_means(width, scale, features).T
        pooled += [grid.sum(dim=3).flatten(1), grid.sum(dim=2).flatten(1)]
    return torch.cat(pooled, dim=1)


def pod_distance(pooled: Tensor, other: Tensor, norm: str) -> Tensor:
    """Measure for each image how far two pooled feature maps are apart.

    Args:
        pooled: ``(B, N)`` float32. Differentiable.
        other: Of the same shape.
        norm: ``'fro'``, the Euclidean length of the difference; ``'l1'``, the sum of its absolute values; ``'l2'``, the
            mean of its squares.

    Returns:
        ``(B, )`` non-negative; 0 with a zero gradient where the two are equal.
    """
    difference = pooled - other
    if norm == 'fro':
        return torch.linalg.vector_norm(difference, dim=1)  # its gradient at 0 is 0, where that of a root is NaN
    if norm == 'l1':
        return difference.abs().sum(dim=1)
    if norm == 'l2':
        return difference.square().mean(dim=1)
    raise ValueError(f"norm={norm!r} is unknown to pod_distance; use 'fro', 'l1' or 'l2'")


def _band_means(length: int, count: int, like: Tensor) -> Tensor:
    """Build the matrix ``(count, length)`` that averages a line over ``count`` bands, none of which is empty."""
    matrix = torch.zeros(count, length)
    for i in range(count):
        start, end = i * length // count, -(-(i + 1) * length // count)
        matrix[i, start:end] = 1 / (end - start)
    return matrix.to(like)
