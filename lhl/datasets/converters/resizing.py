"""Resizes what converters store: images and vectors by averaging, labels and depth by choosing."""
import cv2
import numpy as np


def resize_nearest(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize ``(H, W, ...)`` by taking, for every new pixel, the one that holds its centre."""
    rows = (2 * np.arange(height) + 1) * array.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * array.shape[1] // (2 * width)
    return array[rows[:, None], columns]


def resize_mean(array: np.ndarray, height: int, width: int, valid: np.ndarray | None = None) -> np.ndarray:
    """Shrink ``(H, W)`` or ``(H, W, C)`` by averaging over the area of every new pixel.

    Args:
        array: Numbers.
        height: Rows of the result.
        width: Columns of the result.
        valid: ``(H, W)`` bool: what is averaged over. Default: everything.

    Returns:
        float32 means; NaN where the area holds no valid pixel.
    """
    size = width, height
    if valid is None:
        return cv2.resize(array.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    shares = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    weights = valid if array.ndim == 2 else valid[..., None]
    sums = cv2.resize(np.where(weights, array, 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    shares = np.where(shares > 1e-6, shares, np.nan).astype(np.float32)
    return sums / (shares if array.ndim == 2 else shares[..., None])
