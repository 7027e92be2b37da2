"""Principal curvature estimation: how much a surface bends in the directions of most and least, L1."""
from collections.abc import Mapping, Sequence

import numpy as np

from lhl.registry import TASKS

from .drawing import blacken_invalid
from .regression import Regression

#: A radius of a tenth of a millimetre.
MAX_CURVATURE_PER_M = 1e4


@TASKS.register_module()
class PrincipalCurvatureEstimation(Regression):
    """Pixel-wise regression of the two principal curvatures in 1/m, positive where a surface bulges to the camera.

    Both are 0 on a plane, a value like any other: a pixel without a surface has to be marked invalid by the data set.

    A flip changes no value: a mirrored surface bends as much, and to the same side. Nor does a zoom by s, for which no
    rule is exact. The scene whose depth is divided by s is squeezed along the axis, which divides the curvature of a
    surface that faces the camera by s and multiplies that of one seen edge-on by up to its square; the target does not
    hold the directions. Over the image of a ball the factors average to ``2 s / (s + 1)`` for one curvature and
    ``2 / (s + 1)`` for the other, together to 1.

    Args:
        name: The task's name in the stream.
        mean: See :class:`~lhl.tasks.regression.Regression`, 1/m.
        std: Likewise.
        metrics: See :class:`~lhl.tasks.base.Task`.
    """

    default_metric = dict(type='RegressionMetric')
    unit = '1/m'
    interpolation = 'nearest'  # between two surfaces, neither bends as their mixture would

    def __init__(self, name: str, mean: float | Sequence[float] = 0.0, std: float | Sequence[float] = 1.0,
                 metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, 2, mean, std, metrics)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and what no visible surface has: a radius of curvature below a tenth of a millimetre."""
        super().check_target(target, valid)
        largest = np.abs(target[valid]).max(initial=0)
        if largest > MAX_CURVATURE_PER_M:
            raise ValueError(f'found a curvature of {largest:g} 1/m among the valid pixels, expected at most '
                             f'{MAX_CURVATURE_PER_M:g}; clip the creases of a mesh, and give curvatures in 1/m')

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Show the first curvature red and the second blue: grey where flat, brighter if convex, darker if concave.

        The colours follow the square root of the curvature, because most surfaces hardly bend; their scale ends at the
        largest absolute value on both sides.
        """
        shown = value_range if value_range is not None else target if valid is None else target[:, valid]
        largest = max(float(np.abs(shown).max(initial=0)), 1e-6)
        first, second = np.sign(target) * np.sqrt(np.minimum(np.abs(target) / largest, 1))
        picture = 127.5 + 127.5 * np.stack([first, np.zeros_like(first), second], axis=-1)
        return blacken_invalid(picture.astype(np.uint8), valid)
