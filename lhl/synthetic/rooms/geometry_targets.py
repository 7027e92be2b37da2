"""What else does the geometry of a rendered view tell? Distances, curvature, reshading, edges and the salient object.

Everything is derived from what each ray hit, so it is exact where a definition is. The units are those of Taskonomy
(Zamir et al., CVPR 2018); only element-wise operations touch pixels, no BLAS.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.morphology import thin

from .image_targets import COUNTS, sobel_magnitude
from .room_view import RoomView
from .scene import CLASSES, Primitive

_BENT_AXES = dict(box=(0, 0, 0), cylinder=(1, 1, 0), ellipsoid=(1, 1, 1))  # in which directions a shape's side is round
_LAMP_DISTANCE, _LAMP_ENERGY = 8.0, 2.5  # Taskonomy's lamp, in metres and in units of a white wall
_DEPTH_COUNTS = 512  # Taskonomy stores depth as 16-bit integers, so many per metre
_WALL_DECOR = (CLASSES.index('picture'), CLASSES.index('window'))


def euclidean_distance(view: RoomView) -> np.ndarray:
    """Measure how far every visible point is from the camera's centre.

    Returns:
        (H, W) float32, metres, nowhere less than the depth.
    """
    return (view.depth * np.sqrt(_squared_ray_length(view))).astype(np.float32)


def principal_curvature(view: RoomView) -> np.ndarray:
    """Compute how strongly every visible surface bends, and how weakly.

    Positive where a surface bulges towards the camera. Boxes, caps and walls are flat, and edges have no curvature of
    their own. The values are not clipped; Taskonomy's pictures hold up to 1 / 0.03 per metre.

    Returns:
        (H, W, 2) float32, the larger and the smaller principal curvature in 1/m.
    """
    hits = view.hits
    curvature = np.zeros((*hits.depth.shape, 2), np.float32)
    for index in np.unique(hits.surface):
        surface = view.scene.surfaces[index]
        if not isinstance(surface, Primitive) or not any(_BENT_AXES[surface.shape]):
            continue
        seen = hits.surface == index
        if surface.shape == 'cylinder':
            seen &= np.abs(hits.normal[2]) < 0.5  # the caps look straight up and down, the side does not at all
        points = view.camera.position[:, None] + hits.depth[seen].astype(np.float64) * hits.rays[:, seen]
        curvature[seen] = _quadric_curvature(surface, points)
    return curvature


def reshading(view: RoomView) -> np.ndarray:
    """Shade the bare geometry: white matt surfaces, lit by one lamp where the camera is.

    The light falls off with distance r as D / (D + r^2), Blender's inverse square law with D = 8, and has the strength
    2.5; more than white is white. No shadow is seen from where the light comes from.

    Returns:
        (H, W) float32 in [0, 1].
    """
    x, y = _ray_slopes(view)
    square = _squared_ray_length(view)
    normal = view.normal.astype(np.float64)
    cosine = -(x * normal[..., 0] + y * normal[..., 1] + normal[..., 2]) / np.sqrt(square)
    falloff = _LAMP_DISTANCE / (_LAMP_DISTANCE + square * view.depth.astype(np.float64)**2)
    return np.clip(_LAMP_ENERGY * falloff * cosine, 0, 1).astype(np.float32)


def edge_occlusion(depth: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Measure how abruptly depth changes: Sobel's magnitude of the square root of depth, without smoothing.

    Args:
        depth: (H, W) metres along the optical axis.
        valid: (H, W) bool, False where depth is unknown; what the filter sees of such pixels counts as no edge.
            Default: known everywhere.

    Returns:
        (H, W) float32, 16-bit counts; 65535 stands for a change of the root by that of 128 m.
    """
    root = np.sqrt(np.where(True if valid is None else valid, depth, 0).astype(np.float64) * _DEPTH_COUNTS) / 256
    edges = COUNTS * sobel_magnitude(root)
    if valid is not None:
        edges[~ndimage.binary_erosion(valid, np.ones((3, 3)), border_value=1)] = 0
    return edges.astype(np.float32)


def boundary(view: RoomView) -> np.ndarray:
    """Mark where one object or class ends and another begins, on the nearer of the two, thinned to lines.

    A line is one pixel wide; where several meet, thinning cannot always part them.

    Returns:
        (H, W) bool.
    """
    label, instance, depth = view.label, _instances(view), view.depth
    border = np.zeros(depth.shape, bool)
    for first, second in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
    ):
        differs = (label[first] != label[second]) | (instance[first] != instance[second])
        border[first] |= differs & (depth[first] <= depth[second])
        border[second] |= differs & (depth[second] <= depth[first])
    return thin(border)


def saliency(view: RoomView) -> np.ndarray:
    """Mark the object that fills most of the picture; neither the room nor what hangs on its walls is an object.

    Returns:
        (H, W) bool, False everywhere if no object is seen.
    """
    instance = _instances(view)
    area = np.bincount(instance.reshape(-1))
    objects = {part.instance for part in view.scene.primitives if part.label not in _WALL_DECOR}
    seen = [candidate for candidate in sorted(objects) if candidate < len(area) and area[candidate]]
    if not seen:
        return np.zeros(instance.shape, bool)
    return instance == max(seen, key=lambda candidate: area[candidate])


def _instances(view: RoomView) -> np.ndarray:
    """(H, W) number of the instance that every pixel shows."""
    return np.array([surface.instance for surface in view.scene.surfaces])[view.hits.surface]


def _ray_slopes(view: RoomView) -> tuple[np.ndarray, np.ndarray]:
    """(1, W) and (H, 1): how far right and down every pixel's ray goes per metre of depth."""
    height, width = view.depth.shape
    focal = view.camera.focal * width
    x, y = (np.arange(width) + 0.5 - width / 2) / focal, (np.arange(height) + 0.5 - height / 2) / focal
    return x[None], y[:, None]


def _squared_ray_length(view: RoomView) -> np.ndarray:
    """(H, W) float64: the square of the way along every pixel's ray per metre of depth."""
    x, y = _ray_slopes(view)
    return 1 + x * x + y * y


def _quadric_curvature(primitive: Primitive, points: np.ndarray) -> np.ndarray:
    """(N, 2) principal curvatures of the round side of a primitive at world points (3, N).

    The side is the level set ``q A q = 1`` with ``A = diag(weights)`` in the primitive's own frame. Half the sum of its
    curvatures is ``(tr A - n A n) / (2 |A q|)`` and their product ``n adj(A) n / |A q|^2``, with the unit normal n
    along ``A q``.
    """
    bent = np.array(_BENT_AXES[primitive.shape], np.float64)[:, None]
    half_size = np.array(primitive.half_size)[:, None]
    x, y, z = points - np.array(primitive.centre)[:, None]
    cosine, sine = np.cos(primitive.yaw), np.sin(primitive.yaw)
    unit_point = bent * np.stack([cosine * x + sine * y, cosine * y - sine * x, z]) / half_size
    unit_point /= np.sqrt((unit_point * unit_point).sum(0))  # the rounding of depth leaves it a little off the surface
    gradient = unit_point / half_size
    square = (gradient * gradient).sum(0)
    normal_squares = gradient * gradient / square
    weights = bent / half_size**2
    adjugate = np.stack([weights[1] * weights[2], weights[2] * weights[0], weights[0] * weights[1]])
    mean = (weights.sum() - (weights * normal_squares).sum(0)) / (2 * np.sqrt(square))
    product = (adjugate * normal_squares).sum(0) / square
    spread = np.sqrt(np.maximum(mean * mean - product, 0))
    return np.stack([mean + spread, mean - spread], -1)
