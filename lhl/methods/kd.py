"""KD: plain knowledge distillation (Hinton et al., 2015), for several tasks at once; KDAM's "plain KD"."""
from torch import Tensor

from lhl.options import Positive
from lhl.registry import METHODS
from lhl.tasks import Task

from .multi_task_distillation import MultiTaskDistillation


@METHODS.register_module()
class KD(MultiTaskDistillation):
    """Hold the student to the teacher's softened probabilities and, for regression, to its values.

    For classes it is T^2 times the Kullback-Leibler divergence (KDAM, Eq. 2). What the paper does for depth and normals
    it does not say; here it is the task's own loss to what the teacher predicts.

    Args:
        teacher: See :class:`~lhl.methods.multi_task_distillation.MultiTaskDistillation`.
        temperature: T, which softens probabilities; above 0.
        **options: ``weight``, ``distilled_tasks`` and ``task_weights``, as for ``teacher``.

    Raises:
        ConfigError: If the weight is negative or the temperature is not positive.
    """

    def __init__(self, teacher: str, temperature: Positive = 3.0, **options) -> None:
        super().__init__(teacher, **options)
        self.temperature = self._positive('temperature', temperature)

    def distance(self, task: Task, prediction: Tensor, teacher_prediction: Tensor) -> Tensor:
        """The mean over all pixels of the batch."""
        return task.soft_loss_map(prediction, teacher_prediction, self.temperature).mean()
