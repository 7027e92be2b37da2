"""What tasks with classes share, of pixels or of whole images: cross-entropy, and all that follows from classes."""
import colorsys
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from lhl.errors import ConfigError
from lhl.losses import (
    class_groups,
    cross_entropy_map,
    kl_divergence_map,
    smoothed_cross_entropy_map,
)
from lhl.options import Count

from .base import Task


class Classification(Task):
    """The kind of task with classes: a target is the class index in ``[0, num_classes)``, a prediction the logits.

    Beside what every task has, ``num_classes`` is the number of classes of the head, :attr:`classes` and
    :attr:`palette` are their names and colours, and :attr:`labels` those that the task teaches: all of them, unless it
    shares its head with other tasks.

    Args:
        name: The task's name in the stream.
        num_classes: Number of classes, and of output channels.
        classes: Their names, for tables and legends. Default: ``class 0``, ``class 1`` and so on.
        palette: ``num_classes`` RGB colours, 0 to 255. Default: well separated hues.
        metrics: See :class:`~lhl.tasks.base.Task`.
        label_smoothing: How much of the label is shared equally among all classes, in [0, 1). It applies to L_new, and
            where a method says so to stored labels: neither distillation nor metrics smooth.

    Raises:
        ConfigError: If ``classes`` or ``palette`` has another length, or the smoothing is out of range.
    """

    interpolation = 'nearest'
    groups_are_classes = True

    def __init__(self, name: str, num_classes: Count, classes: Sequence[str] | None = None,
                 palette: Sequence[Sequence[int]] | None = None, metrics: Sequence[Mapping] | None = None,
                 label_smoothing: float = 0.0) -> None:
        super().__init__(name, num_classes, metrics)
        for option, values in (('classes', classes), ('palette', palette)):
            if values is not None and len(values) != num_classes:
                raise ConfigError(f'task {name!r} has {len(values)} {option} but num_classes={num_classes}; '
                                  f'give one per class')
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f'task {name!r} has label_smoothing={label_smoothing}, expected a number from 0 to '
                              f'below 1; give a small one, such as 0.1')
        self.num_classes = num_classes
        self.classes = tuple(classes) if classes else tuple(f'class {index}' for index in range(num_classes))
        self.palette = np.asarray(palette, np.uint8) if palette is not None else _spread_colours(num_classes)
        self.labels = tuple(range(num_classes))
        self.label_smoothing = label_smoothing

    def loss_map(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of the logits ``(B, C, H, W)`` against class indices ``(B, H, W)``."""
        return cross_entropy_map(prediction, target)

    def label_loss_map(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy against the labels, smoothed if so configured."""
        if not self.label_smoothing:
            return self.loss_map(prediction, target)
        return smoothed_cross_entropy_map(prediction, target, self.label_smoothing)

    def pseudo_label(self, prediction: Tensor) -> Tensor:
        """The teacher's most likely class, ``(B, H, W)`` int64."""
        return prediction.argmax(dim=1)

    def soft_loss_map(self, prediction: Tensor, teacher_prediction: Tensor, temperature: float) -> Tensor:
        """KL divergence from the teacher's class probabilities, both softened by the temperature, times its square."""
        return kl_divergence_map(prediction, teacher_prediction, temperature)

    def groups(self, pseudo_label: Tensor, group_threshold: float,
               num_intervals: int | None = None) -> tuple[Tensor, int]:
        """One group per class; neither threshold nor intervals apply."""
        return class_groups(pseudo_label, self.num_classes)

    def has_target(self, target: np.ndarray) -> np.ndarray:
        """A label of -1 is unlabelled."""
        return target != -1

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse class indices out of range."""
        labels = target[valid]
        if labels.size and (labels.min() < 0 or labels.max() >= self.num_classes):
            raise ValueError(f'found labels from {labels.min()} to {labels.max()}, expected 0 to '
                             f'{self.num_classes - 1} (or -1 to ignore) for the {self.num_classes} classes '
                             f'of task {self.name!r}')


def _spread_colours(num_colours: int) -> np.ndarray:
    """Colours of distinct hue in alternating brightness, ``(num_colours, 3)`` uint8 RGB."""
    colours = [colorsys.hsv_to_rgb(index * 0.61803 % 1, 0.45 + 0.4 * (index % 2), 0.95 - 0.2 * (index % 3))
               for index in range(num_colours)]
    return (np.array(colours) * 255).astype(np.uint8)
