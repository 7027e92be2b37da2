"""P1: distillation without a gradient in the backbone (HAD, Sec. 5.3, first alternative paradigm of Table 3)."""
from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from lhl.models import Batch, Learner
from lhl.options import NotNegative, Positive
from lhl.registry import METHODS

from .base import Phase
from .dis import DIS

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


@METHODS.register_module()
class DetachedDistillation(DIS):
    """Train the backbone on L_new alone, and the old heads behind it on the teacher's pseudo-labels.

    It is DIS with a stop-gradient at the features that the old heads see. The backbone and the new head take the very
    steps of Vanilla, unless the gradient is clipped: its norm then counts the old heads' part, too. As part of
    :class:`~lhl.methods.Combined` it also stops the gradients of the others that come through the old heads.

    A head that an old task shares with a new one learns from both; it is run a second time for the teacher's part, on
    features without a gradient.

    Args:
        alpha: Weight of the distillation, averaged over the old tasks.
        temperature: See :class:`lhl.methods.DIS`.
    """

    def __init__(self, alpha: NotNegative, temperature: Positive | None = None) -> None:
        super().__init__(alpha, temperature)

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """All heads are trained, the new ones first, whose dropout then draws the numbers that it would in Vanilla."""
        return (*phase.new_tasks, *phase.old_tasks)

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Stop the gradient in front of the old heads."""
        super().begin_phase(learner, phase)
        new_heads = learner.heads_of(phase.new_tasks)
        self.stops = [learner.heads[name].register_forward_pre_hook(_detach_features)
                      for name in learner.heads_of(phase.old_tasks) if name not in new_heads]

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms of DIS, with old outputs through which the backbone gets no gradient."""
        new_heads = self.learner.heads_of(self.phase.new_tasks)
        shared = [name for name in self.old_outputs if self.learner.tasks[name].head in new_heads]
        if shared:
            detached = tuple(feature.detach() for feature in features)
            outputs = outputs | self.learner.predict_tasks(detached, shared, batch.inputs.shape[-2:])
        return super().losses(batch, features, outputs)

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Leave the heads as they were."""
        for stop in self.stops:
            stop.remove()


def _detach_features(head: nn.Module | None, arguments: tuple[tuple[Tensor, ...]]) -> tuple[tuple[Tensor, ...]]:
    features, = arguments
    return (tuple(feature.detach() for feature in features), )
