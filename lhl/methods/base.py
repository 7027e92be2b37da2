"""What a method is: how a stream is learned, in a handful of moments."""
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from lhl.models import Batch, Learner

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


@dataclass(frozen=True)
class Requirements:
    """What a method needs from the engine.

    Args:
        teacher: The frozen learner of the phase before, from phase 2 on.
        edits: Whether :meth:`Method.edit_gradients` or :meth:`Method.edit_update` do anything; the engine keeps a
            copy of the weights for the latter only then.
    """

    teacher: bool = False
    edits: bool = False


@dataclass(frozen=True)
class Phase:
    """The training of one task of the stream.

    Args:
        index: 1-based.
        task: The task learned in this phase.
        tasks: All tasks seen so far, this one last.
        loss_weight: Weight of this task's own loss, L_new.
        teacher: The frozen learner of the phase before, where the method requires one and ``index`` is above 1.
    """

    index: int
    task: str
    tasks: tuple[str, ...]
    loss_weight: float = 1.0
    teacher: Learner | None = None

    @property
    def old_tasks(self) -> tuple[str, ...]:
        """The tasks of the phases before."""
        return self.tasks[:-1]


class Method:
    """How a stream is learned. A subclass reads like its paper and overrides only the moments it needs.

    The engine owns forward, backward, optimizer step, mixed precision, clipping and distribution. Loss terms are
    computed from float32 predictions, also under autocast; there, matrix products would run in half precision.
    """

    requires: ClassVar[Requirements] = Requirements()
    learner: Learner
    phase: Phase

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """Name the tasks whose heads run and learn in this phase. The other heads are frozen."""
        return (phase.task, )

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Prepare for a phase: the learner has its new head and is on its device, and the teacher is ready."""
        self.learner = learner
        self.phase = phase

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the loss terms of a batch, which the engine sums.

        Args:
            batch: Images, targets and masks on the device.
            features: The backbone's feature maps.
            outputs: The predictions ``(B, C, H, W)`` of the :meth:`trained_tasks`.

        Returns:
            Scalars whose names start with ``loss_``. The base class gives L_new, the weighted loss of this phase's
            task.
        """
        name = self.phase.task
        loss = self.learner.tasks[name].loss(outputs[name], batch.targets[name], batch.valid[name])
        return {f'loss_new_{name}': self.phase.loss_weight * loss}

    def edit_gradients(self, learner: Learner) -> None:
        """Change the gradients, after unscaling and all-reduce and before clipping."""

    def edit_update(self, learner: Learner, before: dict[str, Tensor]) -> None:
        """Change the weights after the optimizer's step, given those before it: Adam undoes edits of gradients."""

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Gather what the next phase needs, with the phase's training data still there."""

    def state_dict(self) -> dict[str, Tensor]:
        """Give everything that must survive a checkpoint and the change of phase: tensors only."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state_dict` gave."""
