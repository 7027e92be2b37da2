"""Euclidean distance estimation: metres from the camera's optical centre, L1."""
import cv2
import numpy as np

from lhl.registry import TASKS

from .base import blacken_invalid
from .depth import DepthEstimation
from .regression import unit_interval


@TASKS.register_module()
class EuclideanDistanceEstimation(DepthEstimation):
    """Pixel-wise regression of the length of the ray from the optical centre, in metres; 0 where unknown.

    It exceeds the depth, which is measured along the optical axis, the more the further a pixel is from the centre.

    A zoom by s divides it by s, as it does depth. That is exact on the optical axis. Elsewhere a point keeps its offset
    from the axis while its depth is divided, and the exact divisor is ``s cos(b) / cos(a)``, a and b being the angles
    of its ray to the axis before and after; they follow from the focal length, which no target holds. In a 4:3 image
    that is 60 degrees wide, enlarged 1.5 times around the axis, the distance is too small by 10 % in the corners and
    by 4 % on average.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, metres.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and distances that are not positive."""
        super(DepthEstimation, self).check_target(target, valid)  # what any number must be; the other names depths
        distances = target[valid]
        if distances.size and distances.min() <= 0:
            raise ValueError(f'found a distance of {distances.min():g} m among the valid pixels, expected more than 0; '
                             f'store 0 where it is unknown')

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Colour near yellow and far blue."""
        scaled = unit_interval(target[0], valid, value_range)
        picture = cv2.applyColorMap((255 - 255 * scaled).astype(np.uint8), cv2.COLORMAP_CIVIDIS)
        return blacken_invalid(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), valid)
