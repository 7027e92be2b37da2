"""Joint training: all tasks at once, on all images (HAD, Sec. 5.1, the upper bound)."""
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import torch
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from torch import Tensor

from lhl.errors import ConfigError, suggest
from lhl.models import Batch, Learner
from lhl.options import NotNegative
from lhl.registry import METHODS

from .base import Method, Phase, Requirements

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


@METHODS.register_module()
class Joint(Method):
    """Minimise the weighted sum of all tasks' losses in one phase.

    As in the paper every image is labelled for all T tasks: T times the labels that a stream of T phases sees, so it
    is an upper bound in supervision as well as in method. With the data set's ``labels='own_part'`` each image is
    labelled only for the task in whose phase it would have been seen: the same label budget.

    Args:
        task_weights: Weight of each task's loss; 1 where not named. ``'learned'`` learns them with the learner by
            homoscedastic uncertainty (Kendall, Gal and Cipolla, CVPR 2018): the loss L of each task becomes
            ``exp(-s) L + s`` with a number s of its own, 0 at the start. For L1 losses that is the negative
            log-likelihood of Laplace's distribution of scale ``exp(s)``. For classes the paper's form has s / 2; with
            one form for all, each weighted loss tends to 1, whatever its kind.

    Raises:
        ConfigError: If the weights are a word other than ``'learned'``.
    """

    requires = Requirements(single_phase=True, own_first_phase=True)

    def __init__(self, task_weights: Mapping[str, NotNegative] | Literal['learned'] | None = None) -> None:
        self.learns_weights = task_weights == 'learned'
        if isinstance(task_weights, str) and task_weights != 'learned':
            raise ConfigError(f"task_weights={task_weights!r} of {type(self).__name__} is unknown; give 'learned', or "
                              f"the weights such as dict(normal=10)")
        self.task_weights = {} if isinstance(task_weights, str) else dict(task_weights or {})

    def own_parameters(self, phase: Phase) -> dict[str, Tensor]:
        """The number s of each task, where weights are learned."""
        return {name: torch.zeros(()) for name in phase.new_tasks} if self.learns_weights else {}

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Refuse weights of tasks that are not learned."""
        super().begin_phase(learner, phase)
        for name in self.task_weights:
            if name not in phase.new_tasks:
                raise ConfigError(f'method.task_weights names the unknown task {name!r}; '
                                  f'{suggest(name, phase.new_tasks)}')

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weighted loss of each task and, where weights are learned, the number s of each."""
        losses = super().losses(batch, features, outputs)
        if not self.learns_weights:
            return {f'loss_new_{name}': self.task_weights.get(name, 1.0) * losses[f'loss_new_{name}']
                    for name in self.phase.new_tasks}
        uncertainties = self.learned_parameters
        weighted = {f'loss_new_{name}': (-uncertainties[name]).exp() * losses[f'loss_new_{name}']
                    for name in self.phase.new_tasks}
        # A batch without a label of the task, on all processes together, says nothing about its weight.
        is_labelled = torch.stack([batch.valid[name].any() for name in self.phase.new_tasks]).float()
        all_reduce(is_labelled, op='max')
        return weighted | {f'loss_uncertainty_{name}': uncertainties[name] * labelled
                           for name, labelled in zip(self.phase.new_tasks, is_labelled, strict=True)}

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Log which weights were learned."""
        if self.learns_weights:
            weights = ', '.join(f'{name} {(-self.learned_parameters[name]).exp().item():.4g}'
                                for name in phase.new_tasks)
            print_log(f'{type(self).__name__}: the final weights of the tasks are {weights}', logger='current')
