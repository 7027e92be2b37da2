"""Depth estimation: metres along the optical axis, L1."""
from collections.abc import Mapping, Sequence
from typing import ClassVar

import cv2
import numpy as np

from lhl.registry import TASKS

from .drawing import apply_colour_map, blacken_invalid, unit_interval
from .regression import Regression


@TASKS.register_module()
class DepthEstimation(Regression):
    """Pixel-wise regression of the distance along the optical axis, in metres; 0 where unknown.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, metres.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='DepthMetric')
    unit = 'm'
    interpolation = 'nearest'  # a mixture of a near and a far surface lies where nothing is
    #: How an error names a value.
    quantity: ClassVar[str] = 'depth of {:g} m'
    #: One of OpenCV's colour maps, from far to near.
    colour_map: ClassVar[int] = cv2.COLORMAP_MAGMA

    def __init__(self, name: str, mean: float = 0.0, std: float = 1.0,
                 metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, 1, mean, std, metrics)

    def has_target(self, target: np.ndarray) -> np.ndarray:
        """A value of 0 was not measured."""
        return target[..., 0] != 0

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and what is not in front of the camera."""
        super().check_target(target, valid)
        values = target[valid]
        if values.size and values.min() <= 0:
            raise ValueError(f'found a {self.quantity.format(values.min())} among the valid pixels, expected more '
                             f'than 0; store 0 where it is unknown')

    def zoom_target(self, target: np.ndarray, scale: float) -> np.ndarray:
        """What is enlarged by ``scale`` is as large as if it were so many times nearer."""
        return target / np.float32(scale)

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Colour near bright and far dark."""
        scaled = unit_interval(target[0], valid, value_range)
        return blacken_invalid(apply_colour_map(255 - 255 * scaled, self.colour_map), valid)
