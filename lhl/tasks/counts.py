"""What the responses of detectors share that are stored as counts of a 16-bit integer: their range, and drawing."""
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from .drawing import apply_colour_map, blacken_invalid, unit_interval
from .regression import Regression

MAX_COUNT = 65535


class CountRegression(Regression):
    """Pixel-wise regression of counts from 0 to 65535; 0 is a value like any other, not a missing one.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, counts.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='RegressionMetric')
    unit = 'counts'
    #: One of OpenCV's colour maps, from no to strong responses.
    colour_map: ClassVar[int]

    def __init__(self, name: str, mean: float = 0.0, std: float = 1.0,
                 metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, 1, mean, std, metrics)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and values that 16 bits do not hold."""
        super().check_target(target, valid)
        values = target[valid]
        if values.size and (values.min() < 0 or values.max() > MAX_COUNT):
            raise ValueError(f'found values from {values.min():g} to {values.max():g} among the valid pixels, expected '
                             f'counts from 0 to {MAX_COUNT}; store the picture of 16 bits as it is')

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Colour the square root, since most counts are small, from violet or blue to yellow."""
        scaled = np.sqrt(unit_interval(target[0], valid, value_range))
        return blacken_invalid(apply_colour_map(255 * scaled, self.colour_map), valid)
