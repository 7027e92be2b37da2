"""SPG: soft-masking of parameter-level gradients (Konishi et al., ICML 2023)."""
from typing import TYPE_CHECKING, Literal

import torch
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from torch import Tensor

from lhl.errors import ConfigError
from lhl.models import Batch, Learner
from lhl.registry import METHODS

from .base import Method, Phase, Requirements
from .data_passes import each_batch_once
from .parameters import fit_to, gradients_of, zeros_for

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

#: Above it, a weight moves by less than a thousandth of its update: it is as good as frozen.
SATURATED = 0.999


@METHODS.register_module()
class SPG(Method):
    """Slow every backbone weight down by its importance a in [0, 1] to the tasks so far: its update times (1 - a).

    At the end of a phase, g_k is the gradient of L_k summed over the phase's images, for each task k so far: L_k is
    the task loss for the new task, and the sum of the head's raw outputs, which needs no labels, for an old one. Each
    parameter tensor by itself gives ``|tanh((g_k - mean) / std)|``, which no scale of L_k changes; a is the maximum
    over k and over the phases. A tensor without differences in its gradient stays at 0.

    The heads that learn are slowed down by 1 minus the mean of all a, as in the authors' code, so that a new head does
    not outrun a backbone that hardly moves. Other than there, gradients are taken in evaluation mode, where they
    depend neither on dropout nor on how the images are split into batches.

    Args:
        edit: What (1 - a) multiplies: the optimizer's ``'update'``, weight decay included, or the ``'gradient'``, the
            literal form, which was made for SGD: Adam divides a constant factor out again.

    Raises:
        ConfigError: If ``edit`` is neither.
    """

    def __init__(self, edit: Literal['update', 'gradient'] = 'update') -> None:
        if edit not in ('update', 'gradient'):
            raise ConfigError(f"edit={edit!r} is unknown to SPG; use 'update' or 'gradient'")
        self.requires = Requirements(same_backbone=True, edits=edit)
        self.importance: dict[str, Tensor] = {}

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Bring the importances to the learner's device; before any phase they are 0.

        Raises:
            CheckpointError: If they belong to another backbone.
        """
        super().begin_phase(learner, phase)
        self._set_importance(self.importance or zeros_for(learner.backbone, torch.float32))

    def edit_gradients(self, learner: Learner) -> None:
        """Multiply each gradient by (1 - a)."""
        for name, parameter in learner.named_parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(1 - self._mask(name))

    def edit_update(self, learner: Learner, before: dict[str, Tensor]) -> None:
        """Multiply each update by (1 - a): none at all where a is 1, and exactly the optimizer's where a is 0."""
        for name, parameter in learner.named_parameters():
            if name in before:
                parameter.lerp_(before[name], self._mask(name))  # from after to before; exact at both ends

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Raise the importances to those for all tasks so far on this phase's images."""
        learner.eval()
        gradients = self._summed_gradients(learner, phase, dataloader)
        learner.train()
        importance = dict(self.importance)
        for of_task in gradients.values():
            for name, gradient in of_task.items():
                importance[name] = torch.maximum(importance[name], importance_of(gradient).float())
        self._set_importance(importance)
        saturated = sum((values > SATURATED).sum().item() for values in importance.values())
        count = sum(values.numel() for values in importance.values())
        print_log(f'SPG: after {", ".join(phase.new_tasks)} the mean importance is {self.mean_importance:.3f}, and '
                  f'{saturated} of {count} weights ({saturated / count:.2%}) are above {SATURATED}', logger='current')

    def state_dict(self) -> dict[str, Tensor]:
        """Give the importance of each backbone parameter, by its name and of its shape."""
        return dict(self.importance)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self.importance = dict(state)
        if hasattr(self, 'learner'):
            self._set_importance(state)

    def _set_importance(self, importance: dict[str, Tensor]) -> None:
        self.importance = fit_to(self.learner.backbone, importance, 'SPG')
        total = sum((values.sum(dtype=torch.float64) for values in importance.values()),
                    torch.zeros((), dtype=torch.float64))
        self.mean_importance = (total / sum(values.numel() for values in importance.values())).item()

    def _mask(self, name: str) -> Tensor | float:
        """Give a for a parameter of the learner."""
        part, _, name_in_part = name.partition('.')
        return self.importance[name_in_part] if part == 'backbone' else self.mean_importance

    def _summed_gradients(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> dict[str, dict]:
        """Sum the gradient of each task's L_k over the images of all ranks, by the parameter's name, in float64."""
        tasks = (*self.old_outputs, *phase.new_tasks)
        sums = {task: zeros_for(learner.backbone, torch.float64) for task in tasks}
        for _, batch in each_batch_once(learner, dataloader):
            features = learner.extract_features(batch.inputs)
            for task in tasks:
                loss = self._new_loss(learner, batch, features, task) if task in phase.new_tasks \
                    else learner.heads[learner.tasks[task].head](features).float().sum()
                is_last = task == tasks[-1]
                for name, gradient in gradients_of(loss, learner.backbone, retain_graph=not is_last).items():
                    sums[task][name] += gradient
        for of_task in sums.values():
            for total in of_task.values():
                all_reduce(total)  # before tanh, which does not commute with a sum
        return sums

    def _new_loss(self, learner: Learner, batch: Batch, features: tuple[Tensor, ...], task: str) -> Tensor:
        # L_new of all images as one batch, but for its divisor, which standardising removes anyway.
        prediction = learner.predict_tasks(features, [task], batch.inputs.shape[-2:])[task]
        return learner.tasks[task].loss_map(prediction, batch.targets[task])[batch.valid[task]].sum()


def importance_of(gradient: Tensor) -> Tensor:
    """Rate each weight of a tensor by how far its summed gradient is from the tensor's mean.

    Args:
        gradient: Of any shape.

    Returns:
        ``|tanh((g - mean) / std)|`` in [0, 1], of the same shape, with the unbiased deviation; 0 where all are alike.
    """
    if not gradient.numel() or gradient.min() == gradient.max():
        return torch.zeros_like(gradient)
    return ((gradient - gradient.mean()) / gradient.std()).tanh().abs()
