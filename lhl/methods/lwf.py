"""LwF: learning without forgetting (Li and Hoiem, TPAMI 2017), for dense tasks of any kind."""
from collections.abc import Iterable

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

    Raises:
        ConfigError: If the weight is negative or the temperature is not positive.
    """

    requires = Requirements(teacher=True)

    def __init__(self, weight: NotNegative, temperature: Positive = 2.0) -> None:
        if weight < 0:
            raise ConfigError(f'weight={weight!r} of LwF is negative; give 0 or more')
        if temperature <= 0:
            raise ConfigError(f'temperature={temperature!r} of LwF is not positive; give more than 0')
        self.weight = weight
        self.temperature = temperature

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
            loss_map = self.learner.tasks[name].soft_loss_map(outputs[name], prediction, self.temperature)
            losses[f'loss_lwf_{name}'] = self.weight * loss_map.mean()
        return losses
