"""What drawings of targets share: black where invalid, a scale for values, colours for the scale."""
import cv2
import numpy as np


def blacken_invalid(picture: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Paint the invalid pixels ``(H, W)`` of a picture ``(H, W, 3)`` black; ``None`` marks no pixel invalid."""
    return picture if valid is None else np.where(valid[..., None], picture, 0).astype(np.uint8)


def unit_interval(target: np.ndarray, valid: np.ndarray | None,
                  value_range: tuple[float, float] | None) -> np.ndarray:
    """Scale a map ``(H, W)`` to [0, 1]: ``value_range``, or the range of its valid pixels, becomes the whole of it."""
    if value_range is None:
        shown = target if valid is None or not valid.any() else target[valid]
        value_range = float(shown.min()), float(shown.max())
    low, high = value_range
    return np.clip((target - low) / max(high - low, 1e-6), 0, 1)


def apply_colour_map(brightness: np.ndarray, colour_map: int) -> np.ndarray:
    """Colour a map ``(H, W)`` of numbers from 0 to 255 by one of OpenCV's colour maps, ``(H, W, 3)`` uint8 RGB."""
    return cv2.cvtColor(cv2.applyColorMap(brightness.astype(np.uint8), colour_map), cv2.COLOR_BGR2RGB)
