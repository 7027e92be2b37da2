"""Student and teacher as non-negative numbers, which are compared as a whole: row by row and column by column."""
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from mmengine.dist import all_reduce, is_distributed
from torch import Tensor

#: Compares ``(values, other, dim, over_processes)`` over the dimensions ``dim``, which the result lacks, and over the
#: parts that all processes hold.
Distance = Callable[[Tensor, Tensor, tuple[int, ...], bool], Tensor]

#: Which dimensions of ``(B, C, H, W)`` make up one row. A column is a channel over all pixels of the batch either way.
_ROWS = dict(pixels=(1, ), images=(1, 2, 3))
_COLUMN = (0, 2, 3)
#: Below every value of a map, so that no row or column of it is zero everywhere.
_FLOOR = 1e-7


class DistillationViews(NamedTuple):
    """The predictions of a student and its teacher for one task, in a form that can be compared row by row.

    KDAM (Xu et al., ICCV 2023) does not define it for regression, where a softmax over one channel is 1 everywhere;
    there is one function below for each kind of output.
    """

    student: Tensor  #: ``(B, C, H, W)``, non-negative, at least float32. Differentiable.
    teacher: Tensor  #: likewise, without a gradient
    rows: Literal['pixels', 'images']  #: what one row is: the channels of a pixel, or all numbers of an image


def class_views(logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> DistillationViews:
    """Show classes as the probabilities of each pixel.

    Args:
        logits: The student's, ``(B, C, H, W)``, C at least 2.
        teacher_logits: The teacher's, of the same shape.
        temperature: Divides the logits, above 0.
    """
    student, teacher = ((values / temperature).softmax(dim=1) for values in _prepare(logits, teacher_logits))
    return DistillationViews(student, teacher, 'pixels')


def binary_views(logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> DistillationViews:
    """Show yes or no as two classes: with one channel each row would be a single number, and all rows proportional.

    Args:
        logits: The student's logits of 1, ``(B, 1, H, W)``.
        teacher_logits: The teacher's, of the same shape.
        temperature: Divides the logits, above 0.
    """
    # The softmax of (0, x) is (1 - sigmoid(x), sigmoid(x)).
    student, teacher = (torch.cat([torch.zeros_like(values), values], dim=1) for values in (logits, teacher_logits))
    return class_views(student, teacher, temperature)


def positive_views(values: Tensor, teacher_values: Tensor) -> DistillationViews:
    """Show a positive map, such as depth or the strength of edges, above the teacher's least value in the image.

    Neither the divergence of Cauchy and Schwarz nor a correlation sees the scale of what is left: the shape is
    distilled, and the unit has to come from labels. What the student puts below the teacher's least has no gradient, a
    map that is below it everywhere none at all, so a newly initialised head needs labels first.

    Args:
        values: The student's, ``(B, C, H, W)``, in any unit.
        teacher_values: The teacher's, of the same shape.
    """
    student, teacher = _prepare(values, teacher_values)
    return _above_lowest(student, teacher, unit=1.0)


def signed_views(values: Tensor, teacher_values: Tensor) -> DistillationViews:
    """Show a map of both signs, such as curvatures, in units of the teacher's range in the image, which starts at 0.

    Each channel has a range of its own. What the student puts below it has no gradient, as in :func:`positive_views`;
    what is above stays above 1.

    Args:
        values: The student's, ``(B, C, H, W)``, in any unit.
        teacher_values: The teacher's, of the same shape.
    """
    student, teacher = _prepare(values, teacher_values)
    span = teacher.amax(dim=(2, 3), keepdim=True) - teacher.amin(dim=(2, 3), keepdim=True)
    return _above_lowest(student, teacher, torch.where(span > 0, span, torch.ones_like(span)))


def unit_vector_views(vectors: Tensor, teacher_vectors: Tensor) -> DistillationViews:
    """Show unit vectors with each component moved from [-1, 1] to [0, 1].

    A row is an image and not a pixel, because two directions may be in proportion once they are moved: (1, 0, 0) and
    (-1/3, -2/3, -2/3) become (1, 1/2, 1/2) and a third of it, which only their neighbours tell apart.

    Args:
        vectors: The student's, ``(B, 3, H, W)``, of length 1.
        teacher_vectors: The teacher's, of the same shape.
    """
    # Rounding may leave a component just outside of [-1, 1].
    student, teacher = (((values + 1) / 2).clamp(min=0) for values in _prepare(vectors, teacher_vectors))
    return DistillationViews(student, teacher, 'images')


def inter_loss(distance: Distance, views: DistillationViews) -> Tensor:
    """Average the distance of the rows: what is predicted at each pixel, or in each image (KDAM, Eq. 5).

    Args:
        distance: Such as :func:`lhl.losses.cauchy_schwarz_divergence`.
        views: From the function of the task's kind.

    Returns:
        A scalar.
    """
    return distance(views.student, views.teacher, _ROWS[views.rows], False).mean()


def intra_loss(distance: Distance, views: DistillationViews, min_mass: float = 1e-6) -> Tensor:
    """Average the distance of the columns: where in the batch each channel is strong (KDAM, Eq. 6).

    It depends on the batch, which in distributed training is that of all processes together.

    Args:
        distance: Such as :func:`lhl.losses.cauchy_schwarz_divergence`.
        views: From the function of the task's kind.
        min_mass: A channel whose mean over the batch is smaller for the teacher does not count: what it holds is noise.

    Returns:
        A scalar; 0, connected to the graph, where no channel counts.
    """
    distances = distance(views.student, views.teacher, _COLUMN, is_distributed())
    mass = views.teacher.mean(dim=_COLUMN)
    all_reduce(mass, op='mean')
    counts = mass >= min_mass
    return torch.where(counts, distances, torch.zeros_like(distances)).sum() / counts.sum().clamp(min=1)


def at_least_float32(values: Tensor) -> Tensor:
    """Convert half precision (autocast), in which sums over an image lose their digits, to float32."""
    return values if values.dtype == torch.float64 else values.float()


def _prepare(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return at_least_float32(student), at_least_float32(teacher.detach())


def _above_lowest(student: Tensor, teacher: Tensor, unit: Tensor | float) -> DistillationViews:
    """Measure both from the teacher's lowest value in each image and channel; the unit may be ``(B, C, 1, 1)``."""
    lowest = teacher.amin(dim=(2, 3), keepdim=True)
    student, teacher = (((values - lowest) / unit).relu() + _FLOOR for values in (student, teacher))
    return DistillationViews(student, teacher, 'images')
