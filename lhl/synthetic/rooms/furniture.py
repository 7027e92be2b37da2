"""Random pieces of furniture, and how often a room has each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .materials import random_material
from .piece import Piece
from .scene import Material


def _add_legs(piece: Piece, label: str, material: Material, x: float, y: float, half_height: float,
              thickness: float, shape: str = 'box') -> None:
    for side in (-1, 1):
        for end in (-1, 1):
            piece.add(label, material, (side * x, end * y, half_height), (thickness, thickness, half_height), shape)


def _add_clutter(piece: Piece, rng: np.random.Generator, top: float, x: float, y: float, count: int) -> None:
    """Put books and small objects on a surface of half size (x, y) at height ``top``."""
    for _ in range(count):
        at_x, at_y = rng.uniform(-0.75, 0.75) * x, rng.uniform(-0.75, 0.75) * y
        kind, turn = rng.random(), rng.uniform(0, 3)
        if kind < 0.45:
            height = top
            for _ in range(int(rng.integers(1, 5))):
                half_height = rng.uniform(0.015, 0.035)
                half_size = (rng.uniform(0.08, 0.13), rng.uniform(0.1, 0.17), half_height)
                centre = (at_x, at_y, height + half_height)
                piece.add('books', random_material(rng), centre, half_size, yaw=rng.normal(0, 0.3))
                height += 2 * half_height
        elif kind < 0.65:
            radius = rng.uniform(0.05, 0.14)
            piece.add('objects', random_material(rng), (at_x, at_y, top + radius), (radius,) * 3, 'ellipsoid')
        elif kind < 0.9:
            radius, half_height = rng.uniform(0.04, 0.1), rng.uniform(0.06, 0.2)
            centre = (at_x, at_y, top + half_height)
            piece.add('objects', random_material(rng), centre, (radius, radius, half_height), 'cylinder')
        else:
            half_size = tuple(rng.uniform(0.05, 0.14, 3))
            piece.add('objects', random_material(rng), (at_x, at_y, top + half_size[2]), half_size, yaw=turn)


def bed(rng: np.random.Generator) -> Piece:
    """Mattress, blanket, head board at the wall, and rounded pillows."""
    width, length, height = rng.uniform(0.5, 1.0), rng.uniform(0.9, 1.1), rng.uniform(0.15, 0.3)
    piece = Piece(width + 0.02, length)
    mattress, blanket, board, pillow = (random_material(rng) for _ in range(4))
    piece.add('bed', mattress, (0, 0, height), (width, length, height))
    piece.add('bed', blanket, (0, 0.15, 2 * height + 0.02), (width + 0.02, 0.8 * length, 0.03))
    piece.add('bed', board, (0, 0.05 - length, 2 * height), (width, 0.05, 2 * height + 0.1))
    for side in ((-0.5, 0.5) if width > 0.7 else (0,)):
        centre = (side * width, 0.32 - length, 2 * height + 0.07)
        piece.add('bed', pillow, centre, (0.42 * width if side else 0.35, 0.2, 0.1), 'ellipsoid')
    return piece


def sofa(rng: np.random.Generator) -> Piece:
    """Seat, back, two arms, and sometimes a cushion."""
    width, depth = rng.uniform(0.6, 1.2), rng.uniform(0.38, 0.48)
    piece = Piece(width, depth)
    body = random_material(rng)
    back = random_material(rng) if rng.random() < 0.5 else body
    piece.add('sofa', body, (0, 0, 0.22), (width, depth, 0.22))
    piece.add('sofa', back, (0, 0.12 - depth, 0.45), (width, 0.12, 0.4))
    for side in (-1, 1):
        piece.add('sofa', body, (side * (width - 0.1), 0, 0.32), (0.11, depth, 0.32))
    if rng.random() < 0.5:
        centre = (rng.uniform(-0.5, 0.5) * width, 0.33 - depth, 0.6)
        piece.add('sofa', random_material(rng), centre, (0.2, 0.09, 0.18), 'ellipsoid')
    return piece


def chair(rng: np.random.Generator) -> Piece:
    """Seat, back and four legs."""
    width, seat = rng.uniform(0.19, 0.27), rng.uniform(0.4, 0.5)
    piece = Piece(width, width)
    frame = random_material(rng)
    back = random_material(rng) if rng.random() < 0.5 else frame
    piece.add('chair', frame, (0, 0, seat), (width, width, 0.03))
    piece.add('chair', back, (0, 0.025 - width, seat + 0.25), (width, 0.025, 0.25))
    _add_legs(piece, 'chair', frame, 0.88 * width, 0.88 * width, seat / 2, 0.022)
    return piece


def table(rng: np.random.Generator) -> Piece:
    """A top on four legs, or a round top on one, with things on it."""
    width, depth, height = rng.uniform(0.35, 0.85), rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.78)
    top = random_material(rng)
    legs = random_material(rng) if rng.random() < 0.5 else top
    if rng.random() < 0.25:
        radius = max(width, depth) * 0.8
        piece = Piece(radius, radius)
        piece.add('table', top, (0, 0, height), (radius, radius, 0.025), 'cylinder')
        piece.add('table', legs, (0, 0, height / 2), (0.05, 0.05, height / 2), 'cylinder')
        width = depth = 0.7 * radius
    else:
        piece = Piece(width, depth)
        shape = 'cylinder' if rng.random() < 0.4 else 'box'
        piece.add('table', top, (0, 0, height), (width, depth, 0.025))
        _add_legs(piece, 'table', legs, 0.92 * width, 0.9 * depth, height / 2, 0.03, shape)
    _add_clutter(piece, rng, height + 0.025, width, depth, int(rng.integers(0, 6)))
    return piece


def cabinet(rng: np.random.Generator) -> Piece:
    """A low chest or a tall cupboard with one to three fronts."""
    width, depth = rng.uniform(0.25, 0.7), rng.uniform(0.2, 0.32)
    low = rng.random() < 0.5
    height = rng.uniform(0.25, 0.5) if low else rng.uniform(0.7, 1.1)
    piece = Piece(width, depth + 0.012)
    body = random_material(rng)
    front = random_material(rng) if rng.random() < 0.5 else body
    piece.add('furniture', body, (0, 0, height), (width, depth, height))
    fronts = int(rng.integers(1, 4))
    for index in range(fronts):
        centre = (0, depth, (2 * index + 1) * height / fronts)
        piece.add('furniture', front, centre, (0.93 * width, 0.012, 0.9 * height / fronts))
    if low:
        _add_clutter(piece, rng, 2 * height, width, depth, int(rng.integers(0, 4)))
    return piece


def bookshelf(rng: np.random.Generator) -> Piece:
    """Back, sides and boards, each board filled with books up to somewhere."""
    width, depth, height = rng.uniform(0.35, 0.6), 0.16, rng.uniform(0.6, 1.0)
    piece = Piece(width + 0.02, depth)
    wood = random_material(rng)
    piece.add('furniture', wood, (0, 0.02 - depth, height), (width, 0.02, height))
    for side in (-1, 1):
        piece.add('furniture', wood, (side * width, 0, height), (0.02, depth, height))
    boards = int(rng.integers(3, 5))
    gap = 2 * height / boards
    for board in range(boards + 1):
        piece.add('furniture', wood, (0, 0, board * gap), (width, depth, 0.02))
    for board in range(boards):
        left, end = 0.03 - width, rng.uniform(0.2, 0.95) * width
        while left < end - 0.1:
            half_width, half_height = rng.uniform(0.02, 0.06), gap * rng.uniform(0.3, 0.44)
            centre = (left + half_width, 0, board * gap + 0.02 + half_height)
            half_size = (0.95 * half_width, depth * rng.uniform(0.6, 0.9), half_height)
            piece.add('books', random_material(rng), centre, half_size)
            left += 2 * half_width
    return piece


def tv(rng: np.random.Generator) -> Piece:
    """A screen on a low bench."""
    width = rng.uniform(0.35, 0.65)
    height, depth, bench = 0.58 * width, 0.22, rng.uniform(0.2, 0.4)
    piece = Piece(1.2 * width, depth)
    case = random_material(rng, tone='dark')
    screen = random_material(rng, tone='dark' if rng.random() < 0.6 else 'any')
    piece.add('furniture', random_material(rng), (0, 0, bench), (1.2 * width, depth, bench))
    piece.add('tv', case, (0, -0.05, 2 * bench + 0.04), (0.06, 0.03, 0.05))
    piece.add('tv', case, (0, -0.055, 2 * bench + 0.08 + height), (width + 0.015, 0.025, height + 0.015))
    piece.add('tv', screen, (0, -0.05, 2 * bench + 0.08 + height), (width, 0.025, height))
    return piece


def loose_object(rng: np.random.Generator) -> Piece:
    """A ball, a bin or a carton on the floor."""
    kind, material = rng.random(), random_material(rng)
    if kind < 0.4:
        radius = rng.uniform(0.12, 0.3)
        half_size, shape = (radius,) * 3, 'ellipsoid'
    elif kind < 0.8:
        radius = rng.uniform(0.1, 0.25)
        half_size, shape = (radius, radius, rng.uniform(0.15, 0.55)), 'cylinder'
    else:
        half_size, shape = tuple(rng.uniform(0.1, 0.28, 3)), 'box'
    piece = Piece(half_size[0], half_size[1])
    piece.add('objects', material, (0, 0, half_size[2]), half_size, shape)
    return piece


@dataclass(frozen=True)
class Kind:
    """A builder, how often it is asked for, and how often its piece stands at a wall."""

    build: Callable[[np.random.Generator], Piece]
    weight: float
    at_wall: float


KINDS = (
    Kind(bed, 1.9, 0.9),
    Kind(sofa, 1.7, 0.75),
    Kind(chair, 2.3, 0.15),
    Kind(table, 1.5, 0.35),
    Kind(cabinet, 2.2, 1.0),
    Kind(bookshelf, 1.3, 1.0),
    Kind(tv, 1.2, 1.0),
    Kind(loose_object, 1.2, 0.2),
)
