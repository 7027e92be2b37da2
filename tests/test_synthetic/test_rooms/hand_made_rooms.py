"""A room whose picture can be worked out by hand.

The camera stands 1 m from the near wall of a 4 x 6 x 3 m room, in the middle, 1.5 m above the floor, and looks straight
at the far wall 5 m away. The picture has odd sides, so its middle pixel looks along the optical axis; the focal length
is 33 pixels, so a pixel further out is 1/33 further on the image plane.
"""
import numpy as np

from lhl.synthetic.rooms.camera import look_at
from lhl.synthetic.rooms.renderer import render_view
from lhl.synthetic.rooms.scene import CLASSES, Light, Material, Primitive, RoomSide, Scene

HEIGHT, WIDTH = 25, 33
MIDDLE = (12, 16)
CAMERA = look_at(np.array([2.0, 1.0, 1.5]), np.array([2.0, 6.0, 1.5]), focal=1.0)
GREY = Material('plain', np.full((2, 3), 0.5, np.float32), 1.0, 0, np.zeros(3, np.float32))


def room_with(*primitives, material=GREY):
    labels = ['wall'] * 4 + ['floor', 'ceiling']
    sides = tuple(RoomSide(CLASSES.index(label), material, index) for index, label in enumerate(labels))
    light = Light(np.array([2.0, 1.0, 2.5]), np.ones(3))
    return Scene((4.0, 6.0, 3.0), sides, primitives, (light, ), ambient=0.3)


def primitive(shape, centre, half_size, yaw=0.0, label='objects', material=GREY):
    return Primitive(shape, centre, half_size, yaw, CLASSES.index(label), material, instance=6)


def view_of(*primitives):
    return render_view(room_with(*primitives), CAMERA, HEIGHT, WIDTH, np.random.default_rng(0))
