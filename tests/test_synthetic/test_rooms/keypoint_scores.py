"""How the pixels of a hand-made room score as 3D keypoints, in a picture of 96 x 128.

In front of the camera of ``hand_made_rooms`` stands a box, whose front is 2 m away.
"""
import numpy as np

from lhl.synthetic.rooms.keypoints3d import keypoints3d
from lhl.synthetic.rooms.renderer import render_view

from .hand_made_rooms import CAMERA, primitive, room_with

HEIGHT, WIDTH = 96, 128
BOX = primitive('box', (2.0, 3.3, 1.5), (0.5, 0.3, 0.4))  # its front corner is 32 columns and 25.6 rows off the middle


def scores(*primitives, camera=CAMERA, size=(HEIGHT, WIDTH), **options):
    view = render_view(room_with(*primitives), camera, *size, np.random.default_rng(0))
    return keypoints3d(view, **options) / 65535
