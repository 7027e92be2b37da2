"""A piece: a handful of primitives that belong together, built in a frame of their own and then placed.

In that frame x runs along the wall that the piece may stand at, y from that wall into the room, z up; the origin lies
on the floor under its middle. All lengths are metres, and sizes are half sizes unless the name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .scene import CLASSES, Material, Primitive

Vector = tuple[float, float, float]


@dataclass
class Piece:
    """A piece before it is placed: its footprint and its parts.

    Args:
        half_width: Half the footprint along x.
        half_depth: Half the footprint along y.
        parts: The primitives so far, filled by :meth:`add`.
        classes: What its labels are indices into.
    """

    half_width: float
    half_depth: float
    parts: list[tuple[str, Vector, Vector, float, int, Material, int]] = field(default_factory=list)
    classes: tuple[str, ...] = CLASSES

    def add(self,
            label: str,
            material: Material,
            centre: Vector,
            half_size: Vector,
            shape: str = 'box',
            yaw: float = 0.0,
            part: int = 0) -> None:
        """Add one primitive, given in the frame of the piece; ``part`` is that of a person."""
        self.parts.append((shape, centre, half_size, yaw, self.classes.index(label), material, part))

    def place(self, x: float, y: float, yaw: float, instance: int, z: float = 0.0) -> list[Primitive]:
        """The parts in the world frame, with the piece's origin at (x, y, z) and turned by ``yaw``."""
        cosine, sine = float(np.cos(yaw)), float(np.sin(yaw))
        return [
            Primitive(
                shape=shape,
                centre=(x + cosine * cx - sine * cy, y + sine * cx + cosine * cy, z + cz),
                half_size=half_size,
                yaw=yaw + turn,
                label=label,
                material=material,
                instance=instance,
                part=part)
            for shape, (cx, cy, cz), half_size, turn, label, material, part in self.parts
        ]
