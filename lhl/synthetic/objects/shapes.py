"""Which points belong to an object of each class, decided with whole numbers: the same on every machine.

An object fills the square from -1000 to 1000 about its middle, more or less. A function gets the coordinates u and v
of points, int64 arrays of one shape, and says which are inside; those with something random about them draw it from
the generator.
"""
from collections.abc import Callable, Sequence

import numpy as np

Points = np.ndarray
RandomState = np.random.RandomState

#: The corners of a five-pointed star, 1000 and 400 from its middle.
_STAR = ((0, -1000), (235, -324), (951, -309), (380, 124), (588, 809), (0, 400), (-588, 809), (-380, 124), (-951, -309),
         (-235, -324))
_TRIANGLE = ((0, -1000), (866, 500), (-866, 500))


def disc(u: Points, v: Points, generator: RandomState) -> Points:
    """A full circle."""
    return u * u + v * v <= 850**2


def ring(u: Points, v: Points, generator: RandomState) -> Points:
    """A circle with a round hole."""
    distance = u * u + v * v
    return (distance <= 950**2) & (distance >= generator.randint(480, 620)**2)


def square(u: Points, v: Points, generator: RandomState) -> Points:
    """Four equal sides."""
    return np.maximum(abs(u), abs(v)) <= 760


def triangle(u: Points, v: Points, generator: RandomState) -> Points:
    """Three equal sides."""
    return _polygon(u, v, _TRIANGLE)


def star(u: Points, v: Points, generator: RandomState) -> Points:
    """Five points."""
    return _polygon(u, v, _STAR)


def cross(u: Points, v: Points, generator: RandomState) -> Points:
    """Two bars across each other."""
    narrow = generator.randint(200, 300)
    return (np.minimum(abs(u), abs(v)) <= narrow) & (np.maximum(abs(u), abs(v)) <= 950)


def crescent(u: Points, v: Points, generator: RandomState) -> Points:
    """A disc from which another one has taken a bite."""
    bite = generator.randint(400, 600)
    return (u * u + v * v <= 950**2) & ((u - bite)**2 + v * v > 800**2)


def stripes(u: Points, v: Points, generator: RandomState) -> Points:
    """Parallel bars in a disc."""
    width = generator.randint(180, 260)
    return (u * u + v * v <= 1000**2) & ((u + generator.randint(2 * width)) // width % 2 == 0)


def checkerboard(u: Points, v: Points, generator: RandomState) -> Points:
    """Fields of two colours in turn, four by four or five by five."""
    fields = generator.randint(4, 6)
    width = 1800 // fields
    return (np.maximum(abs(u), abs(v)) <= 900) & (((u + 900) // width + (v + 900) // width) % 2 == 0)


def dots(u: Points, v: Points, generator: RandomState) -> Points:
    """Several small discs, apart from each other."""
    places = [(x, y) for x in (-620, 0, 620) for y in (-620, 0, 620)]
    chosen = generator.permutation(len(places))[:generator.randint(4, 8)]
    inside = np.zeros(u.shape, bool)
    for place in chosen.tolist():
        x, y = (coordinate + generator.randint(-60, 61) for coordinate in places[place])
        inside |= (u - x)**2 + (v - y)**2 <= generator.randint(190, 270)**2
    return inside


#: By the names of the classes, in the order of their labels: two that follow each other are unlike.
SHAPES: dict[str, Callable[[Points, Points, RandomState], Points]] = dict(
    disc=disc, star=star, square=square, crescent=crescent, ring=ring, cross=cross, triangle=triangle,
    checkerboard=checkerboard, stripes=stripes, dots=dots)
CLASSES = tuple(SHAPES)


def _polygon(u: Points, v: Points, corners: Sequence[tuple[int, int]]) -> Points:
    """Return which points lie inside a polygon: an odd number of its sides are to their right."""
    inside = np.zeros(u.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if y0 == y1:
            continue
        (x0, y0), (x1, y1) = sorted([(x0, y0), (x1, y1)], key=lambda corner: corner[1])
        inside ^= (y0 <= v) & (v < y1) & ((u - x0) * (y1 - y0) < (x1 - x0) * (v - y0))
    return inside
