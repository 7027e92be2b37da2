"""What does every ray of a camera hit first, and which points does a light reach?

Every primitive is a convex unit shape seen through an affine map, so a ray is intersected in the frame of the unit
shape, where the ray parameter is the same as in the world. A unit shape is an intersection of intervals along the ray:
the last entry and the first exit decide. Vectors are stored component first, (3, ...), which keeps numpy's inner loops
long.

Only element-wise operations touch pixels, no BLAS: results do not depend on a number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .scene import Camera, Scene

_TINY = np.float32(1e-12)  # stands for a component 0 of a ray, which cannot be divided by
_NEAREST = np.float32(0.02)  # hits closer than this, in ray parameter, are behind or inside the camera
_SHADOW_MARGIN = np.float32(0.15)  # metres before a lit point within which nothing casts a shadow on it
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)


@dataclass(frozen=True)
class Hits:
    """The first surface along every ray of a camera.

    Args:
        depth: (H, W) float32, metres along the optical axis.
        normal: (3, H, W) float32 unit vectors in the *world* frame, facing the camera.
        surface: (H, W) int16 index into ``Scene.surfaces``.
        rays: (3, H, W) float32 directions in the world frame; the hit point is ``camera.position + depth * rays``.
    """

    depth: np.ndarray
    normal: np.ndarray
    surface: np.ndarray
    rays: np.ndarray


def camera_rays(camera: Camera, height: int, width: int) -> np.ndarray:
    """(3, H, W) float32 world directions through the pixel centres, with length 1 along the optical axis.

    Because of that length the ray parameter of a hit is its z-depth.
    """
    focal = camera.focal * width
    x = (np.arange(width) + 0.5 - width / 2) / focal
    y = (np.arange(height) + 0.5 - height / 2) / focal
    right, down, forward = camera.rotation[:, :, None, None]
    return (right * x[None, :] + down * y[:, None] + forward).astype(np.float32)


def rotate(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """``matrix @ vectors`` for a (3, 3) matrix and (3, ...) vectors, without BLAS."""
    columns = matrix.astype(vectors.dtype).reshape(3, 3, *[1] * (vectors.ndim - 1))
    return columns[:, 0] * vectors[0] + columns[:, 1] * vectors[1] + columns[:, 2] * vectors[2]


def _without_zeros(direction: np.ndarray) -> np.ndarray:
    return np.where(np.abs(direction) < _TINY, _TINY, direction)


# Entries and exits of the intervals of each unit shape: (K, N) each, for an origin (3,) and directions (3, N).


def _slab_intervals(origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inverse = 1 / _without_zeros(direction)
    middle = -origin[:, None] * inverse
    reach = np.abs(inverse)
    return middle - reach, middle + reach


def _round_interval(origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Solved about the point of closest approach: the textbook b^2 - ac would cancel for a small ball far away.
    square = (direction * direction).sum(0) + _TINY
    closest = -(origin[:, None] * direction).sum(0) / square
    miss = origin[:, None] + closest * direction
    room = 1 - (miss * miss).sum(0)
    reach = np.sqrt(np.maximum(room, 0) / square)
    # A ray that only grazes has no usable normal; it counts as a miss.
    reach = np.where(room > 1e-6, reach, -np.inf).astype(np.float32)
    return (closest - reach)[None], (closest + reach)[None]


def _intervals(shape: str, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if shape == 'box':
        return _slab_intervals(origin, direction)
    if shape == 'ellipsoid':
        return _round_interval(origin, direction)
    entry, leave = _round_interval(origin[:2], direction[:2])
    cap_entry, cap_leave = _slab_intervals(origin[2:], direction[2:])
    return np.concatenate([entry, cap_entry]), np.concatenate([leave, cap_leave])


def _unit_normals(shape: str, entries: np.ndarray, point: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(3, N) outward normals of a unit shape where rays enter it at ``point`` (3, N), nearly of length 1."""
    if shape == 'ellipsoid':
        return point
    last = entries.argmax(0)
    if shape == 'box':
        return np.where(last == np.arange(3)[:, None], -np.sign(direction), 0)
    cap = np.stack([np.zeros_like(point[0]), np.zeros_like(point[0]), -np.sign(direction[2])])
    side = np.stack([point[0], point[1], np.zeros_like(point[0])])
    return np.where(last == 1, cap, side)


class RayCaster:
    """Casts rays into one scene.

    Args:
        scene: The scene; its primitives' frames are worked out once.
    """

    def __init__(self, scene: Scene):
        self.scene = scene
        self.size = np.array(scene.size, np.float32)
        yaws = np.array([primitive.yaw for primitive in scene.primitives])
        self.centres, half_sizes = (np.array(vectors, np.float64).reshape(-1, 3) for vectors in (
            [primitive.centre for primitive in scene.primitives],
            [primitive.half_size for primitive in scene.primitives]))
        cosine, sine, zero, one = np.cos(yaws), np.sin(yaws), np.zeros_like(yaws), np.ones_like(yaws)
        turns = np.stack([cosine, sine, zero, -sine, cosine, zero, zero, zero, one], -1).reshape(-1, 3, 3)
        #: (K, 3, 3): world offset from a primitive's centre -> its unit frame.
        self.to_unit = turns / half_sizes[:, :, None]
        #: (K, 8, 3) world corners of the bounding boxes.
        self.corners = self.centres[:, None] + (_CORNERS * half_sizes[:, None]) @ turns

    def unit_origins(self, origin: np.ndarray) -> np.ndarray:
        """(K, 3) float32: a world point in every primitive's unit frame."""
        return np.einsum('kij,kj->ki', self.to_unit, origin - self.centres).astype(np.float32)

    def look(self, camera: Camera, height: int, width: int) -> Hits:
        """Find the first surface through every pixel centre of an image of ``height`` x ``width`` pixels."""
        rays = camera_rays(camera, height, width)
        depth, normal, surface = self._hit_sides(camera.position, rays)
        origins = self.unit_origins(camera.position)
        first = len(self.scene.sides)
        for index, closest, (rows, columns) in self._windows(camera, height, width):
            window = depth[rows, columns]
            if closest > window.max():
                continue  # hidden by what came before it
            shape, to_unit, origin = self.scene.primitives[index].shape, self.to_unit[index], origins[index]
            direction = rotate(to_unit, rays[:, rows, columns].reshape(3, -1))
            entries, leaves = _intervals(shape, origin, direction)
            distance = entries.max(0)
            nearest = (distance < leaves.min(0)) & (distance > _NEAREST) & (distance < window.reshape(-1))
            if not nearest.any():
                continue
            distance, direction = distance[nearest], direction[:, nearest]
            point = origin[:, None] + distance * direction
            unit_normal = _unit_normals(shape, entries[:, nearest], point, direction)
            world_normal = rotate(to_unit.T, unit_normal.astype(np.float32))
            world_normal /= np.sqrt((world_normal * world_normal).sum(0))
            mask = nearest.reshape(window.shape)
            window[mask] = distance
            normal[:, rows, columns][:, mask] = world_normal
            surface[rows, columns][mask] = first + index
        return Hits(depth, normal, surface, rays)

    def blocked(self, light: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(N,) bool: does a primitive stand between the light (3,) and each point (3, N)?"""
        origins = self.unit_origins(light)
        direction = points - light.astype(np.float32)[:, None]
        way = np.sqrt((direction * direction).sum(0))
        # Less than the whole way, so that rounding makes no surface shade itself; but of the long way from the sun only
        # a short end is ignored.
        reach = np.maximum(np.float32(0.985), 1 - _SHADOW_MARGIN / way)
        blocked = np.zeros(direction.shape[1], bool)
        for index, near in self._shadow_cones(light, direction / way):
            shape, to_unit, origin = self.scene.primitives[index].shape, self.to_unit[index], origins[index]
            entries, leaves = _intervals(shape, origin, rotate(to_unit, direction[:, near]))
            distance = entries.max(0)
            blocked[near] |= (distance < leaves.min(0)) & (distance > 0) & (distance < reach[near])
        return blocked

    def encloses(self, point: np.ndarray) -> bool:
        """Is a world point (3,) inside the bounding box of a primitive?"""
        return bool((np.abs(self.unit_origins(point)) < 1).all(1).any())

    def _hit_sides(self, position: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Depth, world normal and surface index where rays from inside the room leave it."""
        rays = _without_zeros(rays)
        outward = rays > 0
        position = position.astype(np.float32)[:, None, None]
        leaves = (np.where(outward, self.size[:, None, None], 0) - position) / rays
        axis = leaves.argmin(0)
        chosen = axis == np.arange(3)[:, None, None]
        normal = np.where(chosen, np.where(outward, np.float32(-1), np.float32(1)), np.float32(0))
        surface = (2 * axis + (outward & chosen).any(0)).astype(np.int16)
        return leaves.min(0), normal, surface

    def _shadow_cones(self, light: np.ndarray, towards: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (primitive index, indices of directions) where unit directions (3, N) meet a primitive's bounding ball.

        Most directions miss most primitives, and this is cheaper than an intersection.
        """
        offsets = self.centres - light
        distances = np.maximum(np.sqrt((offsets * offsets).sum(1)), 1e-6)
        radii = np.sqrt(((self.corners[:, 0] - self.centres)**2).sum(1))
        radii = 1.001 * radii + 1e-5 * distances  # more than rounding can do
        # Seen from the light, a ball of radius r at distance d fills the angle arcsin(r / d); this is the square of the
        # chord that belongs to it on the unit sphere.
        chords = 2 - 2 * np.sqrt(np.maximum(1 - (radii / distances)**2, 0))
        chords[radii >= distances] = np.inf  # the light is inside the ball
        axes = (offsets / distances[:, None]).astype(np.float32)
        for index in range(len(axes)):
            apart = towards - axes[index][:, None]
            near = np.flatnonzero((apart * apart).sum(0) <= chords[index])
            if len(near):
                yield index, near

    def _windows(self, camera: Camera, height: int, width: int) -> Iterator[tuple[int, float, tuple[slice, slice]]]:
        """Yield (primitive index, least depth, (rows, columns)) for all that may be seen: where their corners are."""
        corners = (self.corners - camera.position) @ camera.rotation.T
        behind = corners[..., 2] < 0.05
        ahead = np.maximum(corners[..., 2], 0.05) / (camera.focal * width)
        x, y = corners[..., 0] / ahead + width / 2, corners[..., 1] / ahead + height / 2
        # A box that reaches behind the camera projects to no rectangle: it is tried everywhere.
        whole = behind.any(1)
        left, right = np.where(whole, 0, x.min(1) - 1), np.where(whole, width, x.max(1) + 1)
        top, bottom = np.where(whole, 0, y.min(1) - 1), np.where(whole, height, y.max(1) + 1)
        limits = np.stack([top, bottom, left, right], 1).clip(0, [height, height, width, width])
        first, last = np.floor(limits[:, ::2]).astype(int), np.ceil(limits[:, 1::2]).astype(int)
        seen = ~behind.all(1) & (first < last).all(1)
        closest = corners[..., 2].min(1) * 0.9999  # rounded down
        for index in np.flatnonzero(seen):
            (top, left), (bottom, right) = first[index].tolist(), last[index].tolist()
            yield int(index), float(closest[index]), (slice(top, bottom), slice(left, right))
