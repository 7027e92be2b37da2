"""As which numbers KDAM and DIST compare a student with its teacher, by kind of task."""
from functools import singledispatch

from torch import Tensor

from lhl.losses import (
    DistillationViews,
    binary_views,
    class_views,
    positive_views,
    signed_views,
    unit_vector_views,
)
from lhl.tasks import (
    Binary,
    Classification,
    PrincipalCurvatureEstimation,
    Regression,
    SurfaceNormalEstimation,
    Task,
)


@singledispatch
def distillation_views(task: Task, prediction: Tensor, teacher_prediction: Tensor,
                       temperature: float = 1.0) -> DistillationViews:
    """Show what student and teacher predict for a task as non-negative numbers, whose rows and columns are compared.

    A kind that is not registered here has the view of numbers of either sign, each channel in units of the teacher's
    range in the image. ``@distillation_views.register`` gives one another view; a subclass of a kind below has that of
    its kind.

    Args:
        task: The task.
        prediction: The student's, ``(B, C, H, W)`` from :meth:`lhl.tasks.Task.predict`.
        teacher_prediction: The teacher's, ``(B, C, H, W)``; a constant.
        temperature: Softens probabilities, above 0; other numbers have none.
    """
    return signed_views(prediction, teacher_prediction)


@distillation_views.register
def _(task: Classification, prediction: Tensor, teacher_prediction: Tensor,
      temperature: float = 1.0) -> DistillationViews:
    return class_views(prediction, teacher_prediction, temperature)


@distillation_views.register
def _(task: Binary, prediction: Tensor, teacher_prediction: Tensor, temperature: float = 1.0) -> DistillationViews:
    return binary_views(prediction, teacher_prediction, temperature)


@distillation_views.register
def _(task: Regression, prediction: Tensor, teacher_prediction: Tensor, temperature: float = 1.0) -> DistillationViews:
    return positive_views(prediction, teacher_prediction)


@distillation_views.register
def _(task: PrincipalCurvatureEstimation, prediction: Tensor, teacher_prediction: Tensor,
      temperature: float = 1.0) -> DistillationViews:
    return signed_views(prediction, teacher_prediction)


@distillation_views.register
def _(task: SurfaceNormalEstimation, prediction: Tensor, teacher_prediction: Tensor,
      temperature: float = 1.0) -> DistillationViews:
    return unit_vector_views(prediction, teacher_prediction)
