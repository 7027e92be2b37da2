"""Evaluation: metrics per kind of task, the results of a run, summaries of them, and published results."""
from .accuracies import average_accuracy, average_forgetting, averaged_metrics
from .directions import Directions, Metrics, mean_metrics
from .improvement import mean_rank, multi_task_delta, relative_improvement, task_improvements
from .metrics import (
    BoundaryMetric,
    ClassificationMetric,
    DenseMetric,
    DepthMetric,
    DisparityMetric,
    LossMetric,
    NormalMetric,
    RegressionMetric,
    SaliencyMetric,
    SegmentationMetric,
)
from .published import PublishedTable, Questionable, published_table, published_tables
from .results import PhaseResults, Results
from .transfer import backward_transfer, forgetting, parameter_overhead, plasticity, relative_forgetting

__all__ = ['BoundaryMetric', 'ClassificationMetric', 'DenseMetric', 'DepthMetric', 'Directions', 'DisparityMetric',
           'LossMetric', 'Metrics', 'NormalMetric', 'PhaseResults', 'PublishedTable', 'Questionable',
           'RegressionMetric', 'Results', 'SaliencyMetric', 'SegmentationMetric', 'average_accuracy',
           'average_forgetting', 'averaged_metrics', 'backward_transfer', 'forgetting', 'mean_metrics', 'mean_rank',
           'multi_task_delta', 'parameter_overhead', 'plasticity', 'published_table', 'published_tables',
           'relative_forgetting', 'relative_improvement', 'task_improvements']
