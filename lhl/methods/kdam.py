"""KDAM: distillation by alternative match, from one multi-task teacher (Xu et al., ICCV 2023)."""
from torch import Tensor

from lhl.losses import kdam_loss
from lhl.options import NotNegative, Positive
from lhl.registry import METHODS
from lhl.tasks import Task

from .multi_task_distillation import MultiTaskDistillation
from .task_views import distillation_views


@METHODS.register_module()
class KDAM(MultiTaskDistillation):
    """Hold rows and columns of the student's outputs to the teacher's by the Cauchy-Schwarz divergence (Eq. 4 to 9).

    The paper's "inter-task" term compares each pixel over the channels of one task, its "intra-task" term
    where in the batch each channel is strong; nothing is compared across tasks. It does not say what the probabilities
    of a regression task are: see :func:`lhl.methods.task_views.distillation_views`.

    Args:
        teacher: See :class:`~lhl.methods.multi_task_distillation.MultiTaskDistillation`.
        inter_weight: Weight of the rows (Eq. 5); 0 to drop them, as in the paper's Table 6.
        intra_weight: Weight of the columns (Eq. 6); likewise.
        temperature: T, which softens probabilities; above 0. The paper gives none for KDAM.
        **options: ``weight``, ``distilled_tasks`` and ``task_weights``, as for ``teacher``.

    Raises:
        ConfigError: If a weight is negative or the temperature is not positive.
    """

    def __init__(self, teacher: str, inter_weight: NotNegative = 1.0, intra_weight: NotNegative = 1.0,
                 temperature: Positive = 1.0, **options) -> None:
        super().__init__(teacher, **options)
        self.inter_weight = self._not_negative('inter_weight', inter_weight)
        self.intra_weight = self._not_negative('intra_weight', intra_weight)
        self.temperature = self._positive('temperature', temperature)

    def distance(self, task: Task, prediction: Tensor, teacher_prediction: Tensor) -> Tensor:
        """Eq. 7 of one task."""
        views = distillation_views(task, prediction, teacher_prediction, self.temperature)
        return kdam_loss(views, self.inter_weight, self.intra_weight)
