"""Image reconstruction: the colours of an image of which the learner sees less, L1; a pretext task without labels."""
from collections.abc import Mapping, Sequence

import numpy as np

from lhl.registry import TASKS

from .drawing import blacken_invalid
from .regression import Regression, check_from_0_to_1


@TASKS.register_module()
class ImageReconstruction(Regression):
    """Pixel-wise regression of the image itself, RGB from 0 to 1.

    What is hidden from the learner is said by the pipeline, such as ``RandomGrayscale(probability=1)`` and
    :class:`~lhl.datasets.transforms.RandomMask`, which change the image and leave its targets. A data set gives the
    image as its target: ``folders=dict(colour='image')`` of :class:`~lhl.datasets.nyuv2.NYUv2`.

    Args:
        name: The task's name in the stream.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='RegressionMetric')

    def __init__(self, name: str, metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, 3, metrics=metrics)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and colours outside [0, 1]."""
        super().check_target(target, valid)
        check_from_0_to_1(target[valid])

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Show the picture."""
        return blacken_invalid((255 * np.moveaxis(np.clip(target, 0, 1), 0, -1)).astype(np.uint8), valid)
