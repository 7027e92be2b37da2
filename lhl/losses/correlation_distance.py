"""DIST: distillation by correlation of rows and columns (Huang et al., NeurIPS 2022)."""
import torch
from mmengine.dist import get_world_size
from torch import Tensor

from .distillation_views import DistillationViews, at_least_float32, inter_loss, intra_loss
from .over_processes import batch_sum, vector_length


def pearson_distance(values: Tensor, other: Tensor, dim: int | tuple[int, ...], over_processes: bool = False,
                     epsilon: float = 1e-4) -> Tensor:
    """Compute 1 minus Pearson's correlation of two vectors.

    It ignores the scale and the mean of both vectors. Of a row of two classes only which one is likelier is left, which
    has no gradient.

    Args:
        values: Any shape; half precision is computed in float32. Differentiable.
        other: Of the same shape. Differentiable.
        dim: The dimension or dimensions of one vector.
        over_processes: Whether each process holds a part of every vector, see :func:`lhl.losses.batch_sum`.
        epsilon: Where a vector's deviations from its mean have a length below this, the correlation shrinks towards 0
            with that length: of a constant it would be 0 / 0, and its gradient has no bound.

    Returns:
        The shape without ``dim``, from 0 to 2; 1 where a vector is constant.
    """
    values, other = (_deviations(at_least_float32(vector), dim, over_processes, epsilon) for vector in (values, other))
    return 1 - (batch_sum if over_processes else torch.sum)(values * other, dim)


def dist_loss(views: DistillationViews, inter_weight: float = 1.0, intra_weight: float = 1.0) -> Tensor:
    """Compute the distillation loss of one task.

    With :func:`lhl.losses.class_views` it is the paper's for segmentation, which has temperature 1; the temperature is
    the views', and the loss is not multiplied by its square.

    Args:
        views: From the function of the task's kind, such as :func:`lhl.losses.class_views`.
        inter_weight: Beta, the weight of the rows.
        intra_weight: Gamma, the weight of the columns.

    Returns:
        A scalar.
    """
    return inter_weight * inter_loss(pearson_distance, views) + intra_weight * intra_loss(pearson_distance, views)


def _deviations(vectors: Tensor, dim: int | tuple[int, ...], over_processes: bool, epsilon: float) -> Tensor:
    """The deviations from the mean, scaled to length 1 unless they are shorter than ``epsilon``."""
    mean = vectors.mean(dim=dim, keepdim=True)
    if over_processes:
        mean = batch_sum(vectors, dim, keepdim=True) / (get_world_size() * (vectors.numel() // mean.numel()))
    vectors = vectors - mean
    return vectors / vector_length(vectors, dim, over_processes, epsilon)
