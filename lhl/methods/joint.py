"""Joint training: all tasks at once, on all images (HAD, Sec. 5.1, the upper bound)."""
from collections.abc import Mapping

from torch import Tensor

from lhl.errors import ConfigError, suggest
from lhl.models import Batch, Learner
from lhl.registry import METHODS

from .base import Method, Phase, Requirements


@METHODS.register_module()
class Joint(Method):
    """Minimise the weighted sum of all tasks' losses in one phase.

    As in the paper every image is labelled for all T tasks: T times the labels that a stream of T phases sees, so it
    is an upper bound in supervision as well as in method. With the data set's ``labels='own_part'`` each image is
    labelled only for the task in whose phase it would have been seen: the same label budget.

    Args:
        task_weights: Weight of each task's loss; 1 where not named.
    """

    requires = Requirements(single_phase=True, own_first_phase=True)

    def __init__(self, task_weights: Mapping[str, float] | None = None) -> None:
        self.task_weights = dict(task_weights or {})

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Refuse weights of tasks that are not learned."""
        super().begin_phase(learner, phase)
        for name in self.task_weights:
            if name not in phase.new_tasks:
                raise ConfigError(f'method.task_weights names the unknown task {name!r}; '
                                  f'{suggest(name, phase.new_tasks)}')

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weighted loss of each task."""
        losses = super().losses(batch, features, outputs)
        return {f'loss_new_{name}': self.task_weights.get(name, 1.0) * losses[f'loss_new_{name}']
                for name in self.phase.new_tasks}
