"""Boundary detection: where one object ends and another begins, binary cross-entropy."""
from collections.abc import Mapping, Sequence

from lhl.registry import TASKS

from .binary import Binary


@TASKS.register_module()
class BoundaryDetection(Binary):
    """Pixel-wise decision whether there is a boundary; a target is 1 on lines that are a pixel or so wide.

    A zoom widens the lines as it does everything else; what is learned from wide ones is thinned by the metric.

    Args:
        name: The task's name in the stream.
        positive_weight: See :class:`~lhl.tasks.binary.Binary`. Boundaries are few: 0.8 is usual for NYUD-v2, 0.95 for
            PASCAL-Context.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='BoundaryMetric')

    def __init__(self, name: str, positive_weight: float | None = 0.8,
                 metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, positive_weight, metrics)
