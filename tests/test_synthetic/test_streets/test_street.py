"""Streets: what CityScapes' cameras would see, with exact depth except in the sky."""
import numpy as np
import pytest

from lhl.datasets.cityscapes import CLASSES as CITYSCAPES_CLASSES
from lhl.synthetic.rooms import render
from lhl.synthetic.rooms.people import human_parts
from lhl.synthetic.rooms.ray_casting import RayCaster, _intervals, rotate
from lhl.synthetic.rooms.renderer import render_view
from lhl.synthetic.rooms.scene import Light, Scene
from lhl.synthetic.streets.street import STREET_CLASSES, random_street, random_street_camera, render_street

from ..test_rooms.hand_made_rooms import GREY, room_with

HEIGHT, WIDTH = 32, 64
SKY, FLAT, HUMAN, VEHICLE = (STREET_CLASSES.index(name) for name in ('sky', 'flat', 'human', 'vehicle'))
ROAD = 4  # the fifth of a room's sides
# In percent of all pixels of 40 streets, each about what a drive through a town shows.
SHARES = dict(flat=(32, 45), construction=(20, 33), object=(0.7, 3), nature=(9, 18), sky=(4, 13), human=(0.4, 1.5),
              vehicle=(5, 13))


def rays_of(view):
    """(H, W, 3) in the camera frame, of length 1 along the optical axis."""
    focal = view.camera.focal * WIDTH
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
    return np.stack([x / focal, y / focal, np.ones_like(x)], -1)


def ground_rectangles(view, label):
    """{instance: (low x, low y, high x, high y)} of everything of a class."""
    corners, rectangles = RayCaster(view.scene).corners, {}
    for part, corner in zip(view.scene.primitives, corners, strict=True):
        if part.label == label:
            rectangles.setdefault(part.instance, []).append(corner[:, :2])
    return {instance: (*np.concatenate(points).min(0), *np.concatenate(points).max(0))
            for instance, points in rectangles.items()}


def test_the_classes_are_those_of_cityscapes():
    assert STREET_CLASSES == CITYSCAPES_CLASSES


def test_arrays_have_the_promised_types_and_shapes(views):
    for view in views:
        assert (view.image.dtype, view.image.shape) == (np.uint8, (HEIGHT, WIDTH, 3))
        assert (view.label.dtype, view.label.shape) == (np.int8, (HEIGHT, WIDTH))
        assert (view.depth.dtype, view.depth.shape) == (np.float32, (HEIGHT, WIDTH))
        assert 0 <= view.label.min() and view.label.max() < len(STREET_CLASSES)


def test_same_seed_gives_the_same_street_and_another_seed_another(views):
    again = render_street(5, HEIGHT, WIDTH)
    for name in ('image', 'label', 'depth', 'normal', 'labelled', 'measured'):
        np.testing.assert_array_equal(getattr(again, name), getattr(views[5], name))
    assert not np.array_equal(views[5].label, views[6].label)


def test_street_and_camera_do_not_depend_on_the_size_of_the_picture(views):
    large = render_street(5, 48, 96)
    np.testing.assert_array_equal(large.camera.position, views[5].camera.position)
    assert [part.centre for part in large.scene.primitives] == [part.centre for part in views[5].scene.primitives]


def test_the_sky_and_only_the_sky_has_no_depth(views):
    for view in views:
        np.testing.assert_array_equal(np.isposinf(view.depth), view.label == SKY)
        assert not view.measured[view.label == SKY].any()
        known = view.depth[view.label != SKY]
        assert 2 < known.min() and known.max() < 151


def test_depth_of_the_road_is_where_the_ray_meets_the_ground(views):
    seen = 0
    for view in views:
        road = view.hits.surface == ROAD
        assert (view.label[road] == FLAT).all()
        fall = -(rays_of(view) @ view.camera.rotation)[..., 2]  # metres down per metre of depth
        np.testing.assert_allclose(view.depth[road], view.camera.position[2] / fall[road], rtol=1e-5)
        seen += road.sum()
    assert seen > 0.2 * len(views) * HEIGHT * WIDTH


def test_the_road_looks_up(views):
    up = np.array([0.0, 0, 1])
    for view in views:
        np.testing.assert_allclose(view.normal[view.hits.surface == ROAD] @ view.camera.rotation @ up, 1, atol=1e-5)


def test_normals_have_length_one_and_face_the_camera(views):
    for view in views:
        np.testing.assert_allclose(np.linalg.norm(view.normal, axis=-1), 1, atol=1e-6)
        assert ((view.normal * rays_of(view)).sum(-1) < 0).all()


def test_the_camera_is_that_of_cityscapes_in_a_car():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        camera = random_street_camera(rng, random_street(rng))
        assert camera.focal * 2048 == pytest.approx(2262)
        assert 1.2 <= camera.position[2] <= 1.7
        assert camera.rotation[2] @ [0, 1, 0] > 0.98  # along the street, within 11 degrees


def test_all_classes_are_in_most_pictures(views):
    present = np.array([np.bincount(view.label.ravel(), minlength=7) > 0 for view in views])
    assert (present.mean(0) > 0.75).all()
    assert present.all(1).mean() > 0.7


def test_classes_have_about_the_shares_of_cityscapes(views):
    counts = sum(np.bincount(view.label.ravel(), minlength=7) for view in views)
    for name, share in zip(STREET_CLASSES, 100 * counts / counts.sum(), strict=True):
        low, high = SHARES[name]
        assert low < share < high, (name, share)


def test_people_are_human_and_humans_are_people(views):
    for view in views:
        np.testing.assert_array_equal(human_parts(view) > 0, view.label == HUMAN)


def test_sky_is_above_the_road(views):
    for view in views:
        rows = np.arange(HEIGHT)[:, None] * np.ones((1, WIDTH))
        assert rows[view.label == SKY].mean() < HEIGHT / 2 < rows[view.label == FLAT].mean()


def test_vehicles_do_not_run_into_each_other(views):
    for view in views:
        rectangles = list(ground_rectangles(view, VEHICLE).values())
        for index, (x1, y1, x2, y2) in enumerate(rectangles):
            for x3, y3, x4, y4 in rectangles[:index]:
                assert x1 >= x4 or x2 <= x3 or y1 >= y4 or y2 <= y3


def test_nobody_is_inside_a_car(views):
    for view in views:
        cars = [car for car in ground_rectangles(view, VEHICLE).values() if car[2] - car[0] > 1]  # bicycles are thin
        for x1, y1, x2, y2 in ground_rectangles(view, HUMAN).values():
            assert all(x1 >= x4 or x2 <= x3 or y1 >= y4 or y2 <= y3 for x3, y3, x4, y4 in cars)


def test_no_picture_is_drowned_in_white_or_black(views):
    for view in views:
        assert (view.image == 255).all(-1).mean() < 0.2
        assert 40 < view.image.mean() < 215

# ---- the sun ---------------------------------------------------------------------------------------------------------


def test_the_sun_is_as_bright_far_away_as_near_and_a_lamp_is_not():
    # A grey floor, 158 m long, below a light: its image is even under the sun, and dark far from a lamp.
    rng = np.random.default_rng(0)
    camera = random_street_camera(rng, random_street(rng))
    bare = room_with(material=GREY)
    spread = {}
    for falls_off, height in ((True, 20.0), (False, 3000.0)):
        light = Light(np.array([80.0, 79.0, height]), np.ones(3), falls_off)
        scene = Scene((160.0, 158.0, 80.0), bare.sides, (), (light, ), ambient=0.0)
        view = render_view(scene, camera, 32, 64, np.random.default_rng(1))
        floor = view.image[view.hits.surface == ROAD].mean(-1)
        spread[falls_off] = floor.std() / floor.mean()
    assert spread[False] < 0.1 < spread[True]


def test_shadows_are_those_that_every_intersection_would_find(views):
    for view in (views[0], render(0, HEIGHT, WIDTH)):
        caster, light = RayCaster(view.scene), view.scene.lights[0].position
        points = view.camera.position.astype(np.float32)[:, None, None] + view.hits.depth * view.hits.rays
        points = points.reshape(3, -1)
        direction = points - light.astype(np.float32)[:, None]
        limit = np.maximum(np.float32(0.985), 1 - np.float32(0.15) / np.sqrt((direction * direction).sum(0)))
        expected = np.zeros(points.shape[1], bool)
        origins = caster.unit_origins(light)
        for part, to_unit, origin in zip(view.scene.primitives, caster.to_unit, origins, strict=True):
            entries, leaves = _intervals(part.shape, origin, rotate(to_unit, direction))
            entry = entries.max(0)
            expected |= (entry < leaves.min(0)) & (entry > 0) & (entry < limit)
        np.testing.assert_array_equal(caster.blocked(light, points), expected)
        assert 0.02 < expected.mean() < 0.98
