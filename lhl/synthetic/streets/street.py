"""One random view along one random street, from a seed: the seven classes and the camera of CityScapes.

A street is a very large room whose walls and ceiling are sky. It runs along y, in the middle of x; the camera drives on
its right-hand side. Its pieces are built like furniture: the house's front, or the driver, looks along the piece's y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lhl.synthetic.rooms.camera import look_at
from lhl.synthetic.rooms.piece import Piece
from lhl.synthetic.rooms.renderer import render_view
from lhl.synthetic.rooms.room_view import RoomView
from lhl.synthetic.rooms.scene import Camera, Light, Material, Primitive, RoomSide, Scene

from .street_pieces import (
    STREET_CLASSES,
    bicycle,
    foliage,
    house,
    lamp,
    painted,
    pedestrian,
    random_car,
    rider,
    sign,
    street_piece,
    traffic_light,
    tree,
)

_SIZE = (160.0, 158.0, 80.0)
_MIDDLE = _SIZE[0] / 2
_CAMERA_AT = 8.0  # along the street; the sky begins 150 m further on
_FOCAL = 2262 / 2048  # of CityScapes' cameras, in image widths
_SUN_DISTANCE = 3000.0
_KERB = 0.12
_TOWARDS_RIGHT, _TOWARDS_LEFT = -np.pi / 2, np.pi / 2  # turns that make a piece look along +x, along -x
_FORWARDS, _BACKWARDS = 0.0, np.pi


def render_street(seed: int | np.random.SeedSequence, height: int, width: int) -> RoomView:
    """Render a random street.

    Street, camera and light depend on the seed alone, not on the size of the picture, which should be about twice as
    wide as high. Depth is infinite in the sky, ``measured`` is False there, and the normals mean nothing.

    Args:
        seed: A non-negative integer or a seed sequence.
        height: Rows of the picture.
        width: Columns of the picture.
    """
    rng = np.random.default_rng(seed)
    scene = random_street(rng)
    view = render_view(scene, random_street_camera(rng, scene), height, width, rng)
    sky = view.label == STREET_CLASSES.index('sky')
    return replace(view, depth=np.where(sky, np.float32(np.inf), view.depth))


def random_street(rng: np.random.Generator) -> Scene:
    """Draw a street by day, with houses, trees, traffic and people."""
    street = _Street(rng)
    road = rng.uniform(5.7, 7.4)  # half its width, with the parked cars
    end = rng.uniform(70, 130)  # here the street bends away
    _lay_road(street, road)
    for side in (-1, 1):
        _line_side(street, side, road, end)
    _close_end(street, end)
    _let_drive(street, road)
    # From near to far: what is hidden then costs a ray caster little.
    primitives = tuple(sorted(street.primitives, key=lambda primitive: primitive.centre[1]))
    return Scene(_SIZE, _sides(rng), primitives, (_sun(rng), ), ambient=rng.uniform(0.35, 0.55))


def random_street_camera(rng: np.random.Generator, scene: Scene) -> Camera:
    """Draw the camera of a car that drives along the street, 1.2 to 1.7 m above the road."""
    position = np.array([scene.size[0] / 2 + rng.uniform(1.4, 2.2), _CAMERA_AT, rng.uniform(1.2, 1.7)])
    ahead = np.array([rng.normal(0, 0.03), 1.0, rng.uniform(-0.04, 0.03)])
    return look_at(position, position + ahead, roll=rng.normal(0, 0.008), focal=_FOCAL)


@dataclass
class _Street:
    """What stands in a street so far."""

    rng: np.random.Generator

    def __post_init__(self):
        self.primitives: list[Primitive] = []
        self.instance = 6  # the sides of the room come first

    def put(self, piece: Piece, x: float, y: float, yaw: float, z: float = 0.0) -> None:
        """Add a piece at ``x`` metres to the right of the street's middle."""
        self.primitives += piece.place(_MIDDLE + x, y, yaw, self.instance, z)
        self.instance += 1


# ---- ground, sky and sun ---------------------------------------------------------------------------------------------


def _sides(rng: np.random.Generator) -> tuple[RoomSide, ...]:
    cloudy = rng.uniform(0.3, 0.95)
    colours = (np.array((0.3, 0.52, 0.95)) * (1 - cloudy) + 0.8 * cloudy, np.array((0.95, 0.97, 1.0)))
    sky = Material('clouds', np.stack(colours).astype(np.float32), rng.uniform(0.015, 0.04), 0,
                   rng.uniform(0, 9, 3).astype(np.float32), emission=1.0)
    labels = ['sky'] * 4 + ['flat', 'sky']
    asphalt = painted(rng, (0.2, 0.2, 0.21), 'clouds', 1.5)
    return tuple(RoomSide(STREET_CLASSES.index(label), asphalt if label == 'flat' else sky, instance)
                 for instance, label in enumerate(labels))


def _sun(rng: np.random.Generator) -> Light:
    """A lamp so far away that its rays are parallel; sometimes behind clouds."""
    turn, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 1.2)
    direction = np.array([np.cos(height) * np.cos(turn), np.cos(height) * np.sin(turn), np.sin(height)])
    colour = rng.uniform(0.4, 2.4) * np.array((1.0, 0.95, 0.85))
    return Light(np.array([_MIDDLE, 50.0, 0.0]) + _SUN_DISTANCE * direction, colour, falls_off=False)


def _lay_road(street: _Street, road: float) -> None:
    white, length = (0.75, 0.75, 0.72), _SIZE[1] / 2
    dashes = Material('stripes', np.array([(0.2, 0.2, 0.21), white], np.float32), 0.35, 0, np.zeros(3, np.float32))
    line = street_piece()
    line.add('flat', dashes, (0, 0, 0.004), (length, 0.07, 0.004))
    street.put(line, 0, length, _TOWARDS_LEFT)
    if street.rng.random() < 0.4:
        crossing, stripes = street_piece(), replace(dashes, scale=1.0)
        crossing.add('flat', stripes, (0, 0, 0.003), (road, 1.6, 0.003))
        street.put(crossing, 0, _CAMERA_AT + street.rng.uniform(9, 26), _FORWARDS)


# ---- what stands along the street ------------------------------------------------------------------------------------


def _line_side(street: _Street, side: int, road: float, end: float) -> None:
    """From the kerb outwards: parked cars, trees and poles, the sidewalk with its people, the houses."""
    rng = street.rng
    inwards = _TOWARDS_LEFT if side > 0 else _TOWARDS_RIGHT
    verge, walk = rng.uniform(1.2, 3.0) if rng.random() < 0.6 else 0.0, rng.uniform(2.0, 3.8)
    garden = rng.uniform(1.5, 4.0) if rng.random() < 0.45 else 0.0
    front = road + verge + walk + garden
    _pave(street, side, ((road, 'flat', walk + verge + garden, (0.42, 0.4, 0.38)),
                         (road + 0.15, 'nature', verge - 0.15, (0.16, 0.26, 0.06)),
                         (road + verge + walk, 'nature', garden, (0.14, 0.24, 0.06))))

    _line_up_cars(street, side, road)
    y, gap = _CAMERA_AT + rng.uniform(4, 16), rng.uniform(9, 20)
    while y < min(end, 90):
        if rng.random() < (0.85 if verge else 0.45):
            street.put(tree(rng), side * (road + max(verge / 2, 0.5)), y, rng.uniform(0, 6), _KERB)
        y += gap * rng.uniform(0.8, 1.3)
    y, gap = _CAMERA_AT + rng.uniform(7, 14), rng.uniform(10, 18)
    while y < min(end, 75):
        build = (lamp, sign, traffic_light)[int(rng.choice(3, p=(0.4, 0.4, 0.2)))]
        street.put(build(rng), side * (road + 0.4), y, _BACKWARDS, _KERB)
        y += gap * rng.uniform(0.6, 1.2)
    for _ in range(int(rng.integers(1, 3))):
        x, y = road + verge + rng.uniform(0.9, walk - 0.4), _CAMERA_AT + rng.uniform(8, 28)
        street.put(pedestrian(rng), side * x, y, rng.choice((_FORWARDS, _BACKWARDS)) + rng.normal(0, 0.3), _KERB)

    if garden and rng.random() < 0.6:
        hedge = street_piece()
        hedge.add('nature', foliage(rng), (0, 0, 0.5), (55, 0.35, rng.uniform(0.45, 0.8)))
        street.put(hedge, side * (front - garden + 0.4), 75, inwards, _KERB)
    y = rng.uniform(-4, 4)
    while y < end + 4:
        if rng.random() < 0.15:  # a gap with trees in it
            length = rng.uniform(6, 11)
            street.put(tree(rng), side * (front + rng.uniform(1, 4)), y + length / 2, rng.uniform(0, 6))
        else:
            length = rng.uniform(9, 20)
            street.put(house(rng, length, y > 45), side * front, y + length / 2, inwards)
        y += length + 0.05


def _pave(street: _Street, side: int, strips: tuple[tuple[float, str, float, tuple], ...]) -> None:
    """Lay strips (start, label, width, colour) beside the road, later ones a little higher."""
    for layer, (start, label, width, colour) in enumerate(strips):
        if width <= 0:
            continue
        ground, height = street_piece(), (_KERB + 0.01 * layer) / 2
        ground.add(label, painted(street.rng, colour, 'clouds', 2.0), (0, 0, height), (width / 2, _SIZE[1] / 2, height))
        street.put(ground, side * (start + width / 2), _SIZE[1] / 2, _FORWARDS)


def _line_up_cars(street: _Street, side: int, road: float) -> None:
    rng = street.rng
    y, chance = _CAMERA_AT + rng.uniform(4, 11), rng.uniform(0.05, 0.65)
    while y < 60:
        car = random_car(rng, far=y > _CAMERA_AT + 25)
        if rng.random() < chance:
            street.put(car, side * (road - 1), y + car.half_depth, _FORWARDS if side > 0 else _BACKWARDS)
        y += 2 * car.half_depth + rng.uniform(0.8, 2.5)


def _close_end(street: _Street, end: float) -> None:
    """Where the street bends away, trees and perhaps a house stand across it."""
    rng = street.rng
    if rng.random() < 0.6:
        street.put(house(rng, 30, far=True), rng.uniform(-6, 6), end + 8, _BACKWARDS)
    for x in rng.uniform(-14, 14, 4):
        street.put(tree(rng, 1.3), x, end + rng.uniform(2, 6), 0)


def _let_drive(street: _Street, road: float) -> None:
    """Somebody may drive ahead, some come the other way, one rides a bicycle, one crosses: nobody runs into another."""
    rng = street.rng
    lane = 1.8
    if rng.random() < 0.75:
        street.put(random_car(rng), lane + rng.uniform(-0.2, 0.2), _CAMERA_AT + rng.uniform(17, 40), _FORWARDS)
    y = _CAMERA_AT + rng.uniform(17, 40)
    for _ in range(int(rng.integers(0, 3))):
        street.put(random_car(rng), -lane + rng.uniform(-0.2, 0.2), y, _BACKWARDS)
        y += rng.uniform(9, 25)
    if rng.random() < 0.6:
        x, y = road - 2.35, _CAMERA_AT + rng.uniform(8, 24)
        street.put(bicycle(rng), x, y, _FORWARDS)
        street.put(rider(rng), x, y - 0.15, _FORWARDS)
    if rng.random() < 0.35:
        x, y = rng.uniform(-1, 1) * (road - 3), _CAMERA_AT + rng.uniform(8, 13)
        street.put(pedestrian(rng), x, y, _TOWARDS_RIGHT)
