"""How is a camera turned that looks at a point?"""

from __future__ import annotations

import numpy as np

from .scene import Camera


def look_at(position: np.ndarray, target: np.ndarray, roll: float = 0.0, focal: float = 0.9) -> Camera:
    """A camera at ``position`` whose optical axis goes through ``target``.

    Args:
        position: (3,) world position.
        target: (3,) world position, not straight above or below the camera.
        roll: Turn about the optical axis in radians.
        focal: Focal length in image widths.
    """
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.array([forward[1], -forward[0], 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    rolled = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    return Camera(position, np.stack([*rolled, forward]), focal)
