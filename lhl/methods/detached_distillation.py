"""P1: distillation that the encoder does not feel (HAD, Sec. 5.3, first alternative paradigm of Table 3)."""
from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from lhl.models import Batch, Learner
from lhl.registry import METHODS

from .base import Phase
from .dis import DIS

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


@METHODS.register_module()
class DetachedDistillation(DIS):
    """Let the encoder learn from L_new alone, while the old heads follow it with the teacher's pseudo-labels.

    It is DIS with a stop-gradient at the features that the old heads see. The encoder and the new head take the very
    steps of Vanilla, unless the gradient is clipped: its norm then counts the old heads' part, too. As part of
    :class:`~lhl.methods.Combined` it keeps whatever the others learn through the old heads from the encoder, too.

    A head that an old task shares with a new one learns from both; it is run a second time for the teacher's part, on
    features without a gradient.

    Args:
        alpha: Weight of the distillation, averaged over the old tasks.
    """

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """All heads learn. The new ones run first, so that their dropout draws the numbers that it would in Vanilla."""
        return (*phase.new_tasks, *phase.old_tasks)

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Stop the gradient in front of the old heads."""
        super().begin_phase(learner, phase)
        new_heads = learner.heads_of(phase.new_tasks)
        self.stops = [learner.heads[name].register_forward_pre_hook(_detach_features)
                      for name in learner.heads_of(phase.old_tasks) if name not in new_heads]

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms of DIS, with old outputs through which the encoder gets no gradient."""
        new_heads = self.learner.heads_of(self.phase.new_tasks)
        shared = [name for name in self.old_outputs if self.learner.tasks[name].head in new_heads]
        if shared:
            detached, = _detach_features(None, (features, ))
            outputs = outputs | self.learner.predict_tasks(detached, shared, batch.inputs.shape[-2:])
        return super().losses(batch, features, outputs)

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Leave the heads as they were."""
        for stop in self.stops:
            stop.remove()


def _detach_features(head: nn.Module | None, arguments: tuple[tuple[Tensor, ...]]) -> tuple[tuple[Tensor, ...]]:
    features, = arguments
    return (tuple(feature.detach() for feature in features), )
