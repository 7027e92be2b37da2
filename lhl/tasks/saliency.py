"""Saliency estimation: what catches the eye, binary cross-entropy."""
from lhl.registry import TASKS

from .binary import Binary


@TASKS.register_module()
class SaliencyEstimation(Binary):
    """Pixel-wise decision whether a pixel belongs to what stands out in the image.

    Args:
        name: The task's name in the stream.
        positive_weight: See :class:`~lhl.tasks.binary.Binary`.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='SaliencyMetric')
    colours = ((72, 62, 92), (255, 183, 77))
