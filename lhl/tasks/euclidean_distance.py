"""Euclidean distance estimation: metres from the camera's optical centre, L1."""
import cv2

from lhl.registry import TASKS

from .depth import DepthEstimation


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

    quantity = 'distance of {:g} m'
    colour_map = cv2.COLORMAP_CIVIDIS  # near yellow, far blue
