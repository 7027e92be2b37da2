"""Evaluation: metrics per kind of task, the results of a run, and what they say about forgetting."""
from .metrics import DenseMetric, DepthMetric, NormalMetric, SegmentationMetric
from .results import PhaseResults, Results
from .summary import forgetting, relative_forgetting

__all__ = ['DenseMetric', 'DepthMetric', 'NormalMetric', 'PhaseResults', 'Results', 'SegmentationMetric', 'forgetting',
           'relative_forgetting']
