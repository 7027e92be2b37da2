"""The Cauchy-Schwarz divergence and the loss of KDAM on top of it (Xu et al., ICCV 2023, Eq. 4 to 7)."""
import torch
from torch import Tensor

from .distillation_views import DistillationViews, at_least_float32, inter_loss, intra_loss
from .over_processes import batch_sum, vector_length

_SHORTEST = 1e-12


def cauchy_schwarz_divergence(values: Tensor, other: Tensor, dim: int | tuple[int, ...],
                              over_processes: bool = False, epsilon: float = 1e-12) -> Tensor:
    """Compute -ln cos of the angle between two non-negative vectors (Principe; Kampa et al.).

    ``-ln(sum(p q) / sqrt(sum(p^2) sum(q^2)))`` is symmetric, 0 where the two are in proportion, and ignores the
    scale of both. KDAM's Eq. 4 is printed without the squares, which is not 0 for equal probabilities but least for
    the teacher's most likely class alone; as the paper says that it is 0 only for equal ones, that is a misprint.

    Args:
        values: Any shape, non-negative; half precision is computed in float32. Differentiable.
        other: Of the same shape. Differentiable.
        dim: The dimension or dimensions of one vector.
        over_processes: Whether each process holds a part of every vector, see :func:`lhl.losses.batch_sum`.
        epsilon: Where the cosine is smaller, it is taken for that, and the gradient is 0.

    Returns:
        The shape without ``dim``, from 0 to ``-ln(epsilon)``, which is also the divergence of a zero vector from one
        that is not.
    """
    values, other = (at_least_float32(vector) for vector in (values, other))
    # A zero vector stays zero, with a finite gradient.
    values, other = (vector / vector_length(vector, dim, over_processes, _SHORTEST) for vector in (values, other))
    total = batch_sum if over_processes else torch.sum
    # Half the squared chord is 1 - cos with all its digits, and with a gradient, where the two hardly differ; the
    # product keeps them where they have little in common. A vector that stays zero lies half a square from any other.
    half_chord = 0.5 * total((values - other).square(), dim)
    cosine = total(values * other, dim)
    return torch.where(half_chord < 0.25, -torch.log1p(-half_chord.clamp(max=0.25)), -cosine.clamp(min=epsilon).log())


def kdam_loss(views: DistillationViews, inter_weight: float = 1.0, intra_weight: float = 1.0) -> Tensor:
    """Compute the distillation loss of one task (KDAM, Eq. 7); the paper adds up those of all tasks.

    Args:
        views: From the function of the task's kind, such as :func:`lhl.losses.class_views`.
        inter_weight: Weight of the rows, Eq. 5; 0 to drop them (Table 6).
        intra_weight: Weight of the columns, Eq. 6; likewise.

    Returns:
        A scalar.
    """
    return (inter_weight * inter_loss(cauchy_schwarz_divergence, views)
            + intra_weight * intra_loss(cauchy_schwarz_divergence, views))
