"""DIS: self-distillation from the learner of the phase before (HAD, Eq. 3)."""
from collections.abc import Iterable

from torch import Tensor

from lhl.models import Batch
from lhl.options import NotNegative
from lhl.registry import METHODS
from lhl.tasks import Task

from .base import Method, Phase, Requirements


@METHODS.register_module()
class DIS(Method):
    """Keep the student's predictions of the old tasks close to the teacher's, on the images of the new task.

    Args:
        alpha: Weight of the distillation, averaged over the old tasks.
    """

    requires = Requirements(teacher=True)

    def __init__(self, alpha: NotNegative) -> None:
        self.alpha = alpha

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """All heads are trained: the new one on labels, the old ones on pseudo-labels."""
        return phase.tasks

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and, from phase 2 on, alpha / (t - 1) times the distillation of each old task (Eq. 3)."""
        losses = super().losses(batch, features, outputs)
        old_tasks = self.old_outputs
        if not old_tasks:
            return losses
        for name, prediction in self.teacher.predictions(batch, old_tasks).items():
            task = self.learner.tasks[name]
            for term, value in self.distillation(task, outputs[name], task.pseudo_label(prediction)).items():
                losses[f'loss_{term}_{name}'] = self.alpha / len(old_tasks) * value
        return losses

    def distillation(self, task: Task, prediction: Tensor, pseudo_label: Tensor) -> dict[str, Tensor]:
        """Compare the student with the teacher on one old task.

        Args:
            task: The old task.
            prediction: The student's, ``(B, C, H, W)``.
            pseudo_label: The teacher's, of the task's target form.

        Returns:
            Named scalars; DIS has one, the task loss averaged over pixels and images.
        """
        return {'dis': task.loss_map(prediction, pseudo_label).mean()}
