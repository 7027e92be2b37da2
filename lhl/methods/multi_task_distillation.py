"""What a multi-task learner adds to its own losses when the learner of another run teaches it."""
from collections.abc import Iterable, Mapping
from typing import Literal

from torch import Tensor

from lhl.errors import ConfigError
from lhl.models import Batch
from lhl.options import NotNegative
from lhl.tasks import Task

from .base import ExternalTeacher, Requirements
from .joint import Joint


class MultiTaskDistillation(Joint):
    """Learn all tasks from labels, and from a frozen learner of all of them that another run has trained.

    ``L = L_mt + weight * sum over tasks of the distance to the teacher`` (KDAM, Xu et al., ICCV 2023, Eq. 9, with
    alpha = 1). Student and teacher may differ in all but their tasks; they are compared at the size of the image, at
    every pixel, labelled or not. A subclass is one distance.

    Args:
        teacher: The folder of the teacher's run, which stands for its last finished phase, or a ``phase.safetensors``.
        weight: Beta, the weight of the distillation.
        distilled_tasks: The tasks in which the teacher teaches; ``None`` for all.
        task_weights: See :class:`~lhl.methods.joint.Joint`; they do not weigh the distillation.

    Raises:
        ConfigError: If the weight is negative.
    """

    def __init__(self, teacher: str, weight: NotNegative = 1.0, distilled_tasks: Iterable[str] | None = None,
                 task_weights: Mapping[str, NotNegative] | Literal['learned'] | None = None) -> None:
        super().__init__(task_weights)
        self.weight = self._not_negative('weight', weight)
        self.distilled_tasks = None if distilled_tasks is None else tuple(distilled_tasks)
        self.requires = Requirements(single_phase=True, own_first_phase=True,
                                     external_teacher=ExternalTeacher(teacher, self.distilled_tasks))

    def distance(self, task: Task, prediction: Tensor, teacher_prediction: Tensor) -> Tensor:
        """Compare the predictions ``(B, C, H, W)`` of student and teacher for one task.

        Returns:
            A scalar, 0 where they agree.
        """
        raise NotImplementedError(f'{type(self).__name__} must define distance')

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_mt and, for each task in which the teacher teaches, the weighted distance to it."""
        losses = super().losses(batch, features, outputs)
        names = self.learner.distinct_outputs(
            self.phase.new_tasks if self.distilled_tasks is None else self.distilled_tasks)
        answers = self.teacher.predictions(batch, names)
        term = type(self).__name__.lower()
        return losses | {f'loss_{term}_{name}': self.weight * self.distance(
            self.learner.tasks[name], outputs[name], answers[name]) for name in names}

    def _not_negative(self, option: str, value: float) -> float:
        if value < 0:
            raise ConfigError(f'{option}={value!r} of {type(self).__name__} is negative; give 0 or more')
        return value

    def _positive(self, option: str, value: float) -> float:
        if value <= 0:
            raise ConfigError(f'{option}={value!r} of {type(self).__name__} is not positive; give more than 0')
        return value
