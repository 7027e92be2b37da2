"""Random materials and the procedural patterns on them.

Colours and patterns are drawn independently of the class, so that a network has to look at shapes. The few exceptions
(bright ceilings and panes, dark screens) are asked for by the caller through ``tone``.
"""

from __future__ import annotations

import bisect
import colorsys

import numpy as np

from .scene import Material


def _plain(position: np.ndarray, axis: int) -> np.ndarray:
    return np.zeros_like(position[0])


def _checks(position: np.ndarray, axis: int) -> np.ndarray:
    return (np.floor(position).sum(0) % 2).astype(np.float32)


def _stripes(position: np.ndarray, axis: int) -> np.ndarray:
    wave = np.sin(3.1 * position[axis] + 0.6 * position[(axis + 1) % 3])
    return (wave > 0).astype(np.float32)


def _wood(position: np.ndarray, axis: int) -> np.ndarray:
    return 0.5 + 0.5 * np.sin(4 * position[axis] + 4 * value_noise(0.5 * position))


def _clouds(position: np.ndarray, axis: int) -> np.ndarray:
    return 0.65 * value_noise(position) + 0.35 * value_noise(2.7 * position)


def _dots(position: np.ndarray, axis: int) -> np.ndarray:
    offset = position - np.floor(position) - 0.5
    return ((offset**2).sum(0) < 0.12).astype(np.float32)


#: Name -> function of the pattern coordinates (3, N) and an axis, giving the blend of the two colours, (N,) in [0, 1].
PATTERNS = {
    'plain': _plain,
    'checks': _checks,
    'stripes': _stripes,
    'wood': _wood,
    'clouds': _clouds,
    'dots': _dots,
}
_CUMULATIVE_WEIGHTS = [0.24, 0.38, 0.53, 0.73, 0.92, 1.0]  # of the patterns, in the order above

# Random values on an integer lattice, looked up by a hash of the lattice point.
_LATTICE = np.random.default_rng(13).random(4096, dtype=np.float32)
_HASH = (np.int64(73856093), np.int64(19349663), np.int64(83492791))


def value_noise(position: np.ndarray) -> np.ndarray:
    """Smooth random values: trilinear interpolation of the lattice with a cubic ease.

    Args:
        position: (3, N) float32, in lattice cells.

    Returns:
        (N,) float32 in [0, 1].
    """
    corner = np.floor(position)
    inside = position - corner
    inside = inside * inside * (3 - 2 * inside)
    hashes = [[(corner[axis].astype(np.int64) + step) * _HASH[axis] for step in (0, 1)] for axis in range(3)]

    def along_x(y: int, z: int) -> np.ndarray:
        rest = hashes[1][y] ^ hashes[2][z]
        low, high = (_LATTICE[(hashes[0][x] ^ rest) & 4095] for x in (0, 1))
        return low + (high - low) * inside[0]

    def along_y(z: int) -> np.ndarray:
        low, high = along_x(0, z), along_x(1, z)
        return low + (high - low) * inside[1]

    low, high = along_y(0), along_y(1)
    return low + (high - low) * inside[2]


def texture(material: Material, position: np.ndarray) -> np.ndarray:
    """The colour of a material at points given in its object's own frame.

    Args:
        material: The material.
        position: (3, N) float32 in metres.

    Returns:
        (3, N) float32 linear RGB in [0, 1].
    """
    coordinates = position * np.float32(material.scale) + material.phase[:, None]
    blend = PATTERNS[material.pattern](coordinates, material.axis)
    first, second = material.colours[:, :, None]
    return first + (second - first) * blend


def _random_colour(rng: np.random.Generator) -> np.ndarray:
    hue, saturation, value = rng.random(), rng.beta(1.3, 2.2), rng.uniform(0.15, 1.0)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def random_material(rng: np.random.Generator, tone: str = 'any', emission: float = 0.0) -> Material:
    """Draw a material.

    Args:
        rng: Source of randomness.
        tone: ``'any'``, ``'bright'`` or ``'dark'``.
        emission: See ``Material``.
    """
    first, second = _random_colour(rng), _random_colour(rng)
    if rng.random() < 0.6:  # two shades of one colour are more common than two colours
        second = first * rng.uniform(0.55, 1.3) + rng.normal(0, 0.05, 3)
    colours = np.stack([first, second])
    if tone == 'bright':
        colours = 0.45 * colours + 0.5
    elif tone == 'dark':
        colours = 0.17 * colours
    return Material(
        pattern=list(PATTERNS)[bisect.bisect(_CUMULATIVE_WEIGHTS, rng.random())],
        colours=np.clip(colours, 0, 1).astype(np.float32),
        scale=float(np.exp(rng.uniform(np.log(1.5), np.log(14)))),
        axis=int(rng.integers(3)),
        phase=rng.uniform(0, 9, 3).astype(np.float32),
        specular=float(rng.uniform(0.1, 0.5)) if rng.random() < 0.35 else 0.0,
        emission=emission,
    )
