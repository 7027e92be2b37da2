"""LwF: learning without forgetting (Li and Hoiem, TPAMI 2017), for dense tasks of any kind."""
from collections.abc import Iterable, Sequence

from torch import Tensor

from lhl.errors import ConfigError
from lhl.models import Batch
from lhl.options import NotNegative, Positive
from lhl.registry import METHODS

from .base import Method, Phase, Requirements


@METHODS.register_module()
class LwF(Method):
    """Distil the teacher's soft targets of the old tasks, on the images of the new task.

    For classes these are softened probabilities, for regression the teacher's values. Unlike
    :class:`lhl.methods.DIS`, which distils the most likely class and averages over the old tasks, LwF sums over them
    with a fixed weight.

    Args:
        weight: Lambda, the weight of each old task's distillation (HAD, Table 6).
        temperature: T, which softens the probabilities; above 0. HAD does not give it; 2 is the original's.
        old_classes_only: Where tasks share a head, compare the probabilities among the classes of the old tasks alone,
            as the original does, which grows its classifier. Otherwise they are those among all classes of the head,
            which holds the new classes to what the teacher, who has not learned them, says of them.

    Raises:
        ConfigError: If the weight is negative or the temperature is not positive.
    """

    requires = Requirements(teacher=True)

    def __init__(self, weight: NotNegative, temperature: Positive = 2.0,
                 old_classes_only: bool = False) -> None:
        if weight < 0:
            raise ConfigError(f'weight={weight!r} of LwF is negative; give 0 or more')
        if temperature <= 0:
            raise ConfigError(f'temperature={temperature!r} of LwF is not positive; give more than 0')
        self.weight = weight
        self.temperature = temperature
        self.old_classes_only = old_classes_only

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """All heads are trained: the new one on labels, the old ones on the teacher's soft targets."""
        return phase.tasks

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and, from phase 2 on, lambda times the distillation of each old task, averaged over the pixels."""
        losses = super().losses(batch, features, outputs)
        old_tasks = self.old_outputs
        if not old_tasks:
            return losses
        for name, prediction in self.teacher.predictions(batch, old_tasks).items():
            ours, classes = outputs[name], self._compared_classes(name)
            if len(classes) < ours.shape[1]:
                ours, prediction = ours[:, classes], prediction[:, classes]
            loss_map = self.learner.tasks[name].soft_loss_map(ours, prediction, self.temperature)
            losses[f'loss_lwf_{name}'] = self.weight * loss_map.mean()
        return losses

    def _compared_classes(self, name: str) -> Sequence[int]:
        """Give the channels of a head that are compared, the name being of one of its old tasks."""
        tasks = self.learner.tasks
        own = [tasks[old].labels for old in self.phase.old_tasks if tasks[old].head == tasks[name].head]
        if not self.old_classes_only or not all(own):
            return range(tasks[name].out_channels)
        return sorted({label for labels in own for label in labels})
