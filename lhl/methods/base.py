"""What a method is: how a stream is learned, in a handful of moments."""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from mmengine.dist import all_reduce, is_distributed
from torch import Tensor, nn

from lhl.errors import ConfigError
from lhl.models import Batch, Learner

from .teacher import Teacher

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


class ExternalTeacher(NamedTuple):
    """A learner that another run has trained, and what a method asks it about."""

    path: str  #: the folder of a run, which stands for its last finished phase, or a ``phase.safetensors``
    tasks: tuple[str, ...] | None = None  #: the student's tasks that it is asked about; ``None`` for all of them


@dataclass(frozen=True)
class Requirements:
    """What a method needs from the engine, which refuses a config that cannot give it before the first iteration.

    Args:
        teacher: The frozen learner of the phase before, from phase 2 on.
        same_backbone: One backbone for all phases, because what the method carries is tied to its weights or features.
        stored_images: How many images of earlier phases it keeps at most.
        edits: From phase 2 on the method changes the gradients (:meth:`Method.edit_gradients`) or the optimizer's
            update (:meth:`Method.edit_update`), for which the engine keeps a copy of the weights.
        own_first_phase: Whether the first phase trains differently from Vanilla's; if not, runs may share it.
        single_phase: All tasks are learned in one phase.
        separate_models: Each phase trains a newly initialised model of its own, with one head.
        external_teacher: The frozen learner of another run, in every phase.
    """

    teacher: bool = False
    same_backbone: bool = False
    stored_images: int = 0
    edits: Literal['gradient', 'update'] | None = None
    own_first_phase: bool = False
    single_phase: bool = False
    separate_models: bool = False
    external_teacher: ExternalTeacher | None = None


@dataclass(frozen=True)
class Phase:
    """The training of one task of the stream, or of several at once.

    Args:
        index: 1-based.
        new_tasks: The tasks learned in this phase: one, unless the config says otherwise.
        tasks: All tasks seen so far, the new ones last.
        loss_weight: Weight of the new tasks' own losses, L_new.
        teacher: Of the learner of the phase before, where the method requires one and ``index`` is above 1; or of that
            of another run.
        seed: Of the run, for draws that must be the same on all ranks.
    """

    index: int
    new_tasks: tuple[str, ...]
    tasks: tuple[str, ...]
    loss_weight: float = 1.0
    teacher: Teacher | None = None
    seed: int = 0

    @property
    def old_tasks(self) -> tuple[str, ...]:
        """The tasks of the phases before."""
        return self.tasks[:len(self.tasks) - len(self.new_tasks)]


class Method:
    """How a stream is learned. A subclass reads like its paper and overrides only the moments it needs.

    The engine owns forward, backward, optimizer step, mixed precision, clipping and distribution. Loss terms are
    computed from float32 predictions, also under autocast; there, matrix products would run in half precision.
    """

    #: An instance may have requirements of its own, where they depend on its options.
    requires: Requirements = Requirements()
    learner: Learner
    phase: Phase
    #: What :meth:`own_parameters` gave, as parameters that are trained, under the same names.
    learned_parameters: nn.ParameterDict

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if 'trains_encoder' in vars(cls):
            raise ConfigError(f'the method {cls.__name__} defines trains_encoder, which is not asked any more; call it '
                              f'trains_backbone')

    @property
    def teacher(self) -> Teacher:
        """The phase's teacher, for a method that requires one, wherever there is something to ask it.

        Raises:
            ConfigError: If the phase has no teacher.
        """
        if self.phase.teacher is None:
            raise ConfigError(f'{type(self).__name__} has no teacher in phase {self.phase.index}, expected the learner '
                              f'of the phase before; train that first, or use a method without a teacher')
        return self.phase.teacher

    @property
    def old_outputs(self) -> list[str]:
        """The old tasks to distil: one for each head, because tasks of one head have the same output."""
        return self.learner.distinct_outputs(self.phase.old_tasks)

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """Name the tasks whose heads run and are trained in this phase. The other heads are frozen.

        A head that an old task shares with a new one is trained in any case.

        The state of the phase before has been loaded, and :meth:`begin_phase` has not been called yet.
        """
        return phase.new_tasks

    def trains_backbone(self, phase: Phase) -> bool | Literal['weights']:
        """Say whether the backbone is trained in this phase. If not, it is frozen, its statistics included.

        ``'weights'`` trains the weights of its convolutions and linear layers: normalisations, their statistics, biases
        and embeddings are frozen.
        """
        return True

    def own_parameters(self, phase: Phase) -> dict[str, Tensor]:
        """Give the initial values of what the method itself learns in this phase, such as the weights of tasks.

        The :class:`~lhl.methods.Student` makes parameters of them, which are trained with the learner but are not part
        of what a phase saves: :attr:`learned_parameters` holds them, under the names given here.
        """
        return {}

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Prepare for a phase: the learner has its new head and is on its device, and the teacher is ready.

        The optimizer exists already: :meth:`trained_tasks` and :meth:`trains_backbone` say what is frozen.
        """
        self.learner = learner
        self.phase = phase

    def before_training(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Gather what this phase needs, from its training data, before its first iteration.

        It belongs to :meth:`state_dict`: a phase that is resumed has it from there, and this is not called again.
        """

    def observe(self, raw: Mapping[str, Tensor]) -> None:
        """Look at the raw outputs of the heads in a training step, before the loss terms of any method are computed.

        What a method stores of them is taken here: a method that runs heads again changes what they gave last.

        Args:
            raw: For each of the :meth:`trained_tasks` what its head gives, ``(B, C, h, w)`` float32, neither upsampled
                nor interpreted, without a gradient.
        """

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the loss terms of a batch, which the engine sums.

        Args:
            batch: Images, targets and masks on the device. It is the key to the teacher's answers.
            features: The backbone's feature maps.
            outputs: The predictions ``(B, C, H, W)`` of the :meth:`trained_tasks`; those of one head are one tensor.

        Returns:
            Scalars whose names start with ``loss_``; others, without "loss" in their names, are logged and not summed.
            The base class gives L_new, the weighted loss of each new task, averaged over the valid pixels of the
            batches of all processes.
        """
        return {f'loss_new_{name}': self.phase.loss_weight * relative_count(batch.valid[name])
                * self.learner.tasks[name].loss(outputs[name], batch.targets[name], batch.valid[name])
                for name in self.phase.new_tasks}

    def edit_gradients(self, learner: Learner) -> None:
        """Change the gradients, after unscaling and all-reduce and before clipping."""

    def edit_update(self, learner: Learner, before: dict[str, Tensor]) -> None:
        """Change the weights after the optimizer's step, given those before it: Adam undoes edits of gradients.

        Args:
            learner: The student, after the step.
            before: Its trainable parameters by name, as they were before the step.
        """

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Gather what the next phase needs, while the phase's training data can still be read.

        :func:`lhl.methods.data_passes.each_batch_once` goes through that data.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """Give everything that must survive a checkpoint and the change of phase: tensors only."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state_dict` gave."""

    def num_stored_images(self) -> int:
        """Count the images of earlier phases that the method holds now."""
        return 0


def relative_count(valid: Tensor) -> Tensor | float:
    """Count the valid pixels of this process's batch, relative to the mean over all processes.

    The mean loss over the pixels of a process, times this number, has gradients whose average over the processes is the
    gradient of the mean over the pixels of all of them.

    Args:
        valid: ``(B, H, W)`` bool.

    Returns:
        1 in a single process; 0 where this process has no valid pixel.
    """
    if not is_distributed():
        return 1.0
    count = valid.sum().float()
    mean = count.clone()
    all_reduce(mean, op='mean')
    return count / torch.where(mean > 0, mean, 1.0)
