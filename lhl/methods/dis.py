"""DIS: self-distillation from the learner of the phase before (HAD, Eq. 3)."""
from collections.abc import Iterable

from torch import Tensor

from lhl.models import Batch
from lhl.options import NotNegative, Positive
from lhl.registry import METHODS
from lhl.tasks import Task

from .base import Method, Phase, Requirements
from .undisturbed import predict_undisturbed


@METHODS.register_module()
class DIS(Method):
    """Keep the student's predictions of the old tasks close to the teacher's, on the images of the new task.

    Args:
        alpha: Weight of the distillation, averaged over the old tasks.
        temperature: Distil the teacher's soft targets, softened by it, in place of its pseudo-labels; for classes these
            are its probabilities, as in :class:`lhl.methods.LwF`. 1 leaves them as they are.
        evaluation_mode: Distil what the student predicts in evaluation mode, as the teacher does: without dropout and
            with running statistics. That is one more pass through the backbone and the old heads, forth and back; the
            pass in training mode moves the statistics.
    """

    requires = Requirements(teacher=True)

    def __init__(self, alpha: NotNegative, temperature: Positive | None = None, evaluation_mode: bool = False) -> None:
        self.alpha = alpha
        self.temperature = temperature
        self.evaluation_mode = evaluation_mode

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """All heads are trained: the new one on labels, the old ones on pseudo-labels."""
        return phase.tasks

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and, from phase 2 on, alpha / (t - 1) times the distillation of each old task (Eq. 3)."""
        losses = super().losses(batch, features, outputs)
        distances = self.distances(batch, outputs)
        for name, terms in distances.items():
            for term, value in terms.items():
                losses[f'loss_{term}_{name}'] = self.alpha / len(distances) * value
        return losses

    def distances(self, batch: Batch, outputs: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        """Compare the student with the teacher on each old task.

        Args:
            batch: The key to the teacher's answers.
            outputs: The student's predictions, ``(B, C, H, W)``.

        Returns:
            For one task of each old head its :meth:`distillation`; nothing in a phase without old tasks.
        """
        old_tasks = self.old_outputs
        if not old_tasks:
            return {}
        if self.evaluation_mode:
            outputs = predict_undisturbed(self.learner, batch, old_tasks, training=False)
        return {name: self.distillation(self.learner.tasks[name], outputs[name], prediction)
                for name, prediction in self.teacher.predictions(batch, old_tasks).items()}

    def distillation(self, task: Task, prediction: Tensor, teacher_prediction: Tensor) -> dict[str, Tensor]:
        """Compare two predictions of one old task.

        Args:
            task: The old task.
            prediction: The student's, ``(B, C, H, W)``.
            teacher_prediction: The teacher's, ``(B, C, H, W)``.

        Returns:
            Named scalars; DIS has one, the loss map averaged over pixels and images.
        """
        return {'dis': self.loss_map(task, prediction, teacher_prediction).mean()}

    def loss_map(self, task: Task, prediction: Tensor, teacher_prediction: Tensor,
                 pseudo_label: Tensor | None = None) -> Tensor:
        """Compute the task loss at each pixel (Table 5), or with a temperature that to soft targets.

        Args:
            task: The old task.
            prediction: The student's, ``(B, C, H, W)``.
            teacher_prediction: The teacher's, ``(B, C, H, W)``.
            pseudo_label: What it comes to as a target, where that is known already.

        Returns:
            ``(B, H, W)`` non-negative losses.
        """
        if self.temperature is not None:
            return task.soft_loss_map(prediction, teacher_prediction, self.temperature)
        if pseudo_label is None:
            pseudo_label = task.pseudo_label(teacher_prediction)
        return task.loss_map(prediction, pseudo_label)
