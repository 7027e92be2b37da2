"""EWC: hold on to the weights that mattered (Kirkpatrick et al., 2017), and its online form (Schwarz et al., 2018)."""
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from torch import Tensor

from lhl.errors import ConfigError
from lhl.models import Batch, Learner
from lhl.options import Fraction, NotNegative
from lhl.registry import METHODS

from .base import Method, Phase, Requirements
from .data_passes import each_batch_once, num_images
from .parameters import fit_to, gradients_of, zeros_for

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


class Constraint(NamedTuple):
    """What an earlier phase asks of the backbone's weights, both by the parameter's name."""

    fisher: dict[str, Tensor]  #: how much its loss depended on each weight, never negative
    anchor: dict[str, Tensor]  #: the weights at its end


@METHODS.register_module()
class EWC(Method):
    """Pull every backbone weight back to where an earlier phase left it, the harder the more that phase needed it.

    L = L_new + penalty / 2 * sum_j sum_i F_ji (theta_i - theta*_ji)^2 over the earlier phases j, each with its own
    weights theta*_j and Fisher information F_j = (1/N) sum_n (d l_n / d theta)^2. The gradient of every image is
    squared by itself: squaring a batch's mean gradient, as some implementations do, lets images cancel each other.
    l_n is the task loss of image n (without the phase's ``loss_weight``), augmented as in epoch 0, in evaluation mode;
    an image without a valid pixel has no gradient, but counts in N. For L1 and cosine losses F measures importance,
    though it is no Fisher information in the strict sense.

    Args:
        penalty: Lambda, from 0 (Vanilla) up. It has the unit of 1 / F, so a value means little without
            ``reduction``; the log gives the trace of each F.
        reduction: Whether l_n is the ``'mean'`` over the image's valid pixels, as in L_new, or their ``'sum'``, which
            makes F larger by the squared number of pixels (1.2e10 for 288x384).

    Raises:
        ConfigError: If an option has no meaning.
    """

    requires = Requirements(same_backbone=True)

    def __init__(self, penalty: NotNegative, reduction: Literal['mean', 'sum'] = 'mean') -> None:
        if not (isinstance(penalty, (int, float)) and 0 <= penalty < math.inf):
            raise ConfigError(f'penalty={penalty!r} does not suit {type(self).__name__}; give a finite number of at '
                              f'least 0')
        if reduction not in ('mean', 'sum'):
            raise ConfigError(f"reduction={reduction!r} is unknown to {type(self).__name__}; use 'mean' or 'sum'")
        self.penalty = penalty
        self.reduction = reduction
        self.constraints: list[Constraint] = []

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Bring the constraints to the learner's device.

        Raises:
            CheckpointError: If they belong to another backbone.
        """
        super().begin_phase(learner, phase)
        self._fit_constraints()

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and, from phase 2 on, the penalty."""
        losses = super().losses(batch, features, outputs)
        if self.constraints:
            weights = dict(self.learner.backbone.named_parameters())
            losses['loss_ewc'] = self.penalty / 2 * sum(
                (fisher * (weights[name] - constraint.anchor[name]).square()).sum()
                for constraint in self.constraints for name, fisher in constraint.fisher.items())
        return losses

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Add the constraint of this phase."""
        learner.eval()
        fisher = self._fisher(learner, phase, dataloader)
        learner.train()
        trace = sum(values.sum().item() for values in fisher.values())
        count = sum(values.numel() for values in fisher.values())
        print_log(f'{type(self).__name__}: the Fisher information of {count} weights for {", ".join(phase.new_tasks)} '
                  f'has trace {trace:.4g}, over {num_images(dataloader)} images and with the {self.reduction} over '
                  f'pixels', logger='current')
        self.remember(Constraint(
            {name: values.float() for name, values in fisher.items()},
            {name: weight.detach().clone() for name, weight in learner.backbone.named_parameters()}))

    def remember(self, constraint: Constraint) -> None:
        """Keep the constraint of the phase that ends, beside those of the phases before."""
        self.constraints.append(constraint)

    def state_dict(self) -> dict[str, Tensor]:
        """Give two tensors per constraint and backbone parameter."""
        return {f'{index}.{kind}.{name}': value for index, constraint in enumerate(self.constraints)
                for kind, values in constraint._asdict().items() for name, value in values.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state_dict` gave."""
        constraints: defaultdict[str, Constraint] = defaultdict(lambda: Constraint({}, {}))
        for key, value in state.items():
            index, kind, name = key.split('.', 2)
            getattr(constraints[index], kind)[name] = value
        self.constraints = list(constraints.values())
        if hasattr(self, 'learner'):
            self._fit_constraints()

    def _fit_constraints(self) -> None:
        self.constraints = [
            Constraint(*(fit_to(self.learner.backbone, values, type(self).__name__) for values in constraint))
            for constraint in self.constraints
        ]

    def _fisher(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> dict[str, Tensor]:
        """Average the squared gradients over the images of all ranks, in float64: one image's may be below 1e-12."""
        fisher = zeros_for(learner.backbone, torch.float64)
        for _, batch in each_batch_once(learner, dataloader, batch_size=1):
            outputs = learner.predict_tasks(
                learner.extract_features(batch.inputs), phase.new_tasks, batch.inputs.shape[-2:])
            loss = sum((self._image_loss(learner, batch, name, outputs[name]) for name in phase.new_tasks),
                       torch.zeros((), device=batch.inputs.device))
            for name, gradient in gradients_of(loss, learner.backbone).items():
                fisher[name].addcmul_(gradient.double(), gradient.double())
        for values in fisher.values():
            all_reduce(values)
            values /= num_images(dataloader)
        return fisher

    def _image_loss(self, learner: Learner, batch: Batch, name: str, prediction: Tensor) -> Tensor:
        # Not Task.loss, which has no sum and smooths labels where the task is configured to.
        pixels = learner.tasks[name].loss_map(prediction, batch.targets[name])[batch.valid[name]]
        return pixels.sum() / (max(len(pixels), 1) if self.reduction == 'mean' else 1)


@METHODS.register_module()
class OnlineEWC(EWC):
    """Pull the backbone's weights back to where the phase before left them, by a running sum of all Fishers.

    EWC with one constraint instead of one per phase: F <- decay * F + F_new, and theta* moves on with the phases.

    Args:
        penalty: As for :class:`EWC`.
        decay: Gamma, in [0, 1]: how much of the older phases' F remains after each phase.
        reduction: As for :class:`EWC`.

    Raises:
        ConfigError: If an option has no meaning.
    """

    def __init__(self, penalty: NotNegative, decay: Fraction, reduction: Literal['mean', 'sum'] = 'mean') -> None:
        super().__init__(penalty, reduction)
        if not (isinstance(decay, (int, float)) and 0 <= decay <= 1):
            raise ConfigError(f'decay={decay!r} does not suit OnlineEWC; give a number from 0 to 1')
        self.decay = decay

    def remember(self, constraint: Constraint) -> None:
        """Merge the constraint of the phase that ends with the one before."""
        for before in self.constraints:
            for name, fisher in constraint.fisher.items():
                fisher += self.decay * before.fisher[name]
        self.constraints = [constraint]
