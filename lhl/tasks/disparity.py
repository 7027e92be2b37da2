"""Disparity estimation: inverse depth in a unit of the data set's own, L1."""
import numpy as np

from lhl.registry import TASKS

from .depth import DepthEstimation
from .drawing import apply_colour_map, blacken_invalid, unit_interval


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
    unit = ''  # of the data set's own
    quantity = 'disparity of {:g}'

    def zoom_target(self, target: np.ndarray, scale: float) -> np.ndarray:
        """What is enlarged by ``scale`` is as large as if it were so many times nearer: its disparity grows."""
        return target * np.float32(scale)

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Colour near bright and far dark, as for depth: a large disparity is near."""
        scaled = unit_interval(target[0], valid, value_range)
        return blacken_invalid(apply_colour_map(255 * scaled, self.colour_map), valid)
