"""Metrics: one file per kind of task; ``base.py`` is the whole contract."""
from .averaging import AveragedMetric
from .base import DenseMetric
from .boundary import BoundaryMetric
from .classification import ClassificationMetric
from .depth import DepthMetric, DisparityMetric
from .loss import LossMetric
from .normal import NormalMetric
from .regression import RegressionMetric
from .saliency import SaliencyMetric
from .segmentation import SegmentationMetric

__all__ = ['AveragedMetric', 'BoundaryMetric', 'ClassificationMetric', 'DenseMetric', 'DepthMetric', 'DisparityMetric',
           'LossMetric', 'NormalMetric', 'RegressionMetric', 'SaliencyMetric', 'SegmentationMetric']
