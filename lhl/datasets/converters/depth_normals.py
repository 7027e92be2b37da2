"""Computes surface normals from a depth map, where a data set has no others."""
from typing import NamedTuple

import cv2
import numpy as np


class Intrinsics(NamedTuple):
    """A pinhole camera: pixel ``(row v, column u)``, counted from 0, looks along ``((u - cx) / fx, (v - cy) / fy, 1)``.

    Args:
        fx: Focal length in columns.
        fy: Focal length in rows.
        cx: Column of the optical axis.
        cy: Row of the optical axis.
    """

    fx: float
    fy: float
    cx: float
    cy: float


def normals_from_depth(depth: np.ndarray, camera: Intrinsics, reach: int = 5,
                       tolerance: float = 0.003) -> tuple[np.ndarray, np.ndarray]:
    """Fit a plane to the square window around every pixel.

    On a plane the inverse depth is linear in the pixel coordinates, ``1 / z = a u + b v + c``, and its normal is
    ``(a fx, b fy, a cx + b cy + c)``: the direction of the cross product of its tangents. A least-squares fit of the
    inverse depth gives exact normals on planes, and suits sensors that measure disparity, whose noise is even there.

    Args:
        depth: ``(H, W)`` metres along the optical axis, 0 where unknown.
        camera: Its camera.
        reach: Pixels from the centre of the window to its sides.
        tolerance: Where the fit misses the inverse depth in the window by more than this, in 1/m (root mean square),
            the depth jumps or bends, and the normal is unknown. A step of four times as much is found. The default is
            twice the noise of a Kinect (Khoshelham and Elberink, 2012).

    Returns:
        Unit vectors ``(H, W, 3)`` float32 in the camera frame, x right, y down, z forward, facing the camera, 0 where
        unknown; and where they are known ``(H, W)`` bool: neither next to unknown depth nor near the sides.
    """
    height, width = depth.shape
    offsets = np.arange(-reach, reach + 1, dtype=np.float64)
    count, ones = offsets.size**2, np.ones(offsets.size)
    known = depth > 0
    inverse = np.where(known, 1 / np.where(known, depth, 1), 0).astype(np.float64)

    def window(array: np.ndarray, along_columns: np.ndarray, along_rows: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(array, cv2.CV_64F, along_columns, along_rows, borderType=cv2.BORDER_REPLICATE)

    spread = offsets.size * (offsets**2).sum()  # of either coordinate over the window
    a, b = window(inverse, offsets, ones) / spread, window(inverse, ones, offsets) / spread
    mean = window(inverse, ones, ones) / count
    residual = window(inverse**2, ones, ones) / count - mean**2 - (a**2 + b**2) * spread / count
    rows, columns = np.mgrid[:height, :width]
    normals = -np.stack([a * camera.fx, b * camera.fy,
                         mean - a * (columns - camera.cx) - b * (rows - camera.cy)], axis=-1)
    lengths = np.linalg.norm(normals, axis=-1, keepdims=True)
    everywhere = cv2.erode(known.astype(np.uint8), np.ones((offsets.size, offsets.size), np.uint8),
                           borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    valid = everywhere & (residual < tolerance**2)
    return np.where(valid[..., None], normals / np.maximum(lengths, 1e-12), 0).astype(np.float32), valid
