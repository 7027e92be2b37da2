"""What stands and moves in a street: houses, trees, lamps, signs, cars, bicycles and people, each a few primitives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lhl.synthetic.rooms.people import person
from lhl.synthetic.rooms.piece import Piece
from lhl.synthetic.rooms.scene import Material

#: The 7 categories of CityScapes (Cordts et al., CVPR 2016) in the order of its preprocessed release.
STREET_CLASSES = ('flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle')


def street_piece(half_width: float = 0.0, half_depth: float = 0.0) -> Piece:
    """An empty piece of the street, whose parts have the classes of streets."""
    return Piece(half_width, half_depth, classes=STREET_CLASSES)


def house(rng: np.random.Generator, length: float, far: bool) -> Piece:
    """A house whose front lies along x, with a row of windows on every floor and, unless it is far away, a door."""
    floors, storey, depth = int(rng.integers(3, 6)), rng.uniform(3.1, 3.8), 6.0
    half_height, half = floors * storey / 2 + 0.3, length / 2
    piece = street_piece(half, depth)
    colour = np.array((0.55, 0.47, 0.38)) * rng.uniform(0.4, 1.5) * (1 + rng.normal(0, 0.12, 3))
    wall = painted(rng, colour, 'clouds', 1.2)
    glass = np.array((0.06, 0.07, 0.09)) * rng.uniform(0.7, 2.2)
    windows = Material('stripes', np.stack([wall.colours[0], glass]).astype(np.float32), rng.uniform(0.65, 1.0), 0,
                       rng.uniform(0, 9, 3).astype(np.float32))
    piece.add('construction', wall, (0, -depth, half_height), (half, depth, half_height))
    roof = painted(rng, np.array((0.3, 0.16, 0.12)) if rng.random() < 0.5 else np.array((0.2, 0.2, 0.22)))
    piece.add('construction', roof, (0, -depth, 2 * half_height + 0.2), (half, depth + 0.25, 0.25))
    for floor in range(floors):
        shop = floor == 0 and rng.random() < 0.4
        material, reach = (painted(rng, glass), 1.1) if shop else (windows, 0.75)
        piece.add('construction', material, (0, 0, (floor + 0.52) * storey), (half - 0.5, 0.04, reach))
    if not far:
        door = painted(rng, rng.uniform(0.05, 0.4, 3))
        piece.add('construction', door, (rng.uniform(-0.7, 0.7) * half, 0, 1.1), (0.6, 0.07, 1.1))
    return piece


def tree(rng: np.random.Generator, size: float = 1.0) -> Piece:
    """A trunk and three round masses of leaves."""
    size *= rng.uniform(0.75, 1.25)
    piece, leaves = street_piece(0.3, 0.3), foliage(rng)
    trunk = rng.uniform(1.1, 1.6) * size
    piece.add('nature', painted(rng, (0.16, 0.11, 0.07)), (0, 0, trunk), (0.16 * size, 0.16 * size, trunk), 'cylinder')
    for _ in range(3):
        x, y, z = rng.uniform(-0.8, 0.8, 3) * size
        half_size = rng.uniform((1.0, 1.0, 0.9), (1.9, 1.9, 1.6)) * size
        piece.add('nature', leaves, (x, y, 2 * trunk + 0.9 * size + z), tuple(half_size), 'ellipsoid')
    return piece


def lamp(rng: np.random.Generator) -> Piece:
    """A post with an arm; the light is off."""
    piece, metal, height = street_piece(), painted(rng, (0.3, 0.31, 0.3)), rng.uniform(2.4, 3.4)
    piece.add('object', metal, (0, 0, height), (0.1, 0.1, height), 'cylinder')
    piece.add('object', metal, (0, 0, 2 * height), (0.5, 0.12, 0.08))
    return piece


def sign(rng: np.random.Generator) -> Piece:
    """A round or square sign on a post."""
    piece, height = street_piece(), rng.uniform(2.1, 2.6)
    piece.add('object', painted(rng, (0.4, 0.4, 0.4)), (0, 0, height / 2), (0.05, 0.05, height / 2), 'cylinder')
    red, blue, yellow, white = (0.65, 0.04, 0.04), (0.04, 0.12, 0.6), (0.8, 0.6, 0.05), (0.85, 0.85, 0.85)
    colour = (red, blue, yellow)[int(rng.integers(3))]
    shape = 'ellipsoid' if rng.random() < 0.6 else 'box'
    piece.add('object', painted(rng, colour), (0, 0.06, height), (0.36, 0.03, 0.36), shape)
    piece.add('object', painted(rng, white), (0, 0.08, height), (0.24, 0.03, 0.12), shape)
    return piece


def traffic_light(rng: np.random.Generator) -> Piece:
    """Three lamps on a post, one of them lit."""
    piece, dark = street_piece(), painted(rng, (0.06, 0.07, 0.06))
    piece.add('object', dark, (0, 0, 1.5), (0.08, 0.08, 1.5), 'cylinder')
    piece.add('object', dark, (0, 0, 3.1), (0.2, 0.16, 0.5))
    lit = int(rng.integers(3))
    for index, colour in enumerate(((0.9, 0.05, 0.03), (0.9, 0.55, 0.03), (0.05, 0.8, 0.3))):
        lamp = painted(rng, np.array(colour) * (1.0 if index == lit else 0.2))
        piece.add('object', lamp, (0, 0.16, 3.42 - 0.32 * index), (0.12, 0.05, 0.12), 'ellipsoid')
    return piece


def random_car(rng: np.random.Generator, far: bool = False) -> Piece:
    """A car, or now and then a van: body, cabin and wheels; from far away, simple wheels and no lights."""
    van = rng.random() < 0.2
    length, width = rng.uniform(2.5, 3.0) if van else rng.uniform(1.9, 2.3), rng.uniform(0.82, 0.9)  # half of them
    body, cabin, share = (0.42, 0.55, 0.75) if van else (0.3, rng.uniform(0.26, 0.34), rng.uniform(0.5, 0.62))
    piece = street_piece(0.95, length)
    colours = ((0.85, 0.85, 0.85), (0.03, 0.03, 0.035), (0.3, 0.31, 0.33), (0.45, 0.03, 0.03), (0.04, 0.09, 0.3),
               (0.12, 0.2, 0.13))
    paint = replace(painted(rng, colours[int(rng.integers(len(colours)))]), specular=0.25)
    glass, tyre = replace(painted(rng, (0.04, 0.05, 0.06)), specular=0.3), painted(rng, (0.03, 0.03, 0.03))
    middle, top = 0.28 + body, 0.28 + 2 * body
    back = (share - 1) * length * 0.55  # the bonnet is longer than the boot
    piece.add('vehicle', paint, (0, 0, middle), (width, length, body))
    piece.add('vehicle', glass, (0, back, top + cabin), (0.9 * width, share * length, cabin))
    piece.add('vehicle', paint, (0, back, top + 2 * cabin), (0.87 * width, 0.88 * share * length, 0.045))
    if far:
        for end in (-1, 1):
            piece.add('vehicle', tyre, (0, 0.62 * end * length, 0.3), (width, 0.27, 0.3))
        return piece
    for side in (-1, 1):
        for end in (-1, 1):
            centre = (side * (width - 0.1), 0.62 * end * length, 0.33)
            piece.add('vehicle', tyre, centre, (0.12, 0.33, 0.33), 'ellipsoid')
    red, white = painted(rng, (0.6, 0.03, 0.02)), painted(rng, (0.85, 0.85, 0.8))
    for side in (-1, 1):
        piece.add('vehicle', white, (0.75 * side * width, length, middle + 0.1), (0.16, 0.03, 0.09))
        piece.add('vehicle', red, (0.8 * side * width, -length, middle + 0.1), (0.13, 0.03, 0.12))
    piece.add('vehicle', white, (0, -length, middle - 0.12), (0.26, 0.02, 0.06))
    return piece


def bicycle(rng: np.random.Generator) -> Piece:
    """Two wheels, a frame and a handlebar."""
    piece = street_piece(0.3, 0.9)
    frame, tyre = painted(rng, rng.uniform(0.05, 0.6, 3)), painted(rng, (0.05, 0.05, 0.05))
    for end in (-1, 1):
        piece.add('vehicle', tyre, (0, 0.52 * end, 0.34), (0.03, 0.34, 0.34), 'ellipsoid')
    piece.add('vehicle', frame, (0, 0.05, 0.6), (0.025, 0.5, 0.04))
    piece.add('vehicle', frame, (0, -0.2, 0.68), (0.025, 0.03, 0.2))
    piece.add('vehicle', frame, (0, 0.45, 0.75), (0.02, 0.03, 0.3))
    piece.add('vehicle', frame, (0, 0.42, 1.05), (0.27, 0.025, 0.025))
    return piece


def pedestrian(rng: np.random.Generator) -> Piece:
    """A person on foot."""
    return person(rng, 'human', STREET_CLASSES, reaching=0.2)


def rider(rng: np.random.Generator) -> Piece:
    """A person on a bicycle."""
    return person(rng, 'human', STREET_CLASSES, seat=0.9, footrest=0.42, reaching=1.0)


# ---- materials -------------------------------------------------------------------------------------------------------


def painted(rng: np.random.Generator, colour: np.ndarray | tuple, pattern: str = 'plain',
            scale: float = 1.0) -> Material:
    """About this colour."""
    colour = np.array(colour) * (1 + rng.normal(0, 0.06, 3))
    colours = np.clip(np.stack([colour, 0.75 * colour]), 0, 1).astype(np.float32)
    return Material(pattern, colours, scale, 0, rng.uniform(0, 9, 3).astype(np.float32))


def foliage(rng: np.random.Generator) -> Material:
    """Leaves of some green, lit and in the shade."""
    leaves = painted(rng, np.array((0.14, 0.27, 0.06)) * rng.uniform(0.6, 1.5), 'clouds', rng.uniform(2.5, 5))
    return replace(leaves, colours=np.stack([1.3 * leaves.colours[0], 0.4 * leaves.colours[0]]))
