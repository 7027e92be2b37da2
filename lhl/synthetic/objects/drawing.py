"""Draws one object in front of something: where, how large, how turned and in which colours is random.

Everything is decided with whole numbers from a generator whose stream is frozen, so an image is the same, to the bit,
on every machine and with every version of numpy.
"""
from functools import lru_cache

import numpy as np

from .shapes import CLASSES, SHAPES

_SUBPIXELS = 3  # along each side of a pixel: how smooth edges are
_UNIT = 64  # subdivisions of a pixel in which places and sizes are given
_LEAST_CONTRAST = 200  # by how much an object is lighter than its background, summed over the channels, of 765
_TURN = 1024


@lru_cache(maxsize=2**15)  # 100 MB at 32 x 32; drawing an image takes longer than all else that happens to it
def draw_object(label: int, seed: tuple[int, ...], size: int = 32) -> np.ndarray:
    """Draw an image.

    Args:
        label: The class, an index into ``CLASSES``.
        seed: Of all that is random.
        size: Height and width in pixels.

    Returns:
        ``(size, size, 3)`` uint8 RGB, not to be written to.
    """
    generator = np.random.RandomState(np.random.SeedSequence(seed).generate_state(4))
    u, v = _object_coordinates(generator, size)
    inside = SHAPES[CLASSES[label]](u, v, generator)
    cover = inside.reshape(size, _SUBPIXELS, size, _SUBPIXELS).sum(axis=(1, 3))[..., None]
    front, back = _colours(generator)
    front, back = _shaded(generator, front, size), _clutter(generator, _shaded(generator, back, size), size)
    image = (front * cover + back * (_SUBPIXELS**2 - cover)) // _SUBPIXELS**2
    noise = generator.randint(2, 10)
    image = np.clip(image + generator.randint(-noise, noise + 1, image.shape), 0, 255).astype(np.uint8)
    image.setflags(write=False)
    return image


def _object_coordinates(generator: np.random.RandomState, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Place, scale and turn an object: its coordinates u and v at all sub-pixels, thousandths of its radius."""
    whole = size * _UNIT
    radius = generator.randint(whole * 30 // 100, whole * 44 // 100)
    slack = whole // 2 - radius
    centre = whole // 2 + generator.randint(-slack, slack + 1, 2)
    cosine, sine = _turn(generator)
    steps = (2 * np.arange(size * _SUBPIXELS, dtype=np.int64) + 1) * _UNIT // (2 * _SUBPIXELS)
    x, y = steps[None, :] - centre[0], steps[:, None] - centre[1]
    return ((cosine * x + sine * y) * 1000 // (_TURN * radius), (cosine * y - sine * x) * 1000 // (_TURN * radius))


def _turn(generator: np.random.RandomState) -> tuple[int, int]:
    """A turn by up to 44 degrees as its cosine and sine times 1024: a rational point of the unit circle, rounded."""
    t = generator.randint(-400, 401)  # the tangent of half the angle, in thousandths
    return (1000**2 - t * t) * _TURN // (1000**2 + t * t), 2000 * t * _TURN // (1000**2 + t * t)


def _colours(generator: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Two colours, the lighter one for the object; neither says anything about the class.

    Were the background lighter in every other image, LeNet would need several times as many epochs.
    """
    while True:
        dark, light = sorted(generator.randint(0, 256, (2, 3)).astype(np.int64), key=np.sum)
        if (light - dark).sum() >= _LEAST_CONTRAST:
            return light, dark


def _shaded(generator: np.random.RandomState, colour: np.ndarray, size: int) -> np.ndarray:
    """A surface ``(size, size, 3)`` of a colour that gets lighter in some direction."""
    along_x, along_y = generator.randint(-40, 41, 2).tolist()
    steps = np.arange(size, dtype=np.int64) * 2 - size + 1
    light = (along_x * steps[None, :] + along_y * steps[:, None]) // (2 * size)
    return np.clip(colour + light[..., None], 0, 255)


def _clutter(generator: np.random.RandomState, surface: np.ndarray, size: int) -> np.ndarray:
    """Bars of other colours across the background, of which some images have none."""
    for _ in range(generator.randint(0, 3)):
        start, width = generator.randint(size), generator.randint(1, max(size // 10, 2) + 1)
        bar = [slice(None), slice(start, start + width)]
        if generator.randint(2):
            bar.reverse()
        surface[tuple(bar)] = (surface[tuple(bar)] + generator.randint(0, 256, 3)) // 2
    return surface
