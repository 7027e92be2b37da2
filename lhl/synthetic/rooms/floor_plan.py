"""Where in a room is a free place for a piece?"""

from __future__ import annotations

import numpy as np

from .piece import Piece

_PLACING_ATTEMPTS = 12


class FloorPlan:
    """Finds free places in a room and remembers which rectangles are taken.

    Args:
        width: Extent of the room along x in metres.
        length: Extent along y.
    """

    def __init__(self, width: float, length: float):
        self.extent = (width, length)
        self.taken: list[tuple[float, float, float, float]] = []

    def find(self, rng: np.random.Generator, piece: Piece, at_wall: bool) -> tuple[float, float, float] | None:
        """(x, y, yaw) of a free place, now taken; None if a few attempts find none."""
        for _ in range(_PLACING_ATTEMPTS):
            if at_wall:
                yaw = int(rng.integers(4)) * np.pi / 2  # local +y, away from the wall, points along (-sin, cos)
            else:
                yaw = rng.uniform(0, 2 * np.pi)
            cosine, sine = np.cos(yaw), np.sin(yaw)
            half = (abs(cosine) * piece.half_width + abs(sine) * piece.half_depth,
                    abs(sine) * piece.half_width + abs(cosine) * piece.half_depth)
            if any(2 * half[axis] > self.extent[axis] for axis in (0, 1)):
                continue
            place = [rng.uniform(half[axis], self.extent[axis] - half[axis]) for axis in (0, 1)]
            if at_wall:
                # The axis that the piece faces along is pinned to the wall behind it.
                axis, inward = (1, cosine) if abs(cosine) > 0.5 else (0, -sine)
                place[axis] = half[axis] if inward > 0 else self.extent[axis] - half[axis]
            low_x, high_x = place[0] - half[0], place[0] + half[0]
            low_y, high_y = place[1] - half[1], place[1] + half[1]
            if all(low_x >= x1 or high_x <= x0 or low_y >= y1 or high_y <= y0 for x0, x1, y0, y1 in self.taken):
                self.taken.append((low_x, high_x, low_y, high_y))
                return float(place[0]), float(place[1]), float(yaw)
        return None
