"""Tasks: one file per kind of dense prediction problem; ``base.py`` is the whole contract."""
from collections.abc import Mapping

from lhl.registry import TASKS

from .base import Task
from .depth import DepthEstimation
from .normal import SurfaceNormalEstimation
from .segmentation import SemanticSegmentation

__all__ = ['DepthEstimation', 'SemanticSegmentation', 'SurfaceNormalEstimation', 'Task', 'build_tasks']


def build_tasks(configs: Mapping[str, dict]) -> dict[str, Task]:
    """Build tasks from a config such as ``dict(depth=dict(type='DepthEstimation'))``; the keys become the names."""
    return {name: TASKS.build(dict(config, name=name)) for name, config in configs.items()}
