"""Keypoint estimation: how well a pixel would serve as a landmark, L1."""
import cv2

from lhl.registry import TASKS

from .counts import CountRegression


@TASKS.register_module()
class KeypointEstimation(CountRegression):
    """Pixel-wise regression of a keypoint detector's response, in counts of a 16-bit integer.

    It serves Taskonomy's 2D keypoints (SURF on the grey image) and 3D keypoints (NARF on the depth). 0 is no keypoint,
    a value like any other: a pixel that is unknown, because its depth is, has to be marked invalid by the data set.

    A flip changes no response, as both detectors look in all directions alike. Nor does a zoom, for which values stay:
    SURF takes the largest response over sizes and NARF measures sizes in metres.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, counts.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    colour_map = cv2.COLORMAP_PLASMA  # none blue, strong responses yellow
