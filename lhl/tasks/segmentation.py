"""Semantic segmentation: one class per pixel, cross-entropy."""
import numpy as np

from lhl.registry import TASKS

from .classification import Classification
from .drawing import blacken_invalid


@TASKS.register_module()
class SemanticSegmentation(Classification):
    """Pixel-wise classification; see :class:`~lhl.tasks.classification.Classification` for the options."""

    default_metric = dict(type='SegmentationMetric')

    def metrics(self) -> list[dict]:
        """By default mIoU and PixAcc; a ``SegmentationMetric`` is given the number of classes."""
        return [dict(metric, num_classes=self.num_classes) if metric['type'] == 'SegmentationMetric' else metric
                for metric in super().metrics()]

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Paint each class in its colour."""
        return blacken_invalid(self.palette[target], valid)
