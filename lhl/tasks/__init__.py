"""Tasks: one file per kind of prediction problem; ``base.py`` is the whole contract."""
from collections.abc import Mapping

from lhl.registry import TASKS

from .base import Task
from .binary import Binary
from .boundary import BoundaryDetection
from .classification import Classification
from .depth import DepthEstimation
from .disparity import DisparityEstimation
from .edges import EdgeEstimation
from .euclidean_distance import EuclideanDistanceEstimation
from .human_parts import HumanPartSegmentation
from .image_classification import ImageClassification
from .keypoints import KeypointEstimation
from .normal import SurfaceNormalEstimation
from .principal_curvature import PrincipalCurvatureEstimation
from .reconstruction import ImageReconstruction
from .regression import Regression
from .reshading import ReshadingEstimation
from .saliency import SaliencyEstimation
from .segmentation import SemanticSegmentation
from .shared_heads import check_shared_heads

__all__ = [
    'Binary', 'BoundaryDetection', 'Classification', 'DepthEstimation', 'DisparityEstimation', 'EdgeEstimation',
    'EuclideanDistanceEstimation', 'HumanPartSegmentation', 'ImageClassification', 'ImageReconstruction',
    'KeypointEstimation', 'PrincipalCurvatureEstimation', 'Regression', 'ReshadingEstimation', 'SaliencyEstimation',
    'SemanticSegmentation', 'SurfaceNormalEstimation', 'Task', 'build_tasks', 'check_shared_heads', 'metric_configs'
]


def build_tasks(configs: Mapping[str, dict]) -> dict[str, Task]:
    """Build tasks from a config such as ``dict(depth=dict(type='DepthEstimation'))``; the keys become the names."""
    return {name: TASKS.build(dict(config, name=name)) for name, config in configs.items()}


def metric_configs(configs: Mapping[str, dict]) -> dict[str, list[dict]]:
    """Return the configs of the metrics of each task.

    A :class:`~lhl.evaluation.metrics.LossMetric` computes the loss of any kind of task, so it is given the
    task's config.
    """
    kinds = {name: {key: value for key, value in config.items() if key != 'metrics'}
             for name, config in configs.items()}
    return {name: [dict(metric, kind=kinds[name]) if metric['type'] == 'LossMetric' else metric
                   for metric in task.metrics()]
            for name, task in build_tasks(configs).items()}
