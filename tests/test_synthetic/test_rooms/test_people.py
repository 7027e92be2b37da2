"""People in rooms: the rooms stay what they were, and people are where people can be."""
import hashlib

import numpy as np
import pytest

from lhl.synthetic.rooms import CLASSES, render
from lhl.synthetic.rooms.people import PARTS, human_parts, person
from lhl.synthetic.rooms.ray_casting import RayCaster

HEIGHT, WIDTH = 24, 32
SEEDS = range(40)
# What rooms of 48 x 64 pixels were before there were people and streets: a hash of which surface and class each pixel
# shows, and means of the image, of depth and of the normals' third component.
ROOMS_BEFORE = {
    0: ('7b1239f3ecb480d5', 132.46223958333334, 3.3405612107987204, -0.5044240120138662),
    1: ('68f4669c76a8c217', 145.6875, 2.859840363031253, -0.5482948791662542),
    2: ('32f6f930bd39a223', 122.47569444444444, 2.1002130687314398, -0.5742538170403956),
    3: ('56223e359cdecf7b', 133.84537760416666, 1.7051028578619782, -0.6108956407018317),
}


def shapes(primitives):
    return [(part.shape, part.centre, part.half_size, part.yaw, part.label, part.instance, part.part)
            for part in primitives]


def people_in(empty, inhabited):
    """The parts of every person, found by what the room did not have before: stools are chairs, people are not."""
    people = {}
    for part in inhabited.scene.primitives[len(empty.scene.primitives):]:
        if part.label != CLASSES.index('chair'):
            people.setdefault(part.instance, []).append(part)
    return people


def bounding_boxes(view):
    """(K, 2, 3): the lower and the upper corner around each primitive."""
    corners = RayCaster(view.scene).corners
    return np.stack([corners.min(1), corners.max(1)], 1)


@pytest.mark.parametrize('seed', ROOMS_BEFORE)
def test_rooms_are_what_they_were_before_there_were_people(seed):
    view = render(seed, 48, 64)
    surfaces = hashlib.sha256(view.label.tobytes() + view.hits.surface.astype('<i2').tobytes()).hexdigest()
    digest, image, depth, normal = ROOMS_BEFORE[seed]
    assert surfaces[:16] == digest
    # Elementary functions may round differently on another processor, so real numbers cannot be hashed.
    assert view.image.mean() == pytest.approx(image, abs=0.01)
    assert view.depth.mean(dtype=np.float64) == pytest.approx(depth, rel=1e-6)
    assert view.normal[..., 2].mean(dtype=np.float64) == pytest.approx(normal, rel=1e-6)


def test_people_are_added_to_the_same_room_seen_by_the_same_camera(rooms):
    for empty, inhabited in rooms:
        before, after = shapes(empty.scene.primitives), shapes(inhabited.scene.primitives)
        assert after[:len(before)] == before
        np.testing.assert_array_equal(empty.camera.position, inhabited.camera.position)
        np.testing.assert_array_equal(empty.camera.rotation, inhabited.camera.rotation)


def test_there_are_up_to_three_people_and_sometimes_none(rooms):
    counts = [len(people_in(*room)) for room in rooms]
    assert min(counts) == 0 and 2 <= max(counts) <= 3
    assert 0.4 < np.mean(np.array(counts) > 0) < 0.9


def test_most_people_are_seen(rooms):
    there = [inhabited for empty, inhabited in rooms if people_in(empty, inhabited)]
    assert np.mean([(human_parts(view) > 0).any() for view in there]) > 0.9
    assert 0.03 < np.mean([human_parts(view) > 0 for view in there]) < 0.25


def test_every_pixel_of_a_person_has_a_part_and_no_other_pixel_has_one(rooms):
    for empty, inhabited in rooms:
        instance = np.array([surface.instance for surface in inhabited.scene.surfaces])[inhabited.hits.surface]
        parts = human_parts(inhabited)
        assert (parts.dtype, parts.shape) == (np.int8, (HEIGHT, WIDTH))
        np.testing.assert_array_equal(parts > 0, np.isin(instance, list(people_in(empty, inhabited))))
        assert (inhabited.label[parts > 0] == CLASSES.index('objects')).all()
        assert not human_parts(empty).any()


def test_everybody_has_all_six_parts_and_the_head_is_on_top(rooms):
    for room in rooms:
        for parts in people_in(*room).values():
            assert {part.part for part in parts} == set(range(1, len(PARTS)))
            height = {name: np.mean([part.centre[2] for part in parts if part.part == index])
                      for index, name in enumerate(PARTS) if index}
            assert height['head'] > height['upper arm'] > height['upper leg'] > height['lower leg']
            assert height['upper arm'] > height['lower arm']


def test_feet_stand_on_the_floor_and_heads_are_below_the_ceiling(rooms):
    for _, view in rooms:
        of_people = np.array([part.part > 0 for part in view.scene.primitives])
        instances = np.array([part.instance for part in view.scene.primitives])
        boxes = bounding_boxes(view)
        for instance in np.unique(instances[of_people]):
            box = boxes[instances == instance]
            assert box[:, 0, 2].min() == pytest.approx(0, abs=1e-9)
            assert 1.1 < box[:, 1, 2].max() < 2.0 < view.scene.size[2]


def test_people_are_inside_the_room_and_inside_nothing_else(rooms):
    for empty, inhabited in rooms:
        boxes, first = bounding_boxes(inhabited)[..., :2], len(empty.scene.primitives)
        instances = np.array([part.instance for part in inhabited.scene.primitives])
        people = people_in(empty, inhabited)
        for instance in people:
            low, high = boxes[instances == instance, 0].min(0), boxes[instances == instance, 1].max(0)
            assert (low >= 0).all() and (high <= inhabited.scene.size[:2]).all()
            others = np.isin(instances, [other for other in people if other != instance])
            others[:first] = True
            meets = ((boxes[:, 0] < high) & (boxes[:, 1] > low)).all(1)
            assert not (meets & others).any()


def test_who_sits_sits_on_a_stool_of_the_right_height(rooms):
    seats = 0
    for empty, inhabited in rooms:
        added = inhabited.scene.primitives[len(empty.scene.primitives):]
        for stool in (part for part in added if part.label == CLASSES.index('chair') and part.half_size[2] < 0.05):
            sitter = [part for part in added if part.instance == stool.instance + 1 and part.part]
            top = stool.centre[2] + stool.half_size[2]
            thighs = [part for part in sitter if part.part == PARTS.index('upper leg')]
            assert all(abs(thigh.centre[2] - thigh.half_size[2] - top) < 0.01 for thigh in thighs)
            seats += len(thighs)
    assert seats >= 6


def test_a_person_fits_its_footprint():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        body = person(rng, seat=0.45 if seed % 2 else None, reaching=0.5)
        for _, (x, y, _), (half_x, half_y, _), *_ in body.parts:
            assert abs(x) + half_x <= body.half_width + 1e-9
            assert abs(y) + half_y <= body.half_depth + 1e-9


def test_same_seed_gives_the_same_people():
    first, again = render(1, HEIGHT, WIDTH, people=True), render(1, HEIGHT, WIDTH, people=True)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(human_parts(first), human_parts(again))
    assert human_parts(first).any()


def test_people_do_not_depend_on_the_size_of_the_picture():
    small, large = render(1, 16, 16, people=True), render(1, 33, 47, people=True)
    assert shapes(small.scene.primitives) == shapes(large.scene.primitives)
