
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lhl.datasets.taskonomy.dataset import DOMAINS
from lhl.datasets.taskonomy.encodings import CLASSES, check_facing, class_of_value, decode_normals

from ..nyuv2_files import unit_normals
from ..taskonomy_files import (
    SIZE,
    file_of,
    fill_holes,
    save,
    target_of,
    taskonomy,
)
from .test_dataset import assert_refused


@pytest.mark.parametrize(('name', 'domain'), [('depth', 'depth_zbuffer'), ('euclidean_distance', 'depth_euclidean')])
def test_distances_come_back_within_half_a_count(root, name, domain):
    fill_holes(root)
    metres = np.random.default_rng(1).uniform(0.3, 127, SIZE)
    save(file_of(root, domain), np.rint(512 * metres).astype(np.uint16))
    target, valid = target_of(root, name)
    assert valid.all() and target.shape == (*SIZE, 1) and target.dtype == np.float32
    np.testing.assert_allclose(target[..., 0], metres, atol=1 / 1024 + 1e-5)


def test_normals_come_back_as_unit_vectors_in_the_camera_frame_of_lhl(root):
    fill_holes(root)
    normals = unit_normals(np.random.default_rng(1), SIZE)  # x right, y down, z forward
    left_up_toward = np.stack([-normals[..., 0], -normals[..., 1], -normals[..., 2]], axis=-1)
    save(file_of(root, 'normal'), np.rint((left_up_toward + 1) / 2 * 255).astype(np.uint8)[..., ::-1])
    target, valid = target_of(root, 'normal')
    assert valid.all()
    np.testing.assert_allclose(np.linalg.norm(target, axis=-1), 1, atol=1e-6)
    degrees = np.degrees(2 * np.arcsin(np.linalg.norm(target - normals, axis=-1) / 2))
    assert degrees.max() < np.degrees(3**0.5 / 255) + 1e-3


def test_the_colours_of_a_wall_a_floor_and_a_wall_at_the_right_are_those_of_taskonomy(root):
    # Facing the camera is blue, a floor green, and what looks to the left, as a wall at the right does, red.
    fill_holes(root)
    picture = np.full((*SIZE, 3), (127, 127, 255), np.uint8)
    picture[0, 0], picture[0, 1] = (127, 255, 127), (255, 127, 127)
    save(file_of(root, 'normal'), picture[..., ::-1])
    target = target_of(root, 'normal')[0]
    np.testing.assert_allclose(target[1, 1], [0, 0, -1], atol=0.006)
    np.testing.assert_allclose(target[0, 0], [0, -1, 0], atol=0.006)
    np.testing.assert_allclose(target[0, 1], [-1, 0, 0], atol=0.006)


def test_curvatures_come_back_within_half_a_count(root):
    fill_holes(root)
    curvature = np.random.default_rng(1).uniform(-1 / 0.03, 1 / 0.03, (*SIZE, 2))
    curvature[0, 0] = 0
    red_green = np.rint((0.03 * curvature + 1) / 2 * 254)
    blue = np.full((*SIZE, 1), 99)
    save(file_of(root, 'principal_curvature'), np.concatenate([blue, red_green[..., ::-1]], axis=-1).astype(np.uint8))
    target, valid = target_of(root, 'principal_curvature')
    assert valid.all() and target.shape == (*SIZE, 2)
    np.testing.assert_allclose(target, curvature, atol=1 / 254 / 0.03 + 1e-4)
    np.testing.assert_allclose(target[0, 0], 0, atol=1e-5)


@pytest.mark.parametrize('channels', [1, 3])
def test_reshading_comes_back_within_half_a_count_from_grey_or_colour(root, channels):
    fill_holes(root)
    brightness = np.random.default_rng(1).random(SIZE)
    grey = np.rint(255 * brightness).astype(np.uint8)
    save(file_of(root, 'reshading'), grey if channels == 1 else np.repeat(grey[..., None], 3, axis=-1))
    target, valid = target_of(root, 'reshading')
    assert valid.all()
    np.testing.assert_allclose(target[..., 0], brightness, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize('name', ['edge_occlusion', 'edge_texture', 'keypoints2d', 'keypoints3d'])
def test_edges_and_keypoints_keep_their_counts_above_the_range_of_signed_16_bits(root, name):
    fill_holes(root)
    counts = np.random.default_rng(1).integers(0, 65536, SIZE).astype(np.uint16)
    counts[0, :3] = 0, 40000, 65535
    save(file_of(root, DOMAINS[name]), counts)
    target, valid = target_of(root, name)
    assert valid.all() and target.dtype == np.float32
    np.testing.assert_array_equal(target[..., 0], counts)


def test_an_image_is_rgb_from_0_to_1(shared_root):
    bgr = cv2.imread(str(file_of(shared_root, 'rgb')))
    np.testing.assert_allclose(taskonomy(shared_root)[0]['image'], bgr[..., ::-1] / 255, atol=1e-7)


def test_the_values_1_to_17_are_background_and_16_objects_and_0_is_unlabelled():
    assert class_of_value(CLASSES)[:18].tolist() == [-1, *range(17)]
    assert (CLASSES[0], CLASSES[1], CLASSES[7], CLASSES[16]) == ('background', 'bottle', 'toilet', 'vase')


def with_value(value):
    def change(picture):
        picture = picture.copy()
        picture[2, 3] = value
        return picture
    return change


BAD_PICTURES = [
    ('depth', lambda depth: (depth // 256).astype(np.uint8), 'uint8 values .*expected one channel of uint16'),
    ('depth', lambda depth: np.repeat(depth[..., None], 3, -1), r'shape \(12, 16, 3\), expected one channel'),
    ('depth', lambda depth: depth[:, 1:], r'shape \(12, 15, 1\), expected \(12, 16, 1\) .*at the same size'),
    ('euclidean_distance', lambda depth: depth.astype(np.uint8), 'expected one channel of uint16'),
    ('euclidean_distance', lambda depth: depth[1:], r'shape \(11, 16\), expected \(12, 16\) as .*holds its mask'),
    ('normal', lambda normal: normal.astype(np.uint16) * 257, 'uint16 values .*expected three channels of uint8'),
    ('normal', lambda normal: normal[..., 0], r'shape \(12, 16\), expected three channels'),
    ('normal', lambda normal: 255 - normal, '100% of the normals pointing away .*x to the left, y up and z toward'),
    ('edge_occlusion', lambda edge: edge.astype(np.uint8), 'expected one channel of uint16'),
    ('keypoints2d', lambda points: points.astype(np.uint8), 'expected one channel of uint16'),
    ('edge_texture', lambda edge: edge[1:, 1:], r'shape \(11, 15, 1\), expected \(12, 16, 1\)'),
    ('reshading', lambda grey: grey.astype(np.uint16), 'expected one channel or three channels of uint8'),
    ('principal_curvature', lambda curvature: curvature[..., 0], 'expected three channels of uint8'),
    ('segmentation', with_value(18), 'found the value 18, expected 0 to 17'),
    ('segmentation', with_value(255), 'found the value 255, expected 0 to 17'),
    ('segmentation', lambda label: np.repeat(label[..., None], 3, -1), 'expected one channel of uint8')]


@pytest.mark.parametrize(('name', 'change', 'message'), BAD_PICTURES)
def test_a_bad_picture_is_refused_by_the_name_of_its_file(root, name, change, message):
    path = file_of(root, DOMAINS[name])
    save(path, np.ascontiguousarray(change(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))))
    assert_refused(root, name, path, message)


@given(hnp.arrays(np.uint8, (3, 4, 3), elements=st.integers(0, 255)))
def test_decoded_normals_are_unit_vectors_or_zero(picture):
    lengths = np.linalg.norm(decode_normals(picture), axis=-1)
    assert (np.isclose(lengths, 1, atol=1e-5) | (lengths == 0)).all()


def test_a_floor_seen_edge_on_does_not_point_away():
    floor = decode_normals(np.full((*SIZE, 3), (127, 255, 127), np.uint8))
    assert (floor[..., 2] > 0).all()  # by rounding
    check_facing(floor, np.ones(SIZE, bool))
