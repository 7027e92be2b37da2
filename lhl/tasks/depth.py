"""Depth estimation: metres along the optical axis, L1."""
import cv2
import numpy as np
from torch import Tensor

from lhl.registry import TASKS

from .base import Task, blacken_invalid


@TASKS.register_module()
class DepthEstimation(Task):
    """Pixel-wise regression of the distance along the optical axis, in metres.

    Args:
        name: The task's name in the stream.
    """

    interpolation = 'nearest'  # a mixture of a near and a far surface lies where nothing is

    def __init__(self, name: str) -> None:
        super().__init__(name, out_channels=1)

    def loss_map(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Absolute error in metres."""
        return (prediction - target).abs().squeeze(1)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and distances that are not in front of the camera."""
        super().check_target(target, valid)
        depths = target[valid]
        if depths.size and depths.min() <= 0:
            raise ValueError(f'found a depth of {depths.min():g} m among the valid pixels, expected more than 0')

    def zoom_target(self, target: np.ndarray, scale: float) -> np.ndarray:
        """What is enlarged by ``scale`` is as large as if it were so many times nearer."""
        return target / np.float32(scale)

    def metric(self) -> dict:
        """AbsErr and RelErr."""
        return dict(type='DepthMetric', task=self.name)

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Colour near bright and far dark."""
        depth = target[0]
        if value_range is None:
            shown = depth if valid is None or not valid.any() else depth[valid]
            value_range = float(shown.min()), float(shown.max())
        low, high = value_range
        scaled = np.clip((depth - low) / max(high - low, 1e-6), 0, 1)
        picture = cv2.applyColorMap((255 - 255 * scaled).astype(np.uint8), cv2.COLORMAP_MAGMA)
        return blacken_invalid(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), valid)
