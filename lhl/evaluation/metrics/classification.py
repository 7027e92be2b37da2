"""How well images are classified: the accuracy among all classes of a head, and among those of one task."""
from collections.abc import Sequence

from torch import Tensor

from lhl.registry import METRICS

from .base import DenseMetric


@METRICS.register_module()
class ClassificationMetric(DenseMetric):
    """Accuracy in percent over all images of the set that are valid for the task.

    ``class_il``: the largest of all logits is that of the label, as in class-incremental learning, where it is
    not given which task an image is from. ``task_il``: the largest of the task's own logits is, as in task-incremental
    learning. A task that teaches all classes has the same number twice.

    Args:
        task: The name of the task that is scored.
        num_classes: Number of classes, and of channels of the prediction.
        labels: The classes of the task, all of its valid images' labels.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.
    """

    higher_is_better = {'class_il': True, 'task_il': True}
    units = {'class_il': '%', 'task_il': '%'}

    def __init__(self, task: str, num_classes: int, labels: Sequence[int], names: Sequence[str] | None = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(task, names, collect_device)
        self.num_classes = num_classes
        self.labels = list(labels)

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[int, int, int]:
        """See whether one image is right among all classes and among the task's own.

        Args:
            prediction: ``(num_classes, 1, 1)`` logits or any other scores; the largest wins.
            target: ``(1, 1)`` the class index.
            valid: ``(1, 1)`` bool.

        Returns:
            0 or 1 each: right among all, right among the task's own, and whether the image counts.

        Raises:
            ValueError: If the prediction has another number of channels, or a valid label is none of the task's.
        """
        if prediction.shape[0] != self.num_classes:
            raise ValueError(f'task {self.task!r}: found a prediction of {prediction.shape[0]} channels, expected '
                             f'{self.num_classes}, one per class')
        if not valid.item():
            return 0, 0, 0
        label, scores = int(target.item()), prediction.flatten()
        if label not in self.labels:
            raise ValueError(f'task {self.task!r}: found the label {label} of a valid image, expected one of '
                             f'{", ".join(map(str, self.labels))}')
        own = self.labels[int(scores[self.labels].argmax())]
        return int(scores.argmax() == label), int(own == label), 1

    def score(self, results: list[tuple[int, int, int]]) -> dict[str, float] | None:
        """Count the images that are right."""
        among_all, among_own, count = (sum(values) for values in zip(*results, strict=True)) if results else (0, 0, 0)
        return {'class_il': 100 * among_all / count, 'task_il': 100 * among_own / count} if count else None
