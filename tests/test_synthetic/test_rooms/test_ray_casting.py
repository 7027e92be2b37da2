"""Ray casting against numbers worked out by hand, in the room of ``hand_made_rooms``."""
import numpy as np
import pytest

from lhl.synthetic.rooms.ray_casting import RayCaster
from lhl.synthetic.rooms.scene import CLASSES

from .hand_made_rooms import CAMERA, MIDDLE, primitive, room_with, view_of


def test_far_wall_is_equally_deep_everywhere_because_depth_is_measured_along_the_axis():
    view = view_of()
    # The far wall spans |x| <= 2 and |y| <= 1.5 at depth 5: |x / z| <= 0.4 = 13.2 pixels, |y / z| <= 0.3 = 9.9 pixels.
    wall = view.depth[12 - 9:12 + 10, 16 - 13:16 + 14]
    np.testing.assert_allclose(wall, 5.0, rtol=1e-6)
    np.testing.assert_allclose(view.normal[MIDDLE], [0, 0, -1], atol=1e-6)
    assert view.label[MIDDLE] == CLASSES.index('wall')


def test_floor_is_below_and_points_up():
    view = view_of()
    # Eleven pixels below the middle the ray is (0, 11 / 33, 1); it meets the floor 1.5 below at depth 4.5.
    assert view.depth[23, 16] == pytest.approx(4.5, rel=1e-6)
    np.testing.assert_allclose(view.normal[23, 16], [0, -1, 0], atol=1e-6)
    assert view.label[23, 16] == CLASSES.index('floor')
    assert view.label[1, 16] == CLASSES.index('ceiling')
    np.testing.assert_allclose(view.normal[1, 16], [0, 1, 0], atol=1e-6)


def test_side_walls_point_inwards():
    view = view_of()
    # At the right edge the ray is (16 / 33, 0, 1); it meets the wall 2 to the right at depth 4.125.
    assert view.depth[12, 32] == pytest.approx(4.125, rel=1e-6)
    np.testing.assert_allclose(view.normal[12, 32], [-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(view.normal[12, 0], [1, 0, 0], atol=1e-6)


def test_sphere_depth_and_normal_solve_the_quadratic():
    view = view_of(primitive('ellipsoid', (2.0, 4.0, 1.5), (0.5, 0.5, 0.5)))
    assert view.depth[MIDDLE] == pytest.approx(2.5, rel=1e-6)
    np.testing.assert_allclose(view.normal[MIDDLE], [0, 0, -1], atol=1e-6)
    ray, centre = np.array([4 / 33, -2 / 33, 1.0]), np.array([0, 0, 3.0])
    square, half_linear = ray @ ray, ray @ centre
    depth = (half_linear - np.sqrt(half_linear**2 - square * (9 - 0.25))) / square
    assert view.depth[10, 20] == pytest.approx(depth, rel=1e-6)
    np.testing.assert_allclose(view.normal[10, 20], (depth * ray - centre) / 0.5, atol=1e-5)


def test_ellipsoid_normal_is_the_gradient_of_its_equation():
    view = view_of(primitive('ellipsoid', (2.0, 4.0, 1.5), (0.8, 0.4, 0.3)))
    point = view.depth[14, 20] * np.array([4 / 33, 2 / 33, 1.0]) - [0, 0, 3.0]
    half_size = np.array([0.8, 0.3, 0.4])  # the room's axes are x, z, -y of the camera
    assert ((point / half_size)**2).sum() == pytest.approx(1, abs=1e-5)
    gradient = point / half_size**2
    np.testing.assert_allclose(view.normal[14, 20], gradient / np.linalg.norm(gradient), atol=1e-5)


def test_box_turned_by_45_degrees_shows_an_edge_and_two_faces():
    view = view_of(primitive('box', (2.0, 4.0, 1.5), (0.5, 0.5, 0.5), yaw=np.pi / 4))
    half_diagonal = np.sqrt(0.5)
    assert view.depth[MIDDLE] == pytest.approx(3 - half_diagonal, rel=1e-6)
    # On a face |x| + (3 - z) is the half diagonal, and x = z * 3 / 33 three pixels out.
    assert view.depth[12, 19] == pytest.approx((3 - half_diagonal) / (1 - 3 / 33), rel=1e-6)
    np.testing.assert_allclose(view.normal[12, 19], [np.sqrt(0.5), 0, -np.sqrt(0.5)], atol=1e-6)
    np.testing.assert_allclose(view.normal[12, 13], [-np.sqrt(0.5), 0, -np.sqrt(0.5)], atol=1e-6)


def test_cylinder_has_a_round_side_and_a_flat_cap():
    # Top half a metre below the camera; axis 3 m away; radius half a metre.
    view = view_of(primitive('cylinder', (2.0, 4.0, 0.5), (0.5, 0.5, 0.5)))
    assert view.depth[18, 16] == pytest.approx(0.5 * 33 / 6, rel=1e-6)  # 2.75 m: on the cap
    np.testing.assert_allclose(view.normal[18, 16], [0, -1, 0], atol=1e-6)
    assert view.depth[20, 16] == pytest.approx(2.5, rel=1e-6)  # 0.606 m below the camera: on the side
    np.testing.assert_allclose(view.normal[20, 16], [0, 0, -1], atol=1e-6)
    assert (view.label[[18, 20], 16] == CLASSES.index('objects')).all()


def test_nearer_primitive_hides_the_farther_one_in_either_order():
    near = primitive('box', (2.0, 3.0, 1.5), (0.2, 0.2, 0.2), label='books')
    far = primitive('box', (2.0, 4.0, 1.5), (0.6, 0.2, 0.6), label='tv')
    for order in ((near, far), (far, near)):
        view = view_of(*order)
        assert view.label[MIDDLE] == CLASSES.index('books')
        assert view.label[12, 20] == CLASSES.index('tv')


def test_nothing_behind_the_camera_is_seen():
    assert (view_of(primitive('ellipsoid', (2.0, 0.5, 1.5), (0.3, 0.3, 0.3))).label != CLASSES.index('objects')).all()


def test_box_reaching_behind_the_camera_is_seen_where_it_reaches_forward():
    # A beam 0.5 m to the right, from behind the camera to the far wall.
    view = view_of(primitive('box', (2.7, 3.0, 1.5), (0.2, 2.9, 0.2), label='furniture'))
    assert view.label[12, 32] == CLASSES.index('furniture')
    assert view.depth[12, 32] == pytest.approx(0.5 * 33 / 16, rel=1e-6)
    assert view.label[MIDDLE] == CLASSES.index('wall')


def test_thin_panel_that_passes_beside_the_camera_is_seen_beyond_its_projected_corners():
    # Seen from above it runs from (0, -0.5) to (1.35, 4) in camera x and z, so x / z = 0.3 + 0.15 / z: its front corner
    # projects to 0.34, the corner behind the camera to nothing of use, yet the panel fills the right edge of the view.
    half_length = np.hypot(1.35, 4.5) / 2
    view = view_of(primitive('box', (2.675, 2.75, 1.5), (half_length, 0.002, 0.8), yaw=np.arctan2(4.5, 1.35)))
    assert view.label[12, 30] == CLASSES.index('objects')
    assert view.depth[12, 30] == pytest.approx(0.15 / (14 / 33 - 0.3), rel=0.03)


def test_hit_points_lie_where_depth_times_ray_says():
    view = view_of(primitive('ellipsoid', (2.0, 4.0, 1.5), (0.5, 0.5, 0.5)))
    points = CAMERA.position[:, None, None] + view.hits.depth * view.hits.rays
    on_ball = view.hits.surface == 6
    distance = np.linalg.norm(points[:, on_ball] - np.array([[2.0], [4.0], [1.5]]), axis=0)
    np.testing.assert_allclose(distance, 0.5, atol=1e-5)


def test_shadow_falls_behind_what_stands_before_the_light():
    caster = RayCaster(room_with(primitive('box', (2.0, 3.0, 1.5), (0.5, 0.1, 0.5))))
    light = np.array([2.0, 1.0, 1.5])
    points = np.array([[2.0, 5.0, 1.5], [3.9, 5.0, 1.5], [2.0, 2.0, 1.5]], np.float32).T
    assert caster.blocked(light, points).tolist() == [True, False, False]


SUN = np.array([0.0, 0.0, 3000.0])


def test_the_sun_throws_shadows_of_what_is_close_to_the_ground_but_not_of_the_ground_itself():
    # From 3000 m up, what is 5 m above the ground is at 99.8 % of the way, and the ground itself at 100 %.
    slab = primitive('box', (0.0, 0.0, 5.0), (1.0, 1.0, 0.05))
    caster = RayCaster(room_with(slab))
    points = np.array([[0, 0, 0], [0.5, 0.5, 0], [2, 0, 0], [0, 0, 5.05]], np.float32).T
    np.testing.assert_array_equal(caster.blocked(SUN, points), [True, True, False, False])


def test_a_large_slab_close_below_a_lamp_throws_its_shadow_to_all_sides():
    # The lamp is 1 m above the slab, which reaches from y = -1 to y = 5: on the way to (0, -1.4, 0) it is met at -0.7,
    # more than a right angle away from the slab's centre; on the way to (0, -2.4, 0) it is missed at -1.2.
    caster = RayCaster(room_with(primitive('box', (0.0, 2.0, 1.0), (3.0, 3.0, 0.05))))
    points = np.array([[0, -1.4, 0], [0, -2.4, 0], [0, 8, 0], [0, 11, 0]], np.float32).T
    np.testing.assert_array_equal(caster.blocked(np.array([0.0, 0.0, 2.0]), points), [True, False, True, False])
