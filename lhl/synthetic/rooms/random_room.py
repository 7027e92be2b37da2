"""A whole random room: its size, what stands where, the lights, and a camera in it."""

from __future__ import annotations

import numpy as np

from .camera import look_at
from .floor_plan import FloorPlan
from .furniture import KINDS
from .materials import random_material
from .scene import CLASSES, Camera, Light, RoomSide, Scene
from .wall_decor import picture, window


def _random_sides(rng: np.random.Generator) -> tuple[RoomSide, ...]:
    walls = [random_material(rng)] * 4
    if rng.random() < 0.35:
        walls[int(rng.integers(4))] = random_material(rng)  # one wall painted differently
    materials = [*walls, random_material(rng), random_material(rng, tone='bright')]
    labels = ['wall'] * 4 + ['floor', 'ceiling']
    return tuple(
        RoomSide(CLASSES.index(label), material, instance)
        for instance, (label, material) in enumerate(zip(labels, materials, strict=True)))


def _random_lights(rng: np.random.Generator, size: tuple[float, float, float]) -> tuple[Light, ...]:
    lights = []
    for _ in range(int(rng.integers(1, 3))):
        position = np.array(size) * rng.uniform((0.1, 0.1, 0.7), (0.9, 0.9, 0.95))
        colour = rng.uniform(1.8, 4.3) * (1 + rng.normal(0, 0.13, 3))
        lights.append(Light(position, colour))
    return tuple(lights)


def random_room(rng: np.random.Generator) -> Scene:
    """Draw a furnished, lit room."""
    size = (rng.uniform(2.6, 6.5), rng.uniform(2.6, 7.0), rng.uniform(2.3, 3.2))
    sides = _random_sides(rng)
    primitives, instance = [], len(sides)

    floor = FloorPlan(size[0], size[1])
    weights = np.cumsum([kind.weight for kind in KINDS])
    for _ in range(int(rng.integers(6, 15))):
        kind = KINDS[int(np.searchsorted(weights, rng.random() * weights[-1], side='right'))]
        piece = kind.build(rng)
        place = floor.find(rng, piece, at_wall=rng.random() < kind.at_wall)
        if place is not None:
            primitives += piece.place(*place, instance)
            instance += 1

    walls = FloorPlan(size[0], size[1])  # what hangs may hang above what stands
    for _ in range(int(rng.integers(1, 5))):
        piece = (window if rng.random() < 0.35 else picture)(rng, size[2])
        place = walls.find(rng, piece, at_wall=True)
        if place is not None:
            primitives += piece.place(*place, instance)
            instance += 1

    return Scene(size, sides, tuple(primitives), _random_lights(rng, size), ambient=rng.uniform(0.2, 0.5))


def random_camera(rng: np.random.Generator, scene: Scene) -> Camera:
    """Draw a camera held by a person of any height who looks at something inside the room, slightly askew."""
    width, length, _ = scene.size
    position = np.array([rng.uniform(0.25, width - 0.25), rng.uniform(0.25, length - 0.25), rng.uniform(0.9, 1.75)])
    height = rng.uniform(0.2, 1.2) if rng.random() < 0.65 else rng.uniform(1.0, 2.1)
    target = np.array([rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.85) * length, height])
    return look_at(position, target, roll=rng.normal(0, 0.05), focal=rng.uniform(0.75, 1.05))
