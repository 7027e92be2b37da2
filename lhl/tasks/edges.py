"""Edge estimation: how strong an edge is at each pixel, L1."""
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from lhl.registry import TASKS

from .base import blacken_invalid
from .regression import Regression, unit_interval

COUNTS = 65535


@TASKS.register_module()
class EdgeEstimation(Regression):
    """Pixel-wise regression of the magnitude of an edge, in counts of a 16-bit integer.

    It serves Taskonomy's texture edges, of the grey image, and occlusion edges, of the depth. 0 is no edge, which is
    an answer like any other: what is unknown, because its depth is, the data set has to say.

    A flip changes no magnitude. Nor does a zoom, for which values stay: a step, which is what the filters look for, is
    as high in an enlarged image. Smooth transitions would be flatter, and the steps of occlusion edges, which are of
    the square root of the depth that a zoom by s divides, ``sqrt(s)`` times lower.

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
        """Colour strong edges yellow, none violet."""
        return draw_counts(target[0], valid, value_range, cv2.COLORMAP_VIRIDIS)


def check_counts(values: np.ndarray) -> None:
    """Refuse values that are no counts of a 16-bit integer.

    Raises:
        ValueError: With the clause "found ..., expected ...; cure".
    """
    if values.size and (values.min() < 0 or values.max() > COUNTS):
        raise ValueError(f'found values from {values.min():g} to {values.max():g} among the valid pixels, expected '
                         f'counts from 0 to {COUNTS}; store the picture of 16 bits as it is')


def draw_counts(counts: np.ndarray, valid: np.ndarray | None, value_range: tuple[float, float] | None,
                colour_map: int) -> np.ndarray:
    """Draw a map ``(H, W)`` of counts, most of which are small: their square root makes the weak ones visible."""
    scaled = np.sqrt(unit_interval(counts, valid, value_range))
    picture = cv2.applyColorMap((255 * scaled).astype(np.uint8), colour_map)
    return blacken_invalid(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), valid)
