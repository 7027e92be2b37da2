"""What stands in a random room, and where it is seen from."""
import numpy as np

from lhl.synthetic.rooms import CLASSES
from lhl.synthetic.rooms.ray_casting import RayCaster


def test_cameras_stand_inside_the_room_and_outside_the_furniture(views):
    for view in views:
        assert (view.camera.position > 0).all() and (view.camera.position < view.scene.size).all()
        assert not RayCaster(view.scene).encloses(view.camera.position)


def test_parts_of_one_instance_are_one_piece_of_furniture(views):
    counts = []
    for view in views:
        instances = np.array([surface.instance for surface in view.scene.surfaces])
        chairs = {part.instance for part in view.scene.primitives if part.label == CLASSES.index('chair')}
        counts += [int((instances == chair).sum()) for chair in chairs]
    assert counts and set(counts) == {6}  # seat, back and four legs
