"""What a room, or a street, is made of: data only, no behaviour.

World frame: x and y along the floor, z up, metres; the room fills ``[0, width] x [0, length] x [0, height]``. A street
is a large room whose walls and ceiling are sky; its labels are indices into ``street.STREET_CLASSES``.
Camera frame: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: The 13 classes of NYUv2 in the order of its preprocessed release; a label is an index into this tuple.
CLASSES = (
    'bed', 'books', 'ceiling', 'chair', 'floor', 'furniture', 'objects',
    'picture', 'sofa', 'table', 'tv', 'wall', 'window',
)


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    Args:
        pattern: A key of ``materials.PATTERNS``.
        colours: (2, 3) linear RGB in [0, 1]; the pattern blends the two rows.
        scale: Repetitions of the pattern per metre.
        axis: The axis (0, 1, 2) along which a directed pattern varies.
        phase: (3,) shift of the pattern, in repetitions.
        specular: Strength of the highlight, 0 (matt) to about 0.5.
        emission: Share of the light that the surface sends out by itself, 0 to 1: daylight in a window pane.
    """

    pattern: str
    colours: np.ndarray
    scale: float
    axis: int
    phase: np.ndarray
    specular: float = 0.0
    emission: float = 0.0


@dataclass(frozen=True)
class RoomSide:
    """One of the six inner faces of the room."""

    label: int
    material: Material
    instance: int


@dataclass(frozen=True)
class Primitive:
    """A unit shape, stretched, turned about the vertical and moved.

    Args:
        shape: ``'box'`` (the cube [-1, 1]^3), ``'ellipsoid'`` (the unit sphere) or ``'cylinder'`` (radius 1 about the
            vertical, z in [-1, 1]).
        centre: (x, y, z) in metres.
        half_size: (x, y, z) stretch in metres, along the primitive's own axes.
        yaw: Turn about the vertical in radians, counter-clockwise seen from above.
        label: Index into ``CLASSES``, or into ``street.STREET_CLASSES``.
        material: How it looks.
        instance: The same number for all parts of one piece of furniture, and for those of one person.
        part: Index into ``people.PARTS``, which part of a person it is; 0 for what is no person.
    """

    shape: str
    centre: tuple[float, float, float]
    half_size: tuple[float, float, float]
    yaw: float
    label: int
    material: Material
    instance: int
    part: int = 0


@dataclass(frozen=True)
class Light:
    """A point light.

    Args:
        position: (3,) in metres.
        colour: (3,) linear RGB intensity.
        falls_off: Whether it is weaker the farther away; the sun is not.
    """

    position: np.ndarray
    colour: np.ndarray
    falls_off: bool = True


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Args:
        position: (3,) world position in metres.
        rotation: (3, 3) whose rows are the camera's right, down and forward axes in the world frame, so that
            ``rotation @ v`` takes a world vector into the camera frame.
        focal: Focal length in image widths; in pixels it is ``focal * width``.
    """

    position: np.ndarray
    rotation: np.ndarray
    focal: float


@dataclass(frozen=True)
class Scene:
    """A room or a street, what stands in it, and its light.

    Args:
        size: (width, length, height) of the room in metres.
        sides: The six faces, in the order x = 0, x = width, y = 0, y = length, floor, ceiling.
        primitives: Everything else.
        lights: Point lights; only the first one casts shadows.
        ambient: Light that comes from everywhere, 0 to 1.
    """

    size: tuple[float, float, float]
    sides: tuple[RoomSide, ...]
    primitives: tuple[Primitive, ...]
    lights: tuple[Light, ...]
    ambient: float

    @property
    def surfaces(self) -> tuple[RoomSide | Primitive, ...]:
        """Everything a ray can hit; ``Hits.surface`` is an index into this tuple."""
        return self.sides + self.primitives
