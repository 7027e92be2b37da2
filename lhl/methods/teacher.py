"""The teacher: a frozen learner, asked at most once per batch."""
from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from lhl.models import Batch, Learner


@dataclass
class _Answers:
    """What the teacher has said about one batch so far."""

    features: tuple[Tensor, ...]
    predictions: dict[str, Tensor] = field(default_factory=dict)  #: by the head's name


class Teacher:
    """Answer what a frozen learner sees in a batch, computing its features and each of its heads at most once.

    Whoever asks about the same :class:`~lhl.models.Batch` object gets the same tensors, which have no gradient and must
    not be changed in place. They are released with the batch. Images of another origin, such as inverted ones, are a
    batch of their own: ``Batch(images, {}, {})``.

    It is neither a module nor part of the student: not in its checkpoints, not in distributed training.

    Args:
        learner: Is frozen and set to evaluation mode. It is :attr:`learner` for those that need more of it than its
            answers, such as inversion, which differentiates through it.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner = learner.eval().requires_grad_(False)
        self._answers: WeakKeyDictionary[Batch, _Answers] = WeakKeyDictionary()

    def features(self, batch: Batch) -> tuple[Tensor, ...]:
        """Give the backbone's feature maps of a batch, finest first."""
        return self._answers_to(batch).features

    def predictions(self, batch: Batch, names: Iterable[str]) -> dict[str, Tensor]:
        """Predict the named tasks of a batch.

        Args:
            batch: Images on the learner's device.
            names: Tasks of the learner.

        Returns:
            For each task its prediction ``(B, C, H, W)`` in the task's unit, see
            :meth:`lhl.models.Learner.predict_tasks`.
        """
        names, answers = tuple(names), self._answers_to(batch)
        heads = {name: self.learner.tasks[name].head for name in names}
        missing = [name for name in self.learner.distinct_outputs(names) if heads[name] not in answers.predictions]
        with torch.no_grad():
            new = self.learner.predict_tasks(answers.features, missing, batch.inputs.shape[-2:])
        answers.predictions.update({heads[name]: prediction for name, prediction in new.items()})
        return {name: answers.predictions[heads[name]] for name in names}

    def _answers_to(self, batch: Batch) -> _Answers:
        answers = self._answers.get(batch)
        if answers is None:
            with torch.no_grad():
                answers = self._answers[batch] = _Answers(self.learner.extract_features(batch.inputs))
        return answers
