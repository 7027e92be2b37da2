"""What the raw numbers of a target mean, shown on a folder of images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.datasets.io.target_files import TargetFiles
from lhl.errors import DataError

from ..folder_files import SIZE, TASKS, folder, one
from ..nyuv2_files import unit_normals


def test_a_png_of_16_bits_in_millimetres_becomes_metres_and_zero_is_invalid(tmp_path):
    raw = np.array([[0, 1, 1500], [40000, 65535, 0]], np.uint16)
    depth, valid = one(tmp_path, 'depth', raw, scale=0.001, invalid=0)
    np.testing.assert_array_equal(valid, [[False, True, True], [True, True, False]])
    np.testing.assert_array_equal(depth[..., 0], np.float32([[0, 0.001, 1.5], [40, 65.535, 0]]))


def test_depth_of_several_invalid_numbers_keeps_the_others(tmp_path):
    _, valid = one(tmp_path, 'depth', np.array([[0, 1500, 65535]], np.uint16), scale=1 / 512, invalid=[0, 65535])
    np.testing.assert_array_equal(valid, [[False, True, False]])


def test_normals_of_8_bits_become_unit_vectors_within_the_rounding(tmp_path):
    normals = unit_normals(np.random.default_rng(1), (20, 30))
    encoded = ((normals + 1) / 2 * 255).round().astype(np.uint8)
    encoded[0, :2] = [[127, 128, 127], [0, 0, 0]]
    target, valid = one(tmp_path, 'normal', encoded, scale=2 / 255, offset=-1, invalid=[0, 127, 128])
    assert not valid[0, :2].any() and valid.sum() == 598 and not target[~valid].any()
    np.testing.assert_allclose(np.linalg.norm(target[valid], axis=-1), 1, atol=1e-6)
    # Half a step of 2/255 in each of three components, seen from the length of one.
    angles = np.degrees(np.arccos(np.clip((target * normals).sum(-1)[valid], -1, 1)))
    assert angles.max() < np.degrees(np.sqrt(3) / 255) * 1.01


def test_a_normal_with_one_component_of_the_invalid_values_is_valid(tmp_path):
    _, valid = one(tmp_path, 'normal', np.array([[[127, 127, 0], [128, 0, 127]]], np.uint8), scale=2 / 255, offset=-1,
                   invalid=[127, 128])
    assert valid.all()


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_npy_depth_is_invalid_where_it_is_nan(tmp_path, dtype):
    depth, valid = one(tmp_path, 'depth', np.array([[np.nan, 1.25], [2.5, np.nan]], dtype), '.npy', invalid='nan')
    np.testing.assert_array_equal(valid, [[False, True], [True, False]])
    np.testing.assert_array_equal(depth[..., 0], [[0, 1.25], [2.5, 0]])


def test_nan_infinity_and_a_number_may_all_be_invalid(tmp_path):
    _, valid = one(tmp_path, 'depth', np.array([[np.nan, np.inf, -1, 3.0]]), '.npy', invalid=['nan', 'inf', -1])
    np.testing.assert_array_equal(valid, [[False, False, False, True]])


def test_a_normal_with_one_nan_is_invalid(tmp_path):
    _, valid = one(tmp_path, 'normal', np.array([[[0, np.nan, -1], [0, 0, -1]]]), '.npy', invalid='nan')
    np.testing.assert_array_equal(valid, [[False, True]])


def test_labels_of_8_bits_are_classes_and_255_is_ignored(tmp_path):
    labels, valid = one(tmp_path, 'segmentation', np.array([[0, 4, 255]], np.uint8), invalid=255)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, [[0, 4, 0]])
    np.testing.assert_array_equal(valid, [[True, True, False]])


def test_arbitrary_numbers_are_mapped_to_classes(tmp_path):
    raw = np.array([[7, 8, 26], [33, 1000, 7]], np.uint16)
    mapping = {7: 0, 8: 1, 26: 3, 33: -1, 1000: 4}
    labels, valid = one(tmp_path, 'segmentation', raw, mapping=mapping)
    np.testing.assert_array_equal(labels, [[0, 1, 3], [0, 4, 0]])
    np.testing.assert_array_equal(valid, [[True, True, True], [False, True, True]])


@given(raw=st.lists(st.integers(-3, 300), min_size=1, max_size=40),
       mapping=st.dictionaries(st.integers(0, 300), st.integers(-1, 4), min_size=1, max_size=20))
def test_mapping_is_that_of_a_dictionary(raw, mapping):
    files = TargetFiles('label', mapping={**mapping, 'other': -1})
    labels, valid = files.decode_classes(np.array([raw]), 5)
    expected = [mapping.get(number, -1) for number in raw]
    np.testing.assert_array_equal(valid[0], [index >= 0 for index in expected])
    np.testing.assert_array_equal(labels[0], expected)


def test_colours_are_mapped_to_classes_in_the_order_red_green_blue(tmp_path):
    raw = np.array([[[0, 0, 0], [128, 0, 0], [0, 0, 128], [224, 224, 192]]], np.uint8)
    mapping = {'#000000': 0, '#800000': 1, '#000080': 2, '#E0E0C0': -1}
    labels, valid = one(tmp_path, 'segmentation', raw, mapping=mapping)
    np.testing.assert_array_equal(labels, [[0, 1, 2, 0]])
    np.testing.assert_array_equal(valid, [[True, True, True, False]])


def test_a_mask_of_0_and_255_has_two_classes(tmp_path):
    labels, valid = one(tmp_path, 'segmentation', np.array([[0, 255]], np.uint8), mapping={0: 0, 255: 1})
    np.testing.assert_array_equal(labels, [[0, 1]])
    assert valid.all()


@pytest.mark.parametrize('dtype', [bool, np.int8, np.int32, np.float32])
def test_npy_labels_may_have_any_type_that_holds_whole_numbers(tmp_path, dtype):
    labels, _ = one(tmp_path, 'segmentation', np.array([[0, 1], [1, 0]], dtype), '.npy')
    np.testing.assert_array_equal(labels, [[0, 1], [1, 0]])


def test_one_channel_may_be_taken_of_a_grey_picture_stored_in_colour(tmp_path):
    grey = np.array([[[51] * 3, [255] * 3]], np.uint8)
    depth, _ = one(tmp_path, 'depth', grey, channels=[0], scale=1 / 255)
    np.testing.assert_allclose(depth[..., 0], [[0.2, 1]], rtol=1e-6)


def test_channels_are_reordered_and_signs_flipped_per_channel(tmp_path):
    """Stored as (z, y, x) with y up and z towards the viewer."""
    normals = unit_normals(np.random.default_rng(2), SIZE)
    stored = (normals * [1, -1, -1])[..., ::-1]
    target, _ = one(tmp_path, 'normal', stored, '.npy', channels=[2, 1, 0], scale=[1, -1, -1])
    np.testing.assert_allclose(target, normals, atol=1e-6)


def test_whole_numbers_need_a_declared_unit(folder_root):
    targets = dict(depth=dict(folder='depth', invalid=0))
    with pytest.raises(DataError, match='type uint16, expected their unit; declare it, such as scale=0.001'):
        folder(folder_root, tasks=dict(depth=TASKS['depth']), targets=targets)[0]


def test_a_number_without_a_class_is_refused_with_the_cure(tmp_path):
    with pytest.raises(DataError, match=r"found 2 numbers without a class \(9, 12\).*'other': -1"):
        one(tmp_path, 'segmentation', np.array([[0, 9, 12]], np.uint8), mapping={0: 0})


def test_a_colour_without_a_class_is_refused_in_the_notation_of_the_mapping(tmp_path):
    with pytest.raises(DataError, match=r'found 1 colours without a class \(#0a141e\)'):
        one(tmp_path, 'segmentation', np.array([[[0, 0, 0], [10, 20, 30]]], np.uint8), mapping={'#000000': 0})


def test_numbers_where_colours_are_mapped_are_refused(tmp_path):
    with pytest.raises(DataError, match='type uint8, expected 8-bit colours'):
        one(tmp_path, 'segmentation', np.zeros((2, 2), np.uint8), mapping={'#000000': 0})


@pytest.mark.parametrize(('encoding', 'message'), [
    (dict(scale=[1, 2]), 'found 2 numbers in scale, expected one or 1'),
    (dict(scale=1, channels=[1]), r'found 1 channels, expected those of channels=\[1\]')])
def test_an_encoding_that_does_not_fit_the_file_is_refused(tmp_path, encoding, message):
    with pytest.raises(DataError, match=message):
        one(tmp_path, 'depth', np.ones((2, 2), np.uint16), **encoding)
