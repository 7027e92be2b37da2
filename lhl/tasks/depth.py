"""Depth estimation: metres along the optical axis, L1."""
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from lhl.registry import TASKS

from .base import blacken_invalid
from .regression import Regression, unit_interval


@TASKS.register_module()
class DepthEstimation(Regression):
    """Pixel-wise regression of the distance along the optical axis, in metres.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, metres.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='DepthMetric')
    interpolation = 'nearest'  # a mixture of a near and a far surface lies where nothing is

    def __init__(self, name: str, mean: float = 0.0, std: float = 1.0,
                 metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, 1, mean, std, metrics)

    def has_target(self, target: np.ndarray) -> np.ndarray:
        """A distance of 0 was not measured."""
        return target[..., 0] != 0

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and distances that are not in front of the camera."""
        super().check_target(target, valid)
        depths = target[valid]
        if depths.size and depths.min() <= 0:
            raise ValueError(f'found a depth of {depths.min():g} m among the valid pixels, expected more than 0')

    def zoom_target(self, target: np.ndarray, scale: float) -> np.ndarray:
        """What is enlarged by ``scale`` is as large as if it were so many times nearer."""
        return target / np.float32(scale)

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Colour near bright and far dark."""
        scaled = unit_interval(target[0], valid, value_range)
        picture = cv2.applyColorMap((255 - 255 * scaled).astype(np.uint8), cv2.COLORMAP_MAGMA)
        return blacken_invalid(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), valid)
