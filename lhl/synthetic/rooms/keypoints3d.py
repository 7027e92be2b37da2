"""Where does the geometry change in several directions at once? Corners of things, as NARF finds them.

A simplified NARF interest score (Steder et al., Point feature extraction on 3D range scans taking into account object
boundaries, ICRA 2011), which Taskonomy takes from the Point Cloud Library. It is close to theirs, not identical: the
normals are exact instead of estimated, a jump in range is judged by the gap between two surfaces alone, and directions
are angles in the picture.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .image_targets import COUNTS
from .ray_casting import rotate
from .room_view import RoomView

_DIRECTIONS = 18  # bins of an angle mod pi: a change to the left is a change to the right
_LEAST_CHANGE = 0.2  # a smaller score is no change
_FULL_JUMP = 0.5  # of the support radius: a gap this wide scores 1
_PLATEAU = 0.25  # of the support radius: changes count fully up to here, and spoil a keypoint within
_WINDOW = 1 / 8  # of the width: changes further away in the picture are not looked for
# The eight neighbours but for opposite ones, as (rows, columns).
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def keypoints3d(view: RoomView, support_radius: float = 0.15) -> np.ndarray:
    """Measure how much every visible point suits as a keypoint: stable itself, near changes in different directions.

    Args:
        view: The rendered view; depth, normals and camera are used.
        support_radius: How far away, in metres, a change still counts; half of PCL's ``support_size``, 0.3 m in
            Taskonomy.

    Returns:
        (H, W) float32, 16-bit counts in [0, 65535]: 0 on bare walls, little along straight edges, much at corners.
    """
    points = rotate(view.camera.rotation, view.depth * view.hits.rays).astype(np.float64)
    normal = view.normal.transpose(2, 0, 1).astype(np.float64)
    score, direction = _surface_change(points, normal, support_radius)
    strength, stability = _gather(view, points, score, direction, support_radius)
    return (COUNTS * stability * _disagreement(strength).reshape(view.depth.shape)).astype(np.float32)


def _surface_change(points: np.ndarray, normal: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Measure how abruptly the surface changes at every pixel, and in which direction.

    A crease scores half the difference of the two normals, which is their standard deviation; a jump scores the gap.
    The far side of a jump scores nothing: the near surface merely hides where it continues.

    Args:
        points: (3, H, W) in the camera frame.
        normal: (3, H, W) likewise.
        radius: The support radius in metres.

    Returns:
        Scores (H, W) in [0, 1] and directions (H, W) int64, of ``_DIRECTIONS`` bins.
    """
    score = np.zeros(points.shape[1:])
    hidden = np.zeros(points.shape[1:], bool)
    gradient = np.zeros((2, 4, *points.shape[1:]))  # Sobel's, to the right and down, of the normal and of jumps
    distance = (points * points).sum(0)
    for rows, columns in _NEIGHBOURS:
        one, other = _pair(rows, columns)
        between = points[other] - points[one]
        # Of a crease at least one of the two planes contains the other point, however it is seen.
        gap = np.minimum(np.abs((between * normal[one]).sum(0)), np.abs((between * normal[other]).sum(0)))
        jump = np.minimum(gap / (_FULL_JUMP * radius), 1)
        jumps = jump >= _LEAST_CHANGE
        bend = np.where(jumps, 0, (normal[other] - normal[one]) / 2)
        change = np.where(jumps, jump, np.sqrt((bend * bend).sum(0)))
        farther = np.sign(distance[other] - distance[one])
        difference = np.concatenate([bend, np.where(jumps, farther * jump, 0)[None]])
        weight = 1 if rows and columns else 2
        for side, is_hidden in ((one, jumps & (farther < 0)), (other, jumps & (farther > 0))):
            hidden[side] |= is_hidden
            np.maximum(score[side], change, out=score[side])
            for axis, step in enumerate((columns, rows)):
                gradient[axis][side] += weight * step * difference
    score[hidden | (score < _LEAST_CHANGE)] = 0
    gradient *= score > 0
    # Pixels make steps of a slanted line; its direction is better known over 7 x 7. Angles mod pi are averaged doubled.
    right, down = gradient
    doubled = ((right * right - down * down).sum(0), 2 * (right * down).sum(0))
    cosine, sine = (ndimage.convolve(part, np.ones((7, 7)), mode='nearest') for part in doubled)
    turn = 0.5 * np.arctan2(sine, cosine) / np.pi
    return score, np.rint(turn * _DIRECTIONS).astype(np.int64) % _DIRECTIONS


def _pair(rows: int, columns: int) -> tuple[tuple, tuple]:
    """Index all pixels that have a neighbour 0 or 1 rows and -1 to 1 columns on, and these neighbours."""
    upper, lower = (np.s_[:-1], np.s_[1:]) if rows else (np.s_[:], np.s_[:])
    left, right = (np.s_[:-1], np.s_[1:]) if columns else (np.s_[:], np.s_[:])
    one, other = (left, right) if columns >= 0 else (right, left)
    return (..., upper, one), (..., lower, other)


def _gather(view: RoomView, points: np.ndarray, score: np.ndarray, direction: np.ndarray,
            radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Let every change tell all points within the support radius of it.

    Returns:
        The strongest change of each direction, (``_DIRECTIONS``, H * W) float32, weaker the farther away it is, and the
        stability (H, W): 1, less where a change is close.
    """
    height, width = score.shape
    limit = max(2, round(_WINDOW * width))
    # A border that is infinitely far away, so that no window needs clipping.
    padded = np.pad(points.astype(np.float32), ((0, 0), (limit, limit), (limit, limit)), constant_values=np.inf)
    stride = padded.shape[2]
    targets = padded.reshape(3, -1)
    strength = np.zeros((_DIRECTIONS, targets.shape[1]), np.float32)
    stability = np.ones(targets.shape[1], np.float32)

    row, column = np.nonzero(score)
    x, y, z = points[:, row, column]
    reach = view.camera.focal * width * radius * np.sqrt(x * x + y * y + z * z) / z**2 + 1  # in pixels
    order = np.argsort(-reach, kind='stable')
    row, column, reach = row[order], column[order], reach[order]
    home = (row + limit) * stride + column + limit
    source, change = targets[:, home], score[row, column].astype(np.float32)
    slot = direction[row, column] * strength.shape[1]
    flat = strength.reshape(-1)
    for down in range(-limit, limit + 1):
        for right in range(-limit, limit + 1):
            away = np.hypot(down, right)
            count = int(np.searchsorted(-reach, -away, side='right')) if away <= limit else 0
            if count == 0:
                continue
            # One shift takes different changes to different points, so plain indexing loses nothing.
            target = home[:count] + (down * stride + right)
            offset = targets[:, target] - source[:, :count]
            far = np.sqrt((offset * offset).sum(0)) / np.float32(radius)
            near = np.flatnonzero(far < 1)
            target, far, strong = target[near], far[near], change[near]
            cell = slot[near] + target
            flat[cell] = np.maximum(flat[cell], strong * np.minimum((1 - far) / (1 - _PLATEAU), 1))
            spoilt = 1 - 0.5 * strong * np.maximum(1 - far / _PLATEAU, 0)
            stability[target] = np.minimum(stability[target], spoilt)
    inside = np.s_[limit:-limit, limit:-limit]
    strength = strength.reshape(_DIRECTIONS, *padded.shape[1:])[:, *inside].reshape(_DIRECTIONS, -1)
    return strength, stability.reshape(padded.shape[1:])[inside]


def _disagreement(strength: np.ndarray) -> np.ndarray:
    """(N,) the largest geometric mean of two changes, times the root of how different their directions are.

    Perpendicular directions differ by 1. Neighbouring bins count as the same direction, so that a straight
    edge between two bins is not taken for a corner.
    """
    best = np.zeros(strength.shape[1], np.float32)
    active = np.flatnonzero(strength.any(0))
    strength = strength[:, active]
    largest = np.zeros(len(active), np.float32)
    for one in range(_DIRECTIONS):
        for other in range(one + 1, _DIRECTIONS):
            apart = min(other - one, _DIRECTIONS - (other - one))
            weight = np.float32((apart - 1) / (_DIRECTIONS // 2 - 1))
            if weight > 0:
                np.maximum(largest, weight * strength[one] * strength[other], out=largest)
    best[active] = np.sqrt(largest)
    return best
