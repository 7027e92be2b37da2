
import cv2
import numpy as np
import pytest

from lhl.datasets.converters.base import RECORD
from lhl.datasets.converters.taskonomy import convert_taskonomy, shrink
from lhl.datasets.taskonomy.dataset import DOMAINS, Taskonomy
from lhl.datasets.taskonomy.encodings import ENCODINGS, decode_normals, encode_normals
from lhl.errors import ConfigError, DataError

from ..nyuv2_files import unit_normals
from ..taskonomy_files import BUILDINGS, SHAPES, SIZE, TASKS, file_of, save, write_taskonomy

HALF = 6  # of a side of the square pictures of these tests


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}

# ---- what is made ----------------------------------------------------------------------------------------------


def test_the_small_data_set_loads_with_every_task_in_the_splits_of_the_large_one(shared_release, tmp_path):
    assert convert_taskonomy(shared_release, tmp_path, HALF) == 6
    for split in ('train', 'val'):
        options = dict(split=split, tasks=TASKS, pipeline=[], buildings=BUILDINGS)
        small, large = Taskonomy(tmp_path, **options), Taskonomy(shared_release, **options)
        assert small.samples == large.samples
        sample = small[0]
        assert sample['image'].shape == (HALF, HALF, 3)
        assert all(target.shape[:2] == (HALF, HALF) for target in sample['targets'].values())


@pytest.mark.parametrize('shape', SHAPES)
def test_files_keep_their_names_and_encodings_in_every_shape(tmp_path, shape):
    write_taskonomy(tmp_path / 'release', shape, ['merom'], 1, (3, ), (4, 4))
    convert_taskonomy(tmp_path / 'release', tmp_path / 'out', 2)
    for domain in (*ENCODINGS, 'rgb'):
        large, small = (read(file_of(tmp_path / name, domain, 'merom', 0, 3, shape)) for name in ('release', 'out'))
        assert small.dtype == large.dtype and small.shape == (2, 2, *large.shape[2:])


@pytest.mark.parametrize('domain', ['depth_zbuffer', 'depth_euclidean', 'segment_semantic'])
def test_depths_and_classes_are_those_of_the_centre(shared_release, tmp_path, domain):
    convert_taskonomy(shared_release, tmp_path, 4)
    np.testing.assert_array_equal(read(file_of(tmp_path, domain)), read(file_of(shared_release, domain))[1::3, 1::3])


@pytest.mark.parametrize('domain', ['rgb', 'edge_texture', 'keypoints2d'])
def test_what_was_computed_from_the_picture_is_averaged(shared_release, tmp_path, domain):
    convert_taskonomy(shared_release, tmp_path, HALF)
    large = read(file_of(shared_release, domain)).astype(float)
    mean = (large[::2, ::2] + large[1::2, ::2] + large[::2, 1::2] + large[1::2, 1::2]) / 4
    np.testing.assert_allclose(read(file_of(tmp_path, domain)), mean, atol=0.51)


@pytest.mark.parametrize('domain', ['edge_occlusion', 'reshading', 'principal_curvature', 'keypoints3d'])
def test_what_was_rendered_is_averaged_without_its_holes(shared_release, tmp_path, domain):
    convert_taskonomy(shared_release, tmp_path, HALF)
    large, small = read(file_of(shared_release, domain)).astype(float), read(file_of(tmp_path, domain))
    valid = read(file_of(shared_release, 'depth_zbuffer')) != 65535
    for row in range(HALF):
        for column in range(HALF):
            area = np.s_[2 * row:2 * row + 2, 2 * column:2 * column + 2]
            if valid[area].any():
                np.testing.assert_allclose(small[row, column], large[area][valid[area]].mean(axis=0), atol=0.51)


def test_no_new_pixel_is_valid_without_an_old_one_that_is(shared_release, tmp_path):
    convert_taskonomy(shared_release, tmp_path, HALF)
    centres = (read(file_of(shared_release, 'depth_zbuffer')) != 65535)[1::2, 1::2]
    dataset = Taskonomy(tmp_path, 'train', TASKS, pipeline=[], buildings=BUILDINGS)
    for name in TASKS:
        if name != 'segmentation' and ENCODINGS[DOMAINS[name]].masked:
            np.testing.assert_array_equal(dataset[0]['valid'][name], centres)


def test_the_mean_of_two_normals_lies_between_them_and_is_a_unit_vector():
    right, down = np.array([1, 0, -1]) / 2**0.5, np.array([0, 1, -1]) / 2**0.5
    picture = encode_normals(np.array([[right, down], [right, down]]))
    mean = decode_normals(shrink(picture, 'normal', 1))[0, 0]
    np.testing.assert_allclose(mean, np.array([1, 1, -2]) / 6**0.5, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(mean), 1, atol=1e-6)


def test_holes_do_not_turn_the_normals_beside_them():
    picture = encode_normals(np.array([[[1, 0, 0], [0, 0, -1.]], [[0, 0, -1], [0, 0, -1]]]))
    valid = np.array([[False, True], [True, True]])
    np.testing.assert_allclose(decode_normals(shrink(picture, 'normal', 1, valid))[0, 0], [0, 0, -1], atol=0.006)
    grey = np.full((2, 2, 3), 127, np.uint8)
    assert shrink(grey, 'normal', 1).tolist() == [[[127, 127, 127]]]
    assert shrink(picture, 'normal', 1, np.zeros((2, 2), bool)).tolist() == [[[127, 127, 127]]]


def test_holes_are_flat_in_curvature_and_zero_in_all_else():
    nothing = np.zeros((2, 2), bool)
    for domain, picture, hole in (('principal_curvature', np.full((2, 2, 3), 9, np.uint8), [127, 127, 127]),
                                  ('reshading', np.full((2, 2), 9, np.uint8), 0),
                                  ('edge_occlusion', np.full((2, 2), 9, np.uint16), 0)):
        assert shrink(picture, domain, 1, nothing).tolist() == [[hole]]


def test_encoding_undoes_decoding_within_rounding():
    normals = unit_normals(np.random.default_rng(1), SIZE)
    coded = encode_normals(normals)
    np.testing.assert_allclose(decode_normals(coded), normals, atol=0.01)
    assert np.abs(encode_normals(decode_normals(coded)).astype(int) - coded).max() <= 1


def test_only_the_buildings_and_domains_that_are_named_are_converted_and_more_can_be_added(shared_release, tmp_path):
    assert convert_taskonomy(shared_release, tmp_path, HALF, ['normal'], ['merom']) == 2
    assert {path.name for path in tmp_path.iterdir()} == {'normal', 'depth_zbuffer', 'rgb', RECORD}
    assert {path.name for path in (tmp_path / 'rgb/taskonomy').iterdir()} == {'merom'}
    before = content(tmp_path)
    assert convert_taskonomy(shared_release, tmp_path, HALF, ['keypoints2d'], ['merom', 'darden']) == 4
    after = content(tmp_path)
    assert before.items() <= after.items() and len(after) > len(before)


def test_a_domain_without_holes_needs_no_depth(shared_release, tmp_path):
    convert_taskonomy(shared_release, tmp_path, HALF, ['edge_texture'])
    assert {path.name for path in tmp_path.iterdir()} == {'edge_texture', 'rgb', RECORD}


def test_repeating_it_makes_what_is_missing_and_changes_nothing_else(shared_release, tmp_path):
    convert_taskonomy(shared_release, tmp_path, HALF)
    before = content(tmp_path)
    assert convert_taskonomy(shared_release, tmp_path, HALF) == 0
    file_of(tmp_path, 'normal').unlink()
    assert convert_taskonomy(shared_release, tmp_path, HALF) == 1
    assert content(tmp_path) == before

# ---- what is refused -------------------------------------------------------------------------------------------


def test_another_size_is_not_mixed_in(shared_release, tmp_path):
    convert_taskonomy(shared_release, tmp_path, HALF)
    with pytest.raises(DataError, match=r"'size': 6}, but .*'size': 4} was asked for"):
        convert_taskonomy(shared_release, tmp_path, 4)


def test_the_release_itself_is_never_written_to(release):
    before = content(release)
    with pytest.raises(DataError, match='not empty and was not made by this converter'):
        convert_taskonomy(release, release, HALF)
    assert content(release) == before


@pytest.mark.parametrize(('options', 'error', 'message'), [
    (dict(domains=['normals']), ConfigError, "no domain 'normals'; did you mean 'normal'"),
    (dict(buildings=['meron']), DataError, "no images of building 'meron'; did you mean 'merom'"),
    (dict(size=0), DataError, 'the size is 0, expected at least one'),
    (dict(skip=['merom']), ConfigError, "skip holds 'merom', expected views")])
def test_an_option_that_cannot_be_is_refused_before_anything_is_written(shared_release, tmp_path, options, error,
                                                                        message):
    with pytest.raises(error, match=message):
        convert_taskonomy(shared_release, tmp_path / 'out', **options)
    assert not (tmp_path / 'out').exists()


def test_a_missing_file_is_named_before_anything_is_written(release, tmp_path):
    path = file_of(release, 'reshading', 'merom', 1, 1)
    path.unlink()
    with pytest.raises(DataError, match=f"{path}' is missing.*`skip=merom/point_1_view_1`, or choose other `domains`"):
        convert_taskonomy(release, tmp_path / 'out', HALF)
    assert not (tmp_path / 'out').exists()
    assert convert_taskonomy(release, tmp_path / 'out', HALF, skip=['merom/point_1_view_1']) == 5


@pytest.mark.parametrize(('domain', 'change', 'message'), [
    ('rgb', lambda path: path.write_bytes(path.read_bytes()[:-10]), 'truncated'),
    ('depth_zbuffer', lambda path: save(path, np.zeros((12, 12), np.uint8)), 'expected one channel of uint16'),
    ('normal', lambda path: save(path, np.zeros((10, 12, 3), np.uint8)), r'shape \(10, 12\), expected \(12, 12\)'),
    ('keypoints2d', lambda path: save(path, np.zeros((4, 12), np.uint16)), 'found 4 x 12 pixels, expected at least 6')])
def test_a_bad_file_is_named_with_the_way_around_it(release, tmp_path, domain, change, message):
    path = file_of(release, domain, 'merom', 0, 1)
    change(path)
    with pytest.raises(DataError, match=message) as caught:
        convert_taskonomy(release, tmp_path / 'out', HALF)
    assert str(path) in str(caught.value) and '`skip=merom/point_0_view_1`' in str(caught.value)
    assert '\n' not in str(caught.value)
    assert convert_taskonomy(release, tmp_path / 'out', HALF, skip=['merom/point_0_view_1']) == 1
