"""RCD: retention-constrained distillation. Ours; published by nobody."""
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.logging import print_log
from torch import Tensor

from lhl.errors import ConfigError, DivergenceError
from lhl.models import Batch, Learner
from lhl.options import NotNegative, Positive, Range
from lhl.registry import METHODS

from .base import Method, Phase, Requirements
from .data_passes import each_batch_once, num_images
from .dis import DIS
from .undisturbed import predict_undisturbed

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

#: How much a batch counts in the running mean of L_new, which spans about the last 50 iterations.
MOMENTUM = 0.02


@METHODS.register_module()
class RCD(Method):
    """Learn the new task as freely as the old ones allow: minimise L_new subject to D_j <= kappa * D_j(0) for each.

    D_j is the distance of the student from its teacher on old task j, in training mode, and D_j(0) that of the
    *unchanged* student: dropout and the statistics of batches alone keep it from the teacher by that much. So kappa has
    no unit, and neither it nor the multipliers depend on the scale of a distance.

    The Lagrangian is ``L_new + sum_j m_j (D_j / D_j(0) - kappa)``. Each training step is one of descent in the weights
    and, with the D_j of the same batch, one of ascent in log m_j: ``m_j <- m_j exp(rate (D_j / D_j(0) - kappa))``,
    kept within ``bounds``. With gradients accumulated over iterations there is one ascent in each of them. A step
    costs what one of the distance's own method does; a phase, one pass through its data beside.

    L_new has a unit, too: a multiplier of 0.1 is much beside the loss of normals and little beside a cross-entropy.
    With ``normalize_new_loss`` it is divided by its running mean, so that a multiplier is a share of the new task.

    Logged are ``multiplier_TASK``, m_j, and ``distance_TASK``, D_j / D_j(0) of the batch; where L_new is normalised,
    ``unscaled_TASK``, the loss as it was.

    Args:
        distance: Config of the method whose distance it is, without alpha: :class:`lhl.methods.DIS`, with a temperature
            for soft targets, or :class:`lhl.methods.HAD`.
        kappa: How far an old task may move away from its teacher, in units of D_j(0), at least 1.
        start: The multipliers at the beginning of a phase.
        rate: Of the ascent; 0 keeps them where they are.
        bounds: The smallest and the largest multiplier. A constraint that cannot be met would raise its own without
            end, and one that has been met for long would need as long to come back.
        normalize_new_loss: Whether L_new is divided by its running mean, from phase 2 on.

    Raises:
        ConfigError: If the distance is that of no such method, or one that starts at 0, or ``start`` is not within the
            bounds.
    """

    requires = Requirements(teacher=True)

    def __init__(self, distance: dict, kappa: Annotated[float, Range(1)] = 1.5, start: Positive = 0.1,
                 rate: NotNegative = 0.05, bounds: tuple[Positive, Positive] = (1e-4, 10.0),
                 normalize_new_loss: bool = False) -> None:
        if not kappa >= 1:
            raise ConfigError(f'kappa={kappa!r} of RCD is below 1, which asks the student to be closer to its teacher '
                              f'than it is unchanged; give a number of at least 1')
        kind = METHODS.get(distance['type'])
        if not (isinstance(kind, type) and issubclass(kind, DIS)):
            raise ConfigError(f'distance={distance["type"]!r} of RCD compares no predictions with a teacher; use '
                              f"dict(type='DIS') or HAD")
        if distance.get('evaluation_mode'):
            raise ConfigError('distance.evaluation_mode=True does not suit RCD: an unchanged student in evaluation '
                              'mode is its teacher, so that D_j(0) is 0; leave the option out')
        lowest, highest = bounds
        if rate and not lowest <= start <= highest:
            raise ConfigError(f'start={start!r} of RCD is not within bounds={list(bounds)!r}, the smallest and the '
                              f'largest multiplier; give two numbers in order, and a start between them')
        self.distance: DIS = METHODS.build(dict(distance, alpha=1.0))
        self.kappa = kappa
        self.start = start
        self.rate = rate
        self.bounds = (lowest, highest)
        self.normalize_new_loss = normalize_new_loss
        #: ``(n, )``, of each old head: m_j and D_j(0). None outside of a phase with old tasks.
        self.multipliers: Tensor | None = None
        self.initial: Tensor | None = None
        #: ``()``, the running mean of L_new in this phase; 0 until there was one.
        self.new_loss = torch.zeros(())

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """All heads are trained: the new one on labels, the old ones on what the teacher predicts."""
        return phase.tasks

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Begin it for the distance, too."""
        super().begin_phase(learner, phase)
        self.distance.begin_phase(learner, phase)

    @torch.no_grad()
    def before_training(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Measure D_j(0), over the images of the phase in batches as they are trained with.

        Where the student does not start with the weights of the teacher, because the phase has a backbone of its own,
        the unchanged student is the teacher's network in training mode.

        Raises:
            DivergenceError: If a D_j(0) is not finite.
            ConfigError: If one is 0.
        """
        old_tasks = self.old_outputs
        if not old_tasks:
            return
        teacher = self.teacher.learner
        network = learner if _continues(learner, teacher) else teacher
        totals = torch.zeros(len(old_tasks) + 1, dtype=torch.float64)  # the last one counts images
        count, of_step = num_images(dataloader), (dataloader.batch_size or 1) * get_world_size()
        whole = range(count - count % of_step) or range(count)  # a batch with fewer images normalises otherwise
        for _, batch in each_batch_once(learner, dataloader, indices=list(whole)):
            batch = Batch(batch.inputs, {}, {})  # of no data set: the teacher's cache has rounding of its own
            outputs = predict_undisturbed(network, batch, old_tasks, training=True)
            found = torch.stack(_summed(self.distance.distances(batch, outputs)))
            totals += len(batch.inputs) * torch.cat([found.double().cpu(), torch.ones(1, dtype=torch.float64)])
        all_reduce(totals)
        self.initial = (totals[:-1] / totals[-1]).float()
        self.multipliers = torch.full_like(self.initial, self.start)
        for name, value in zip(old_tasks, self.initial.tolist(), strict=True):
            self._check(name, value)
        print_log('RCD: the unchanged student is from its teacher by ' + ', '.join(
            f'{value:.4g} in {name}' for name, value in zip(old_tasks, self.initial.tolist(), strict=True)),
            logger='current')

    def _check(self, name: str, value: float) -> None:
        where = f'RCD, phase {self.phase.index}: the distance of the unchanged student from its teacher in {name} is'
        if value == 0:
            raise ConfigError(f'{where} 0, so that no change at all is within kappa times it, expected more: dropout '
                              f'or statistics of batches in training mode; turn one of them on (model.head.dropout, '
                              f'model.norm_eval, batch_norm), or use DIS')
        if not 0 < value < float('inf'):
            raise DivergenceError(f'{where} {value}, expected a finite number; lower the learning rate of the phases '
                                  f'before, or check the images of this one')

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and, from phase 2 on, m_j times D_j / D_j(0) for each old task; in training the multipliers ascend."""
        losses = super().losses(batch, features, outputs)
        distances = self.distance.distances(batch, outputs)
        if not distances:
            return losses
        assert self.initial is not None and self.multipliers is not None
        if self.normalize_new_loss:
            losses = self._normalized(losses)
        own = torch.stack(_summed(distances))
        initial, multipliers = (values.to(own.device) for values in (self.initial, self.multipliers))
        own = own / initial
        ratios = own.detach().clone()
        all_reduce(ratios, op='mean')
        for number, name in enumerate(distances):
            losses[f'loss_rcd_{name}'] = multipliers[number] * own[number]
            losses[f'multiplier_{name}'] = multipliers[number]
            losses[f'distance_{name}'] = ratios[number]
        if self.learner.training:
            self.multipliers = self.ascend(multipliers, ratios)
        return losses

    def ascend(self, multipliers: Tensor, ratios: Tensor) -> Tensor:
        """Take one step of the ascent.

        Args:
            multipliers: ``(n, )``, above 0.
            ratios: ``(n, )``, D_j / D_j(0), the same in all processes. Where one is not finite, nothing is learned.

        Returns:
            ``(n, )`` within the bounds.
        """
        steps = torch.where(ratios.isfinite(), self.rate * (ratios - self.kappa), 0.0)
        return (multipliers * steps.exp()).clamp(*self.bounds) if self.rate else multipliers

    def _normalized(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Divide L_new by its running mean, and log what it was."""
        mean = self._running_mean(torch.stack(list(losses.values())).sum().detach())
        unscaled = {name.replace('loss_new', 'unscaled'): value.detach() for name, value in losses.items()}
        return {name: value / mean for name, value in losses.items()} | unscaled

    def _running_mean(self, new_loss: Tensor) -> Tensor:
        """Give the mean of L_new, with that of this batch; one that is 0 or not finite says nothing of its scale."""
        all_reduce(new_loss, op='mean')
        before = self.new_loss.to(new_loss.device)
        after = torch.where(before > 0, before + MOMENTUM * (new_loss - before), new_loss)
        mean = torch.where(new_loss.isfinite() & (new_loss > 0), after, before)
        if self.learner.training:
            self.new_loss = mean
        return torch.where(mean > 0, mean, 1.0)

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Drop what belongs to this phase: the next one has another teacher."""
        self.multipliers = self.initial = None
        self.new_loss = torch.zeros(())

    def state_dict(self) -> dict[str, Tensor]:
        """Within a phase with old tasks, the multipliers, the D_j(0) and the running mean of L_new."""
        if self.multipliers is None or self.initial is None:
            return {}
        return dict(multipliers=self.multipliers, initial_distances=self.initial, new_loss=self.new_loss)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self.multipliers, self.initial = state.get('multipliers'), state.get('initial_distances')
        self.new_loss = state.get('new_loss', torch.zeros(()))  # checkpoints of before the option have none


def _summed(distances: dict[str, dict[str, Tensor]]) -> list[Tensor]:
    """Add up the terms of each task."""
    return [torch.stack(list(terms.values())).sum() for terms in distances.values()]


def _continues(learner: Learner, teacher: Learner) -> bool:
    """Say whether a learner has all weights of its teacher."""
    own = learner.state_dict()
    return all(name in own and torch.equal(own[name], value.to(own[name].device))
               for name, value in teacher.state_dict().items())
