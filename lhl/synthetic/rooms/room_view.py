"""What a rendered picture comes with: its exact ground truth, and what every ray hit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .ray_casting import Hits
from .scene import Camera, Scene


@dataclass(frozen=True)
class RoomView:
    """A picture with its exact ground truth, taken at the pixel centres.

    The camera frame has x to the right, y down and z forward. Pixel (row v, column u) looks along
    ``((u + 0.5 - W / 2) / f, (v + 0.5 - H / 2) / f, 1)`` with ``f = camera.focal * W``; depth times this ray is the
    point seen.

    Args:
        image: (H, W, 3) uint8 RGB.
        label: (H, W) int8 in [0, 12], an index into ``CLASSES``; of a street, in [0, 6], into ``STREET_CLASSES``.
        depth: (H, W) float32, metres along the optical axis; of a street, infinite in the sky.
        normal: (H, W, 3) float32 unit vectors in the camera frame, facing the camera: their product with the
            pixel's ray is negative.
        labelled: (H, W) bool, False where an annotator would leave a border unlabelled.
        measured: (H, W) bool, False where a depth sensor would see nothing.
        scene: The room.
        camera: Where the picture was taken from.
        hits: What each ray hit: surfaces, instances and points, from which other targets are derived.
    """

    image: np.ndarray
    label: np.ndarray
    depth: np.ndarray
    normal: np.ndarray
    labelled: np.ndarray
    measured: np.ndarray
    scene: Scene
    camera: Camera
    hits: Hits
