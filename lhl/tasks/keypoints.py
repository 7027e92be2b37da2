"""Keypoint estimation: how well a pixel would serve as a landmark, L1."""
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from lhl.registry import TASKS

from .edges import check_counts, draw_counts
from .regression import Regression


@TASKS.register_module()
class KeypointEstimation(Regression):
    """Pixel-wise regression of a keypoint detector's response, in counts of a 16-bit integer.

    It serves Taskonomy's 2D keypoints (SURF on the grey image) and 3D keypoints (NARF on the depth). 0 is no keypoint,
    which is an answer like any other: what is unknown, because its depth is, the data set has to say.

    A flip changes no response, as both detectors look in all directions alike. Nor does a zoom, for which values stay:
    SURF takes the largest response over sizes and NARF measures sizes in metres.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, counts.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='RegressionMetric')

    def __init__(self, name: str, mean: float = 0.0, std: float = 1.0,
                 metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, 1, mean, std, metrics)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and what 16 bits do not hold."""
        super().check_target(target, valid)
        check_counts(target[valid])

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Colour strong responses yellow, none blue."""
        return draw_counts(target[0], valid, value_range, cv2.COLORMAP_PLASMA)
