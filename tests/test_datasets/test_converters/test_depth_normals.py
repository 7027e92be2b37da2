import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter, minimum_filter

from lhl.datasets.converters.depth_normals import Intrinsics, normals_from_depth
from lhl.synthetic.rooms.renderer import render

from ..nyuv2_files import unit_normals

CAMERA = Intrinsics(fx=60.0, fy=55.0, cx=31.0, cy=22.5)
INSIDE = slice(5, -5)


def rays(size=(48, 64), camera=CAMERA):
    """Where pixels look, ``(H, W, 3)``, with length 1 along the optical axis."""
    rows, columns = np.mgrid[:size[0], :size[1]]
    return np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(size)], axis=-1)


def plane(normal, distance):
    """The depth of a plane with a normal that faces the camera, so far from it."""
    return -distance / (rays() @ normal)


def angle(first, second):
    return np.rad2deg(2 * np.arcsin(np.linalg.norm(first - second, axis=-1) / 2))


@given(seed=st.integers(0, 2**32 - 1), distance=st.floats(0.5, 9))
def test_the_normal_of_a_plane_is_exact(seed, distance):
    normal = unit_normals(np.random.default_rng(seed), ())
    depth = plane(normal, distance)
    if (depth <= 0).any():  # its horizon is in the picture
        return
    normals, known = normals_from_depth(depth, CAMERA)
    assert known[INSIDE, INSIDE].all() and angle(normals[known], normal).max() < 0.001


def test_normals_face_the_camera_with_unit_length_and_are_zero_where_unknown():
    depth = plane(np.array([0.6, 0, -0.8]), 2.0)
    depth[20, 30] = 0
    normals, known = normals_from_depth(depth, CAMERA)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), known, atol=1e-6)
    assert ((normals * rays()).sum(axis=-1)[known] < 0).all() and normals.dtype == np.float32


def test_next_to_unknown_depth_and_to_the_sides_normals_are_unknown():
    depth = plane(np.array([0, 0, -1.0]), 2.0)
    depth[20, 30] = 0
    _, known = normals_from_depth(depth, CAMERA)
    expected = np.zeros(depth.shape, bool)
    expected[INSIDE, INSIDE] = True
    expected[15:26, 25:36] = False
    np.testing.assert_array_equal(known, expected)


@pytest.mark.parametrize(('step', 'found'), [(0.013, True), (0.011, False)])
def test_where_the_inverse_depth_jumps_by_0_012_per_metre_normals_are_unknown(step, found):
    depth = plane(np.array([0, 0, -1.0]), 2.0)
    depth[:, 32:] = 1 / (1 / 2.0 - step)
    _, known = normals_from_depth(depth, CAMERA)
    assert known[24, 31] != found and known[24, 32] != found and known[24, 20] and known[24, 45]


def test_the_noise_of_a_sensor_tilts_a_wall_by_a_few_degrees():
    # A Kinect measures disparity in steps of 1/8 pixel: its inverse depth is rounded to 0.0029 / m.
    camera = Intrinsics(fx=518.9, fy=519.5, cx=30.0, cy=20.0)
    normal = np.array([0.6, 0, -0.8])
    depth = -2.0 / (rays(camera=camera) @ normal)
    measured = 1 / (np.rint(1 / depth / 0.0029) * 0.0029)
    normals, known = normals_from_depth(measured, camera)
    assert known[INSIDE, INSIDE].all() and angle(normals[known], normal).mean() < 3


@pytest.mark.parametrize('seed', [0, 3])
def test_where_one_plane_of_a_rendered_room_fills_the_window_its_normal_is_found(seed):
    view = render(seed, 240, 320)
    focal = 320 * view.camera.focal
    camera = Intrinsics(focal, focal, 159.5, 119.5)
    normals, known = normals_from_depth(view.depth, camera, reach=3)
    offset = view.depth * (view.normal * rays(view.depth.shape, camera)).sum(axis=-1)
    planes = np.concatenate([view.normal, offset[..., None]], axis=-1)
    flat = (maximum_filter(planes, (7, 7, 1)) - minimum_filter(planes, (7, 7, 1)) < 1e-4).all(axis=-1)
    flat[:3] = flat[-3:] = flat[:, :3] = flat[:, -3:] = False
    assert flat.mean() > 0.6 and known[flat].all() and angle(normals, view.normal)[flat].max() < 0.1
