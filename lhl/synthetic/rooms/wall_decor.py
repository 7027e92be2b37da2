"""Random pictures and windows, built like furniture but hung on a wall: y = 0 is the wall's face."""

from __future__ import annotations

import numpy as np

from .materials import random_material
from .piece import Piece
from .scene import Material


def _add_frame(piece: Piece, label: str, material: Material, width: float, height: float, centre_height: float,
               thickness: float, uprights: tuple[float, ...]) -> None:
    """Two horizontal bars and one upright per entry of ``uprights`` (in units of ``width``)."""
    depth = 0.022
    for upright in uprights:
        centre = (upright * width, depth, centre_height)
        piece.add(label, material, centre, (thickness, depth, height + thickness))
    for side in (-1, 1):
        centre = (0, depth, centre_height + side * height)
        piece.add(label, material, centre, (width, depth, thickness))


def picture(rng: np.random.Generator, room_height: float) -> Piece:
    """A patterned sheet, framed more often than not."""
    width = rng.uniform(0.15, 0.55)
    height = min(width * rng.uniform(0.6, 1.5), 0.6)
    centre_height = min(rng.uniform(1.3, 1.75), room_height - height - 0.1)
    piece = Piece(width + 0.02, 0.03)
    piece.add('picture', random_material(rng), (0, 0.01, centre_height), (width, 0.01, height))
    if rng.random() < 0.7:
        _add_frame(piece, 'picture', random_material(rng), width, height, centre_height, 0.02, (-1, 1))
    return piece


def window(rng: np.random.Generator, room_height: float) -> Piece:
    """A pane behind a frame with a mullion; by day the pane shines, by night or behind a blind it does not."""
    width, height = rng.uniform(0.35, 0.8), rng.uniform(0.35, 0.7)
    centre_height = min(rng.uniform(1.3, 1.75), room_height - height - 0.1)
    piece = Piece(width + 0.03, 0.03)
    emission = rng.uniform(0.55, 1.0) if rng.random() < 0.75 else 0.0
    pane = random_material(rng, tone='bright', emission=emission)
    piece.add('window', pane, (0, 0.01, centre_height), (width, 0.01, height))
    _add_frame(piece, 'window', random_material(rng), width, height, centre_height, 0.03, (-1, 0, 1))
    return piece
