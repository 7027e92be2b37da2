"""Image classification: one class per image, cross-entropy; the tasks of a class-incremental stream share a head."""
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from lhl.errors import ConfigError
from lhl.options import Count
from lhl.registry import TASKS

from .classification import Classification

#: Height and width of the tile that a class is drawn as, in pixels.
TILE = 96


@TASKS.register_module()
class ImageClassification(Classification):
    """Classification of whole images.

    In a class-incremental stream each task teaches some of the classes and is a view of one head: the prediction of
    each is the logits of *all* classes, so that a learner can confuse the classes of two tasks. An image of a class
    that the task does not teach is unlabelled for it.

    Args:
        name: The task's name in the stream.
        num_classes: Number of classes of the head, and of output channels.
        labels: The class indices that this task teaches and is scored on. Default: all.
        head: The name of the head; tasks that give the same name share it. Default: the task's own name.
        classes: The names of all classes.
        palette: The colours of all classes.
        metrics: See :class:`~lhl.tasks.base.Task`.
        label_smoothing: See :class:`~lhl.tasks.classification.Classification`; it is over all classes of the head.

    Raises:
        ConfigError: If an option is out of range.
    """

    default_metric = dict(type='ClassificationMetric')
    image_level = True

    def __init__(self, name: str, num_classes: Count, labels: Sequence[int] | None = None, head: str | None = None,
                 classes: Sequence[str] | None = None, palette: Sequence[Sequence[int]] | None = None,
                 metrics: Sequence[Mapping] | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__(name, num_classes, classes, palette, metrics, label_smoothing)
        if labels is not None:
            self.labels = tuple(labels)
        unknown = [label for label in self.labels if not isinstance(label, int) or not 0 <= label < num_classes]
        if not self.labels or unknown or len(set(self.labels)) < len(self.labels):
            raise ConfigError(f'task {name!r} has labels={list(self.labels)}, expected one or more of the '
                              f'{num_classes} class indices from 0 to {num_classes - 1}, each once')
        self.head = head or name

    def has_target(self, target: np.ndarray) -> np.ndarray:
        """An image is unlabelled with -1, and for this task with a class that only another task teaches."""
        is_class = (target >= 0) & (target < self.num_classes)
        return super().has_target(target) & (np.isin(target, self.labels) | ~is_class)  # the rest is refused

    def metrics(self) -> list[dict]:
        """By default the accuracy among all classes and among the task's own, which a metric of it is given."""
        return [dict(metric, num_classes=self.num_classes, labels=self.labels)
                if metric['type'] == 'ClassificationMetric' else metric for metric in super().metrics()]

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Draw a tile in the colour of the class, with its name; black without one."""
        if valid is not None and not valid.all():
            return np.zeros((TILE, TILE, 3), np.uint8)
        label = int(target.item())
        tile = np.empty((TILE, TILE, 3), np.uint8)
        tile[:] = self.palette[label]
        ink = (0, 0, 0) if self.palette[label] @ (0.299, 0.587, 0.114) > 110 else (255, 255, 255)
        lines = self.classes[label].split()
        (width, _), _ = cv2.getTextSize(max(lines, key=len), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
        scale = min(0.9 * TILE / width, 0.6)
        for number, line in enumerate(lines):
            (width, height), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
            baseline = TILE / 2 + height / 2 + (number - (len(lines) - 1) / 2) * 32 * scale
            cv2.putText(tile, line, (round((TILE - width) / 2), round(baseline)), cv2.FONT_HERSHEY_SIMPLEX, scale, ink,
                        1, cv2.LINE_AA)
        return tile
