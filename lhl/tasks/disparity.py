"""Disparity estimation: inverse depth in a unit of the data set's own, L1."""
import cv2
import numpy as np

from lhl.registry import TASKS

from .base import blacken_invalid
from .depth import DepthEstimation
from .regression import unit_interval


@TASKS.register_module()
class DisparityEstimation(DepthEstimation):
    """Pixel-wise regression of the disparity between the images of a stereo camera.

    It is proportional to the inverse of the depth; 0 where unknown. What the data sets for multi-task learning call the
    depth of CityScapes is this.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, in the unit of the disparity.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='DisparityMetric')

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and disparities of points behind the camera."""
        super(DepthEstimation, self).check_target(target, valid)  # what any number must be; not what a depth must be
        disparities = target[valid]
        if disparities.size and disparities.min() <= 0:
            raise ValueError(f'found a disparity of {disparities.min():g} among the valid pixels, expected more than '
                             f'0; store 0 where it is unknown')

    def zoom_target(self, target: np.ndarray, scale: float) -> np.ndarray:
        """What is enlarged by ``scale`` is as large as if it were so many times nearer: its disparity grows."""
        return target * np.float32(scale)

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Colour near bright and far dark, as for depth."""
        scaled = unit_interval(target[0], valid, value_range)
        picture = cv2.applyColorMap((255 * scaled).astype(np.uint8), cv2.COLORMAP_MAGMA)
        return blacken_invalid(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), valid)
