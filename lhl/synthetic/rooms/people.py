"""Who is in the picture? People from simple shapes, standing or sitting, and the parts of their bodies.

A person is built in its own frame like furniture: x to its right, y where it looks, z up. Shapes turn about the
vertical only, so limbs either hang or stretch out forwards. All lengths are metres; sizes are those of a person 1.75 m
tall.
"""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np

from .materials import random_material
from .piece import Piece, Vector
from .ray_casting import RayCaster
from .room_view import RoomView
from .scene import CLASSES, Camera, Material, Scene

#: The parts of the multi-task literature's PASCAL-Part, in the order of their indices.
PARTS = ('nobody', 'head', 'torso', 'upper arm', 'lower arm', 'upper leg', 'lower leg')
_HEAD, _TORSO, _UPPER_ARM, _LOWER_ARM, _UPPER_LEG, _LOWER_LEG = range(1, 7)
_COUNT_CHANCES = (0.1, 0.3, 0.3, 0.3)  # of trying to place 0, 1, 2 or 3 people
_CANDIDATES = 250  # places looked at
_NEAREST, _FARTHEST = 1.3, 5.0  # from the camera, along the optical axis


def human_parts(view: RoomView) -> np.ndarray:
    """Return which part of a person every pixel shows.

    Returns:
        (H, W) int8 in [0, 6], an index into :data:`PARTS`; 0 outside of people.
    """
    return np.array([getattr(surface, 'part', 0) for surface in view.scene.surfaces], np.int8)[view.hits.surface]


def person(rng: np.random.Generator, label: str = 'objects', classes: tuple[str, ...] = CLASSES,
           seat: float | None = None, footrest: float = 0.0, reaching: float = 0.35) -> Piece:
    """Draw a person with random clothes.

    Args:
        rng: Source of randomness.
        label: The class of a person.
        classes: Where to look the class up.
        seat: How high the seat is that the person sits on; by default the person stands.
        footrest: How high the feet are of who sits.
        reaching: The probability that a lower arm is stretched out forwards.
    """
    size = rng.uniform(0.88, 1.1)
    broad = size * rng.uniform(0.9, 1.12)
    piece = Piece(0.29 * broad, 0.42 * size if seat is None else 0.6 * size, classes=classes)
    skin, shirt, trousers, shoes, hair = _skin(rng), _cloth(rng), _cloth(rng), _cloth(rng, dark=True), _hair(rng)
    sleeve = shirt if rng.random() < 0.5 else skin
    shin = trousers if rng.random() < 0.8 else skin
    hip = 0.89 * size if seat is None else seat

    def add(part: int, material: Material, centre: Vector, half_size: Vector, shape: str) -> None:
        (x, y, z), (half_x, half_y, half_z) = centre, half_size
        centre = (broad * x, size * y, hip + size * z)
        piece.add(label, material, centre, (broad * half_x, size * half_y, size * half_z), shape, part=part)

    step = rng.uniform(-0.13, 0.13)  # how far one foot is ahead, and the other behind
    knee = (hip - footrest) / size
    for side in (-1, 1):
        if seat is not None:
            add(_UPPER_LEG, trousers, (0.1 * side, 0.2, 0.07), (0.078, 0.25, 0.075), 'box')
            add(_LOWER_LEG, shin, (0.1 * side, 0.4, 0.04 - knee / 2), (0.058, 0.06, knee / 2), 'cylinder')
            add(_LOWER_LEG, shoes, (0.1 * side, 0.46, 0.04 - knee), (0.052, 0.14, 0.04), 'box')
        else:
            ahead = side * step
            add(_UPPER_LEG, trousers, (0.09 * side, 0.5 * ahead, -0.19), (0.085, 0.095, 0.25), 'ellipsoid')
            add(_LOWER_LEG, shin, (0.09 * side, ahead, -0.61), (0.058, 0.065, 0.235), 'cylinder')
            add(_LOWER_LEG, shoes, (0.09 * side, ahead + 0.06, -0.85), (0.052, 0.14, 0.04), 'box')
    add(_UPPER_LEG if seat is None else _TORSO, trousers, (0, 0, 0.04), (0.165, 0.11, 0.1), 'ellipsoid')
    add(_TORSO, shirt, (0, 0, 0.26), (0.155, 0.1, 0.24), 'cylinder')
    add(_TORSO, shirt, (0, 0, 0.45), (0.215, 0.105, 0.13), 'ellipsoid')
    add(_TORSO, skin, (0, 0, 0.585), (0.05, 0.055, 0.06), 'cylinder')
    for side in (-1, 1):
        add(_UPPER_ARM, shirt, (0.23 * side, 0, 0.37), (0.052, 0.06, 0.175), 'ellipsoid')
        if rng.random() < reaching:
            add(_LOWER_ARM, sleeve, (0.23 * side, 0.14, 0.215), (0.04, 0.17, 0.04), 'box')
            add(_LOWER_ARM, skin, (0.23 * side, 0.34, 0.215), (0.04, 0.07, 0.035), 'ellipsoid')
        else:
            add(_LOWER_ARM, sleeve, (0.235 * side, 0.02, 0.09), (0.042, 0.045, 0.14), 'cylinder')
            add(_LOWER_ARM, skin, (0.235 * side, 0.03, -0.09), (0.038, 0.048, 0.075), 'ellipsoid')
    add(_HEAD, skin, (0, 0.01, 0.725), (0.075, 0.095, 0.12), 'ellipsoid')
    add(_HEAD, hair, (0, -0.025, 0.765), (0.085, 0.095, 0.1), 'ellipsoid')
    return piece


def stool(rng: np.random.Generator, height: float) -> Piece:
    """Draw a stool, a chair without a back."""
    piece = Piece(0.2, 0.2)
    wood, shape = random_material(rng), 'cylinder' if rng.random() < 0.5 else 'box'
    piece.add('chair', wood, (0, 0, height - 0.03), (0.2, 0.2, 0.03), shape)
    piece.add('chair', wood, (0, 0, height / 2), (0.06, 0.06, height / 2), 'cylinder')
    return piece


def with_people(rng: np.random.Generator, caster: RayCaster, camera: Camera) -> Scene:
    """Put up to three people on free floor in front of a camera; in a crowded room, there may be room for nobody.

    Args:
        rng: Source of randomness.
        caster: Of the room.
        camera: They are where it sees them, unless something stands before them.
    """
    scene = caster.scene
    # From above, everything in the room is a rectangle that is taken.
    taken = [(*box.min(0), *box.max(0)) for box in caster.corners[..., :2]]
    primitives, instance = list(scene.primitives), 1 + max(surface.instance for surface in scene.surfaces)
    for _ in range(int(rng.choice(4, p=_COUNT_CHANCES))):
        seat = rng.uniform(0.42, 0.5) if rng.random() < 0.35 else None
        body = person(rng, seat=seat)
        place = _free_place(rng, body, scene, camera, taken)
        if place is None:
            continue
        if seat is not None:
            primitives += stool(rng, seat).place(*place, instance)
            instance += 1
        primitives += body.place(*place, instance)
        instance += 1
    return replace(scene, primitives=tuple(primitives))


def _free_place(rng: np.random.Generator, body: Piece, scene: Scene, camera: Camera,
                taken: list[tuple[float, float, float, float]]) -> tuple[float, float, float] | None:
    """(x, y, yaw) of a free place that the camera sees, now taken; None if there seems to be none."""
    right, down, forward = camera.rotation[:, :, None]
    depth = rng.uniform(_NEAREST, _FARTHEST, _CANDIDATES)
    aside = rng.uniform(-0.4, 0.4, _CANDIDATES) / camera.focal * depth  # the picture ends at 0.5
    places = camera.position[:, None] + depth * forward + aside * right
    places[2] = 0.75 * max(centre[2] + half_size[2] for _, centre, half_size, *_ in body.parts)  # of the chest
    offsets = places - camera.position[:, None]
    seen = np.abs((offsets * down).sum(0)) * camera.focal < 0.3 * (offsets * forward).sum(0)  # of 0.375 in 4 : 3
    yaw = rng.uniform(0, 2 * np.pi)
    cosine, sine = abs(np.cos(yaw)), abs(np.sin(yaw))
    reach = np.array([[cosine, sine], [sine, cosine]]) @ (body.half_width, body.half_depth)
    low, high = places[:2] - reach[:, None], places[:2] + reach[:, None]
    inside = (low > 0).all(0) & (high < np.array(scene.size[:2])[:, None]).all(0)
    rectangles = np.array(taken)[:, :, None]
    apart = (low >= rectangles[:, 2:]) | (high <= rectangles[:, :2])
    free = np.flatnonzero(seen & inside & apart.any(1).all(0))
    if not len(free):
        return None
    taken.append((*low[:, free[0]], *high[:, free[0]]))
    return float(places[0, free[0]]), float(places[1, free[0]]), yaw


def _skin(rng: np.random.Generator) -> Material:
    dark, light = np.array((0.13, 0.06, 0.035)), np.array((0.85, 0.6, 0.46))
    return _plain(dark + rng.random() * (light - dark))


def _hair(rng: np.random.Generator) -> Material:
    return _plain(np.array((0.4, 0.24, 0.1)) * rng.uniform(0.05, 1.1))


def _cloth(rng: np.random.Generator, dark: bool = False) -> Material:
    """Cloth of one colour, or, more rarely, any material without a shine."""
    if not dark and rng.random() < 0.3:
        return replace(random_material(rng), specular=0.0)
    value = rng.uniform(0.02, 0.12) if dark else rng.uniform(0.08, 0.9)
    return _plain(np.array(colorsys.hsv_to_rgb(rng.random(), rng.beta(1.5, 1.8), value)))


def _plain(colour: np.ndarray) -> Material:
    return Material('plain', np.stack([colour, colour]).astype(np.float32), 1.0, 0, np.zeros(3, np.float32))
