"""One random view along one random street, from a seed: the seven classes and the camera of CityScapes.

A street is a very large room whose walls and ceiling are sky. It runs along y, in the middle of x; the camera drives on
its right-hand side. Its pieces are built like furniture: the house's front, or the driver, looks along the piece's y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .furniture import Furniture
from .layout import look_at
from .people import person
from .render import RoomView, render_view
from .scene import Camera, Light, Material, Primitive, RoomSide, Scene

#: The 7 categories of CityScapes (Cordts et al., CVPR 2016) in the order of its preprocessed release.
STREET_CLASSES = ('flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle')
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

    def put(self, piece: Furniture, x: float, y: float, yaw: float, z: float = 0.0) -> None:
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
    asphalt = _paint(rng, (0.2, 0.2, 0.21), 'clouds', 1.5)
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
    line = _piece()
    line.add('flat', dashes, (0, 0, 0.004), (length, 0.07, 0.004))
    street.put(line, 0, length, _TOWARDS_LEFT)
    if street.rng.random() < 0.4:
        crossing, stripes = _piece(), replace(dashes, scale=1.0)
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
            street.put(_tree(rng), side * (road + max(verge / 2, 0.5)), y, rng.uniform(0, 6), _KERB)
        y += gap * rng.uniform(0.8, 1.3)
    y, gap = _CAMERA_AT + rng.uniform(7, 14), rng.uniform(10, 18)
    while y < min(end, 75):
        build = (_lamp, _sign, _traffic_light)[int(rng.choice(3, p=(0.4, 0.4, 0.2)))]
        street.put(build(rng), side * (road + 0.4), y, _BACKWARDS, _KERB)
        y += gap * rng.uniform(0.6, 1.2)
    for _ in range(int(rng.integers(1, 3))):
        x, y = road + verge + rng.uniform(0.9, walk - 0.4), _CAMERA_AT + rng.uniform(8, 28)
        street.put(_pedestrian(rng), side * x, y, rng.choice((_FORWARDS, _BACKWARDS)) + rng.normal(0, 0.3), _KERB)

    if garden and rng.random() < 0.6:
        hedge = _piece()
        hedge.add('nature', _green(rng), (0, 0, 0.5), (55, 0.35, rng.uniform(0.45, 0.8)))
        street.put(hedge, side * (front - garden + 0.4), 75, inwards, _KERB)
    y = rng.uniform(-4, 4)
    while y < end + 4:
        if rng.random() < 0.15:  # a gap with trees in it
            length = rng.uniform(6, 11)
            street.put(_tree(rng), side * (front + rng.uniform(1, 4)), y + length / 2, rng.uniform(0, 6))
        else:
            length = rng.uniform(9, 20)
            street.put(_house(rng, length, y > 45), side * front, y + length / 2, inwards)
        y += length + 0.05


def _pave(street: _Street, side: int, strips: tuple[tuple[float, str, float, tuple], ...]) -> None:
    """Lay strips (start, label, width, colour) beside the road, later ones a little higher."""
    for layer, (start, label, width, colour) in enumerate(strips):
        if width <= 0:
            continue
        ground, height = _piece(), (_KERB + 0.01 * layer) / 2
        ground.add(label, _paint(street.rng, colour, 'clouds', 2.0), (0, 0, height), (width / 2, _SIZE[1] / 2, height))
        street.put(ground, side * (start + width / 2), _SIZE[1] / 2, _FORWARDS)


def _line_up_cars(street: _Street, side: int, road: float) -> None:
    rng = street.rng
    y, chance = _CAMERA_AT + rng.uniform(4, 11), rng.uniform(0.05, 0.65)
    while y < 60:
        car = _random_car(rng, far=y > _CAMERA_AT + 25)
        if rng.random() < chance:
            street.put(car, side * (road - 1), y + car.half_depth, _FORWARDS if side > 0 else _BACKWARDS)
        y += 2 * car.half_depth + rng.uniform(0.8, 2.5)


def _close_end(street: _Street, end: float) -> None:
    """Where the street bends away, trees and perhaps a house stand across it."""
    rng = street.rng
    if rng.random() < 0.6:
        street.put(_house(rng, 30, far=True), rng.uniform(-6, 6), end + 8, _BACKWARDS)
    for x in rng.uniform(-14, 14, 4):
        street.put(_tree(rng, 1.3), x, end + rng.uniform(2, 6), 0)


def _let_drive(street: _Street, road: float) -> None:
    """Somebody may drive ahead, some come the other way, one rides a bicycle, one crosses: nobody runs into another."""
    rng = street.rng
    lane = 1.8
    if rng.random() < 0.75:
        street.put(_random_car(rng), lane + rng.uniform(-0.2, 0.2), _CAMERA_AT + rng.uniform(17, 40), _FORWARDS)
    y = _CAMERA_AT + rng.uniform(17, 40)
    for _ in range(int(rng.integers(0, 3))):
        street.put(_random_car(rng), -lane + rng.uniform(-0.2, 0.2), y, _BACKWARDS)
        y += rng.uniform(9, 25)
    if rng.random() < 0.6:
        x, y = road - 2.35, _CAMERA_AT + rng.uniform(8, 24)
        street.put(_bicycle(rng), x, y, _FORWARDS)
        street.put(_rider(rng), x, y - 0.15, _FORWARDS)
    if rng.random() < 0.35:
        x, y = rng.uniform(-1, 1) * (road - 3), _CAMERA_AT + rng.uniform(8, 13)
        street.put(_pedestrian(rng), x, y, _TOWARDS_RIGHT)


# ---- pieces ----------------------------------------------------------------------------------------------------------


def _piece(half_width: float = 0.0, half_depth: float = 0.0) -> Furniture:
    return Furniture(half_width, half_depth, classes=STREET_CLASSES)


def _house(rng: np.random.Generator, length: float, far: bool) -> Furniture:
    """A house whose front lies along x, with a row of windows on every floor and, unless it is far away, a door."""
    floors, storey, depth = int(rng.integers(3, 6)), rng.uniform(3.1, 3.8), 6.0
    half_height, half = floors * storey / 2 + 0.3, length / 2
    piece = _piece(half, depth)
    colour = np.array((0.55, 0.47, 0.38)) * rng.uniform(0.4, 1.5) * (1 + rng.normal(0, 0.12, 3))
    wall = _paint(rng, colour, 'clouds', 1.2)
    glass = np.array((0.06, 0.07, 0.09)) * rng.uniform(0.7, 2.2)
    windows = Material('stripes', np.stack([wall.colours[0], glass]).astype(np.float32), rng.uniform(0.65, 1.0), 0,
                       rng.uniform(0, 9, 3).astype(np.float32))
    piece.add('construction', wall, (0, -depth, half_height), (half, depth, half_height))
    roof = _paint(rng, np.array((0.3, 0.16, 0.12)) if rng.random() < 0.5 else np.array((0.2, 0.2, 0.22)))
    piece.add('construction', roof, (0, -depth, 2 * half_height + 0.2), (half, depth + 0.25, 0.25))
    for floor in range(floors):
        shop = floor == 0 and rng.random() < 0.4
        material, reach = (_paint(rng, glass), 1.1) if shop else (windows, 0.75)
        piece.add('construction', material, (0, 0, (floor + 0.52) * storey), (half - 0.5, 0.04, reach))
    if not far:
        door = _paint(rng, rng.uniform(0.05, 0.4, 3))
        piece.add('construction', door, (rng.uniform(-0.7, 0.7) * half, 0, 1.1), (0.6, 0.07, 1.1))
    return piece


def _tree(rng: np.random.Generator, size: float = 1.0) -> Furniture:
    size *= rng.uniform(0.75, 1.25)
    piece, leaves = _piece(0.3, 0.3), _green(rng)
    trunk = rng.uniform(1.1, 1.6) * size
    piece.add('nature', _paint(rng, (0.16, 0.11, 0.07)), (0, 0, trunk), (0.16 * size, 0.16 * size, trunk), 'cylinder')
    for _ in range(3):
        x, y, z = rng.uniform(-0.8, 0.8, 3) * size
        half_size = rng.uniform((1.0, 1.0, 0.9), (1.9, 1.9, 1.6)) * size
        piece.add('nature', leaves, (x, y, 2 * trunk + 0.9 * size + z), tuple(half_size), 'ellipsoid')
    return piece


def _lamp(rng: np.random.Generator) -> Furniture:
    piece, metal, height = _piece(), _paint(rng, (0.3, 0.31, 0.3)), rng.uniform(2.4, 3.4)
    piece.add('object', metal, (0, 0, height), (0.1, 0.1, height), 'cylinder')
    piece.add('object', metal, (0, 0, 2 * height), (0.5, 0.12, 0.08))
    return piece


def _sign(rng: np.random.Generator) -> Furniture:
    piece, height = _piece(), rng.uniform(2.1, 2.6)
    piece.add('object', _paint(rng, (0.4, 0.4, 0.4)), (0, 0, height / 2), (0.05, 0.05, height / 2), 'cylinder')
    red, blue, yellow, white = (0.65, 0.04, 0.04), (0.04, 0.12, 0.6), (0.8, 0.6, 0.05), (0.85, 0.85, 0.85)
    colour = (red, blue, yellow)[int(rng.integers(3))]
    shape = 'ellipsoid' if rng.random() < 0.6 else 'box'
    piece.add('object', _paint(rng, colour), (0, 0.06, height), (0.36, 0.03, 0.36), shape)
    piece.add('object', _paint(rng, white), (0, 0.08, height), (0.24, 0.03, 0.12), shape)
    return piece


def _traffic_light(rng: np.random.Generator) -> Furniture:
    piece, dark = _piece(), _paint(rng, (0.06, 0.07, 0.06))
    piece.add('object', dark, (0, 0, 1.5), (0.08, 0.08, 1.5), 'cylinder')
    piece.add('object', dark, (0, 0, 3.1), (0.2, 0.16, 0.5))
    lit = int(rng.integers(3))
    for index, colour in enumerate(((0.9, 0.05, 0.03), (0.9, 0.55, 0.03), (0.05, 0.8, 0.3))):
        lamp = _paint(rng, np.array(colour) * (1.0 if index == lit else 0.2))
        piece.add('object', lamp, (0, 0.16, 3.42 - 0.32 * index), (0.12, 0.05, 0.12), 'ellipsoid')
    return piece


def _random_car(rng: np.random.Generator, far: bool = False) -> Furniture:
    """A car, or now and then a van: body, cabin and wheels; from far away, simple wheels and no lights."""
    van = rng.random() < 0.2
    length, width = rng.uniform(2.5, 3.0) if van else rng.uniform(1.9, 2.3), rng.uniform(0.82, 0.9)  # half of them
    body, cabin, share = (0.42, 0.55, 0.75) if van else (0.3, rng.uniform(0.26, 0.34), rng.uniform(0.5, 0.62))
    piece = _piece(0.95, length)
    colours = ((0.85, 0.85, 0.85), (0.03, 0.03, 0.035), (0.3, 0.31, 0.33), (0.45, 0.03, 0.03), (0.04, 0.09, 0.3),
               (0.12, 0.2, 0.13))
    paint = replace(_paint(rng, colours[int(rng.integers(len(colours)))]), specular=0.25)
    glass, tyre = replace(_paint(rng, (0.04, 0.05, 0.06)), specular=0.3), _paint(rng, (0.03, 0.03, 0.03))
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
    red, white = _paint(rng, (0.6, 0.03, 0.02)), _paint(rng, (0.85, 0.85, 0.8))
    for side in (-1, 1):
        piece.add('vehicle', white, (0.75 * side * width, length, middle + 0.1), (0.16, 0.03, 0.09))
        piece.add('vehicle', red, (0.8 * side * width, -length, middle + 0.1), (0.13, 0.03, 0.12))
    piece.add('vehicle', white, (0, -length, middle - 0.12), (0.26, 0.02, 0.06))
    return piece


def _bicycle(rng: np.random.Generator) -> Furniture:
    piece, frame, tyre = _piece(0.3, 0.9), _paint(rng, rng.uniform(0.05, 0.6, 3)), _paint(rng, (0.05, 0.05, 0.05))
    for end in (-1, 1):
        piece.add('vehicle', tyre, (0, 0.52 * end, 0.34), (0.03, 0.34, 0.34), 'ellipsoid')
    piece.add('vehicle', frame, (0, 0.05, 0.6), (0.025, 0.5, 0.04))
    piece.add('vehicle', frame, (0, -0.2, 0.68), (0.025, 0.03, 0.2))
    piece.add('vehicle', frame, (0, 0.45, 0.75), (0.02, 0.03, 0.3))
    piece.add('vehicle', frame, (0, 0.42, 1.05), (0.27, 0.025, 0.025))
    return piece


def _pedestrian(rng: np.random.Generator) -> Furniture:
    return person(rng, 'human', STREET_CLASSES, reaching=0.2)


def _rider(rng: np.random.Generator) -> Furniture:
    return person(rng, 'human', STREET_CLASSES, seat=0.9, footrest=0.42, reaching=1.0)


# ---- materials -------------------------------------------------------------------------------------------------------


def _paint(rng: np.random.Generator, colour: np.ndarray | tuple, pattern: str = 'plain',
           scale: float = 1.0) -> Material:
    """About this colour."""
    colour = np.array(colour) * (1 + rng.normal(0, 0.06, 3))
    colours = np.clip(np.stack([colour, 0.75 * colour]), 0, 1).astype(np.float32)
    return Material(pattern, colours, scale, 0, rng.uniform(0, 9, 3).astype(np.float32))


def _green(rng: np.random.Generator) -> Material:
    leaves = _paint(rng, np.array((0.14, 0.27, 0.06)) * rng.uniform(0.6, 1.5), 'clouds', rng.uniform(2.5, 5))
    return replace(leaves, colours=np.stack([1.3 * leaves.colours[0], 0.4 * leaves.colours[0]]))
