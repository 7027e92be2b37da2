"""Edge estimation: how strong an edge is at each pixel, L1."""
import cv2

from lhl.registry import TASKS

from .counts import CountRegression


@TASKS.register_module()
class EdgeEstimation(CountRegression):
    """Pixel-wise regression of the magnitude of an edge, in counts of a 16-bit integer.

    It serves Taskonomy's texture edges, of the grey image, and occlusion edges, of the depth. 0 is no edge, a value
    like any other: a pixel whose edge is unknown, because its depth is, has to be marked invalid by the data set.

    A flip changes no magnitude. Nor does a zoom, for which values stay: a step, which is what the filters look for, is
    as high in an enlarged image. Smooth transitions would be flatter, and the steps of occlusion edges, which are of
    the square root of the depth that a zoom by s divides, ``sqrt(s)`` times lower.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, counts.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    colour_map = cv2.COLORMAP_VIRIDIS  # none violet, strong edges yellow
