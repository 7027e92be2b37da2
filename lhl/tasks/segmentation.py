"""Semantic segmentation: one class per pixel, cross-entropy."""
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from lhl.errors import ConfigError
from lhl.losses import DistillationViews, class_groups, class_views, cross_entropy_map, kl_divergence_map
from lhl.registry import TASKS

from .base import Task, blacken_invalid


@TASKS.register_module()
class SemanticSegmentation(Task):
    """Pixel-wise classification; a target is the class index in ``[0, num_classes)``.

    Args:
        name: The task's name in the stream.
        num_classes: Number of classes, and of output channels.
        classes: Their names, for tables and legends.
        palette: ``num_classes`` RGB colours, 0 to 255. Default: well separated hues.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='SegmentationMetric')
    interpolation = 'nearest'

    def __init__(self, name: str, num_classes: int, classes: Sequence[str] | None = None,
                 palette: Sequence[Sequence[int]] | None = None, metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, num_classes, metrics)
        for option, values in (('classes', classes), ('palette', palette)):
            if values is not None and len(values) != num_classes:
                raise ConfigError(f'task {name!r} has {len(values)} {option} but num_classes={num_classes}; '
                                  f'give one per class')
        self.num_classes = num_classes
        self.classes = tuple(classes) if classes else tuple(f'class {index}' for index in range(num_classes))
        self.palette = np.asarray(palette, np.uint8) if palette is not None else _spread_colours(num_classes)

    def loss_map(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of the logits ``(B, C, H, W)`` against class indices ``(B, H, W)``."""
        return cross_entropy_map(prediction, target)

    def pseudo_label(self, prediction: Tensor) -> Tensor:
        """The teacher's most likely class, ``(B, H, W)`` int64."""
        return prediction.argmax(dim=1)

    def soft_loss_map(self, prediction: Tensor, teacher_prediction: Tensor, temperature: float) -> Tensor:
        """Divergence from the teacher's class probabilities, both softened by the temperature, times its square."""
        return kl_divergence_map(prediction, teacher_prediction, temperature)

    def distillation_views(self, prediction: Tensor, teacher_prediction: Tensor,
                           temperature: float = 1.0) -> DistillationViews:
        """The probabilities of the classes; a row is a pixel."""
        return class_views(prediction, teacher_prediction, temperature)

    def groups(self, pseudo_label: Tensor, group_threshold: float,
               num_intervals: int | None = None) -> tuple[Tensor, int]:
        """One group per class; neither threshold nor intervals apply."""
        return class_groups(pseudo_label, self.num_classes)

    def prediction_map(self, prediction: Tensor) -> Tensor:
        """Class probabilities: unlike class indices, their differences mean something."""
        return prediction.softmax(dim=1)

    def has_target(self, target: np.ndarray) -> np.ndarray:
        """A label of -1 is no class."""
        return target != -1

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse class indices out of range."""
        labels = target[valid]
        if labels.size and (labels.min() < 0 or labels.max() >= self.num_classes):
            raise ValueError(f'found labels from {labels.min()} to {labels.max()}, expected 0 to '
                             f'{self.num_classes - 1} (or -1 to ignore) for the {self.num_classes} classes '
                             f'of task {self.name!r}')

    def metrics(self) -> list[dict]:
        """Unless the config says otherwise, mIoU and PixAcc."""
        return [dict(metric, num_classes=self.num_classes) if metric['type'] == 'SegmentationMetric' else metric
                for metric in super().metrics()]

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Paint each class in its colour."""
        return blacken_invalid(self.palette[target], valid)


def _spread_colours(num_colours: int) -> np.ndarray:
    """Colours of distinct hue in alternating brightness, ``(num_colours, 3)`` uint8 RGB."""
    import colorsys
    colours = [colorsys.hsv_to_rgb(index * 0.61803 % 1, 0.45 + 0.4 * (index % 2), 0.95 - 0.2 * (index % 3))
               for index in range(num_colours)]
    return (np.array(colours) * 255).astype(np.uint8)
