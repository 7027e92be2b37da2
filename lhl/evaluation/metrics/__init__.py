"""Metrics: one file per kind of task; ``base.py`` is the whole contract."""
from .base import DenseMetric
from .depth import DepthMetric
from .loss import LossMetric
from .normal import NormalMetric
from .segmentation import SegmentationMetric

__all__ = ['DenseMetric', 'DepthMetric', 'LossMetric', 'NormalMetric', 'SegmentationMetric']
