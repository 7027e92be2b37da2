"""Reshading estimation: the bare geometry lit by a lamp at the camera, L1."""
from collections.abc import Mapping, Sequence

import numpy as np

from lhl.registry import TASKS

from .drawing import blacken_invalid
from .regression import Regression, check_from_0_to_1

_DARKEST = 40  # of a drawing: black is for invalid pixels


@TASKS.register_module()
class ReshadingEstimation(Regression):
    """Pixel-wise regression of the brightness, from 0 to 1, that a white matt surface would have.

    0 is a surface seen edge-on, a value like any other: what is unknown, such as a hole in the geometry, has to be
    marked invalid by the data set.

    A flip changes nothing, since the lamp is in the middle. A zoom would make what comes nearer brighter, and squeezing
    the depth turns surfaces away; both depend on distances and directions that the target does not hold, so that values
    stay, as if the focal length had changed.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='RegressionMetric')

    def __init__(self, name: str, mean: float = 0.0, std: float = 1.0,
                 metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, 1, mean, std, metrics)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and brightness outside [0, 1]."""
        super().check_target(target, valid)
        check_from_0_to_1(target[valid])

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Show 0 dark grey and 1 white, whatever the range: the values are a picture already."""
        grey = _DARKEST + (255 - _DARKEST) * np.clip(target[0], 0, 1)
        return blacken_invalid(np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2), valid)
