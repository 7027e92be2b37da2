"""DIST: distillation by correlation from a stronger teacher (Huang et al., NeurIPS 2022), for several tasks at once."""
from torch import Tensor

from lhl.losses import dist_loss
from lhl.options import NotNegative, Positive
from lhl.registry import METHODS
from lhl.tasks import Task

from .multi_task_distillation import MultiTaskDistillation
from .task_views import distillation_views


@METHODS.register_module()
class DIST(MultiTaskDistillation):
    """Hold rows and columns of the student's outputs to the teacher's by their correlation, one of KDAM's rivals.

    The rows and columns of a regression task are as for :class:`~lhl.methods.kdam.KDAM`. The two classes of a
    binary task leave rows no gradient; their columns have one.

    Args:
        teacher: See :class:`~lhl.methods.multi_task_distillation.MultiTaskDistillation`.
        inter_weight: Beta of the original, the weight of the rows.
        intra_weight: Gamma of the original, the weight of the columns.
        temperature: T, which softens probabilities; above 0. For segmentation the original has 1.
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
        """One minus the correlations of one task."""
        views = distillation_views(task, prediction, teacher_prediction, self.temperature)
        return dist_loss(views, self.inter_weight, self.intra_weight)
