"""In which axes normals are stored: the signed permutation under which they fit the depth best.

No release documents its axes. Depth knows them: its points, under an assumed field of view, have normals of their own
in the frame of lhl, x to the right, y down, z forward, facing the camera. Candidates are 90 degrees apart, so neither
the assumption nor the noise of real depth matters much.
"""
import itertools
from dataclasses import dataclass

import numpy as np

#: (order, signs): component i of the normal is ``signs[i] * stored[order[i]]``. The first is what lhl expects.
CONVENTIONS = tuple((order, signs) for order in itertools.permutations(range(3))
                    for signs in itertools.product((1, -1), repeat=3))
FIELD_OF_VIEW = 60.0  # degrees, horizontal; rooms are photographed with 50 to 75
#: Degrees by which another convention must fit better to be believed.
MARGIN = 5.0
PIXELS = 4000  # per image: enough, and every convention is tried on all of them


@dataclass
class AxisFit:
    """How far stored normals are from those of the depth, under each convention."""

    degrees: np.ndarray  #: (48,), the sum over pixels of the angle
    pixels: int

    def __add__(self, other: 'AxisFit') -> 'AxisFit':
        return AxisFit(self.degrees + other.degrees, self.pixels + other.pixels)

    @property
    def best(self) -> int:
        """The convention that fits best; the expected one unless another is clearly better."""
        best = int(self.degrees.argmin())
        return best if self.mean_angle(0) - self.mean_angle(best) > MARGIN else 0

    def mean_angle(self, convention: int) -> float:
        """The mean angle in degrees under one convention."""
        return float(self.degrees[convention] / self.pixels)


def fit_axes(depth: np.ndarray, normal: np.ndarray, valid: np.ndarray) -> AxisFit | None:
    """Compare the normals of an image with those of its depth.

    Args:
        depth: ``(H, W)`` along the optical axis, in any unit.
        normal: ``(H, W, 3)`` unit vectors.
        valid: ``(H, W)`` bool, where both are known.

    Returns:
        None where too little is known.
    """
    measured, usable = normals_of_depth(depth, valid)
    given, measured = normal[usable], measured[usable]
    if len(given) < 50:
        return None
    chosen = np.linspace(0, len(given) - 1, min(len(given), PIXELS)).astype(np.int64)
    # products[i, j, n]: component i of the measured normal of pixel n times component j of the stored one.
    products = np.einsum('ni,nj->ijn', measured[chosen], given[chosen].astype(np.float64))
    degrees = [np.degrees(np.arccos(np.clip(sum(
        sign * products[axis, stored] for axis, (stored, sign) in enumerate(zip(order, signs, strict=True))), -1, 1)
    )).sum() for order, signs in CONVENTIONS]
    return AxisFit(np.array(degrees), len(chosen))


def normals_of_depth(depth: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute normals ``(H, W, 3)`` from depth ``(H, W)`` by cross products, and where they can be trusted."""
    height, width = depth.shape
    focal = width / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
    rows, columns = np.mgrid[:height, :width]
    depth = depth.astype(np.float64)
    points = np.stack([(columns - (width - 1) / 2) / focal * depth, (rows - (height - 1) / 2) / focal * depth, depth],
                      axis=-1)
    step = max(1, round(width / 160))  # wide enough for the noise and the steps of real depth
    normals, usable = np.zeros(points.shape), np.zeros(depth.shape, bool)
    inner = slice(step, -step), slice(step, -step)
    up, down, left, right = ((slice(None, -2 * step), inner[1]), (slice(2 * step, None), inner[1]),
                             (inner[0], slice(None, -2 * step)), (inner[0], slice(2 * step, None)))
    # It faces the camera whatever the depths: its product with the ray is -d (d_down + d_up) (d_right + d_left) / f^2.
    cross = np.cross(points[down] - points[up], points[right] - points[left])
    length = np.linalg.norm(cross, axis=-1, keepdims=True)
    cross /= np.maximum(length, 1e-12)
    # Where the neighbours' depths are far apart, an object ends: their points span no surface.
    apart = np.maximum(abs(depth[down] - depth[up]), abs(depth[right] - depth[left])) > 0.1 * depth[inner]
    usable[inner] = (valid[inner] & valid[up] & valid[down] & valid[left] & valid[right] & ~apart
                     & (length[..., 0] > 0))
    normals[inner] = cross
    return normals, usable


def describe(convention: int) -> str:
    """Describe which stored component is which: ``x = -1st, y = 3rd, z = 2nd``."""
    order, signs = CONVENTIONS[convention]
    names = ('1st', '2nd', '3rd')
    return ', '.join(f'{axis} = {"-" if sign < 0 else ""}{names[stored]}'
                     for axis, stored, sign in zip('xyz', order, signs, strict=True))
