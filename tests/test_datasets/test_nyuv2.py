import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import DATASETS as MMENGINE_DATASETS

from lhl.errors import ConfigError, DataError

from .changed_files import folder_digest, pickled, with_value
from .nyuv2_files import RANDOM_PIPELINE, TASKS, nyuv2, unit_normals, write_nyuv2

# ---- what is read ----------------------------------------------------------------------------------------------


def test_a_sample_holds_the_files_with_masks_in_place_of_sentinels(nyuv2_root):
    sample = nyuv2(nyuv2_root)[2]
    image, label, depth, normal = (np.load(nyuv2_root / f'train/{folder}/2.npy')
                                   for folder in ('image', 'label', 'depth', 'normal'))
    np.testing.assert_array_equal(sample['image'], image)
    np.testing.assert_array_equal(sample['valid']['segmentation'], label != -1)
    np.testing.assert_array_equal(sample['targets']['segmentation'], np.where(label == -1, 0, label))
    np.testing.assert_array_equal(sample['valid']['depth'], depth[..., 0] != 0)
    np.testing.assert_array_equal(sample['targets']['depth'], depth)
    np.testing.assert_array_equal(sample['valid']['normal'], (normal != 0).any(-1))
    np.testing.assert_allclose(sample['targets']['normal'], normal, atol=1e-3)
    assert {name: target.dtype.name for name, target in sample['targets'].items()} == dict(
        segmentation='int64', depth='float32', normal='float32')
    assert sample['image'].dtype == np.float32
    assert sample['meta'] == dict(index=2, image_path=str(nyuv2_root / 'train/image/2.npy'))


def test_files_are_ordered_by_number_not_by_name(tmp_path):
    dataset = nyuv2(write_nyuv2(tmp_path, count=11, splits=['train']))
    assert [os.path.basename(dataset[position]['meta']['image_path']) for position in range(11)] == [
        f'{number}.npy' for number in range(11)]


def test_only_the_targets_of_the_given_tasks_are_read(nyuv2_root):
    for folder in ('label', 'normal'):
        for file in (nyuv2_root / 'train' / folder).iterdir():
            file.unlink()
    sample = nyuv2(nyuv2_root, tasks=dict(depth=TASKS['depth']))[0]
    assert list(sample['targets']) == list(sample['valid']) == ['depth']


def test_a_task_may_have_a_name_of_its_own(nyuv2_root):
    dataset = nyuv2(nyuv2_root, tasks=dict(distance=TASKS['depth']), folders=dict(distance='depth'))
    np.testing.assert_array_equal(dataset[1]['targets']['distance'], np.load(nyuv2_root / 'train/depth/1.npy'))


def test_depth_may_be_stored_without_its_channel(nyuv2_root):
    path = nyuv2_root / 'train/depth/0.npy'
    with_channel = nyuv2(nyuv2_root)[0]['targets']['depth']
    np.save(path, np.load(path)[..., 0])
    np.testing.assert_array_equal(nyuv2(nyuv2_root)[0]['targets']['depth'], with_channel)


@pytest.mark.parametrize('dtype', [np.float16, np.float64])
def test_images_of_any_float_type_become_float32(nyuv2_root, dtype):
    path = nyuv2_root / 'train/image/0.npy'
    image = np.load(path).astype(dtype)
    np.save(path, image)
    np.testing.assert_array_equal(nyuv2(nyuv2_root)[0]['image'], image.astype(np.float32))


@pytest.mark.parametrize('dtype', [np.int8, np.int64, np.float16, np.float64])
def test_labels_of_any_numeric_type_become_int64(nyuv2_root, dtype):
    path = nyuv2_root / 'train/label/0.npy'
    before = nyuv2(nyuv2_root)[0]
    np.save(path, np.load(path).astype(dtype))
    after = nyuv2(nyuv2_root)[0]
    np.testing.assert_array_equal(after['targets']['segmentation'], before['targets']['segmentation'])
    np.testing.assert_array_equal(after['valid']['segmentation'], before['valid']['segmentation'])


def test_a_config_builds_it_through_mmengine(nyuv2_root):
    config = dict(type='NYUv2', _scope_='lhl', data_root=str(nyuv2_root), split='val', tasks=TASKS,
                  pipeline=RANDOM_PIPELINE)
    assert len(MMENGINE_DATASETS.build(config)) == 6

# ---- what is refused -------------------------------------------------------------------------------------------


def test_a_missing_data_root_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match=r"nowhere' is not a folder.*lhl convert synth-rooms .*nowhere"):
        nyuv2(tmp_path / 'nowhere')


def test_a_missing_split_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"val/image' is missing.*train/ and val/"):
        nyuv2(write_nyuv2(tmp_path, count=1, splits=['train']), 'val')


def test_a_missing_task_folder_is_named(nyuv2_root):
    (nyuv2_root / 'train/depth').rename(nyuv2_root / 'train/depths')
    with pytest.raises(DataError, match=r"train/depth' is missing"):
        nyuv2(nyuv2_root)


def test_an_empty_folder_is_named(nyuv2_root):
    for file in (nyuv2_root / 'train/image').iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"train/image' holds nothing, expected files called 0\.npy"):
        nyuv2(nyuv2_root)


def test_files_of_other_names_are_named(nyuv2_root):
    for file in (nyuv2_root / 'train/image').iterdir():
        file.rename(file.with_name(f'00{file.name}'))
    with pytest.raises(DataError, match=r"holds 6 other files such as '000\.npy', expected files called 0\.npy"):
        nyuv2(nyuv2_root)


@pytest.mark.parametrize('folder', ['image', 'normal'])
def test_a_missing_number_is_named_at_construction(nyuv2_root, folder):
    (nyuv2_root / 'train' / folder / '3.npy').unlink()
    with pytest.raises(DataError, match=rf"train/{folder}/3\.npy' is missing \(.*1 without a partner"):
        nyuv2(nyuv2_root)


def test_a_file_that_vanishes_later_is_named(nyuv2_root):
    dataset = nyuv2(nyuv2_root)
    (nyuv2_root / 'train/depth/3.npy').unlink()
    with pytest.raises(DataError, match=r"train/depth/3\.npy' of task 'depth' .*found no such file"):
        dataset[3]


def test_a_task_without_a_folder_is_refused_with_close_names(nyuv2_root):
    with pytest.raises(ConfigError, match=r"no folder for task 'normals'; did you mean 'normal'\?"):
        nyuv2(nyuv2_root, tasks=dict(normals=TASKS['normal']))


BAD_ARRAYS = [
    ('image', lambda image: (image * 255).astype(np.uint8), 'type uint8, expected floats from 0 to 1; .*divide'),
    ('image', lambda image: image * 255, r'values from .* to 25\d.*, expected 0 to 1; divide it by 255'),
    ('image', lambda image: image * 4 - 2, 'expected 0 to 1; undo its normalisation'),
    ('image', lambda image: np.moveaxis(image, -1, 0), r'shape \(3, 12, 16\).*channels are first.*moveaxis'),
    ('image', lambda image: image[..., 0], r'shape \(12, 16\), expected \(height, width, 3\)'),
    ('image', lambda image: image[..., [0, 1, 2, 0]], r'shape \(12, 16, 4\), expected \(height, width, 3\)'),
    ('image', lambda image: image[:0], r'shape \(0, 16, 3\), expected \(height, width, 3\)'),
    ('image', lambda image: image.ravel()[0], r'shape \(\), expected at least'),
    ('image', lambda image: image.astype(complex), 'type complex128, expected floats'),
    ('image', with_value(np.nan), 'found 3 values that are NaN or infinite'),
    ('image', with_value(np.inf), 'found 3 values that are NaN or infinite'),
    ('image', with_value(1e300), 'found 3 values that are NaN or infinite'),
    ('label', pickled, 'pickled'),
    ('label', lambda label: label.astype(str), 'type <U.*expected whole numbers'),
    ('label', lambda label: label.astype(complex), 'type complex128, expected whole numbers'),
    ('label', lambda label: label > 0, 'type bool, expected whole numbers'),
    ('label', with_value(13), 'found labels from 0 to 13, expected 0 to 12'),
    ('label', with_value(-2), 'found labels from -2 to 12, expected 0 to 12'),
    ('label', with_value(255), 'to 255, expected 0 to 12'),
    ('label', with_value(2.5), r'a label of 2\.5, expected whole numbers'),
    ('label', with_value(np.nan), 'a label of nan, expected whole numbers'),
    ('label', lambda label: label[..., None], r'shape \(12, 16, 1\), expected \(12, 16\).*without a channel axis'),
    ('label', lambda label: label[:, 1:], r'shape \(12, 15\), expected \(12, 16\) .*at the same size'),
    ('depth', lambda depth: np.moveaxis(depth, -1, 0), r'shape \(1, 12, 16\).*channels are first'),
    ('depth', lambda depth: depth[1:], r'shape \(11, 16, 1\), expected \(12, 16, 1\) .*at the same size'),
    ('depth', lambda depth: np.repeat(depth, 3, -1), r'shape \(12, 16, 3\), expected \(12, 16, 1\).*right folder'),
    ('depth', lambda depth: (depth * 1000).astype(np.uint16), 'type uint16, expected floats'),
    ('depth', with_value(-1), 'found a depth of -1 m'),
    ('depth', with_value(np.nan), 'found 1 values that are NaN or infinite'),
    ('depth', with_value(np.inf), 'found 1 values that are NaN or infinite'),
    ('normal', lambda normal: np.moveaxis(normal, -1, 0), r'shape \(3, 12, 16\).*channels are first'),
    ('normal', lambda normal: normal[..., :2], r'shape \(12, 16, 2\), expected \(12, 16, 3\)'),
    ('normal', lambda normal: (normal + 1) / 2, 'found a normal of length .*, expected unit vectors'),
    ('normal', with_value(np.nan), 'found 3 values that are NaN or infinite')]


def assert_refused(root, folder, message):
    """The error is one line of text, names the file, and nothing on disk is touched."""
    before = folder_digest(root)
    dataset = nyuv2(root)
    with pytest.raises(DataError, match=message) as caught:
        dataset[4]
    assert str(root / f'train/{folder}/4.npy') in str(caught.value)
    assert '\n' not in str(caught.value)
    dataset[3]
    assert folder_digest(root) == before


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(('folder', 'change', 'message'), BAD_ARRAYS)
def test_a_bad_array_is_refused_by_the_name_of_its_file(nyuv2_root, folder, change, message):
    path = nyuv2_root / f'train/{folder}/4.npy'
    np.save(path, change(np.load(path)), allow_pickle=True)
    assert_refused(nyuv2_root, folder, message)


@pytest.mark.parametrize('folder', ['image', 'label', 'depth', 'normal'])
@pytest.mark.parametrize('kept', [0, 1, 7, 40, 127, 128, 200])
def test_a_truncated_file_is_refused_by_its_name(nyuv2_root, folder, kept):
    path = nyuv2_root / f'train/{folder}/4.npy'
    path.write_bytes(path.read_bytes()[:kept])
    assert_refused(nyuv2_root, folder, 'found a file that is empty, truncated, pickled or not .npy at all')


def test_a_file_of_another_format_is_refused_by_its_name(nyuv2_root):
    (nyuv2_root / 'train/depth/4.npy').write_bytes(b'\x89PNG\r\n\x1a\n' + bytes(100))
    assert_refused(nyuv2_root, 'depth', 'not .npy at all')


def test_an_archive_of_arrays_is_refused_by_its_name(nyuv2_root):
    path = nyuv2_root / 'train/depth/4.npy'
    array = np.load(path)
    with path.open('wb') as file:
        np.savez(file, array)
    assert_refused(nyuv2_root, 'depth', 'an archive of several arrays')


def test_a_pickle_is_never_executed(nyuv2_root, tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'executed'),)

    path = nyuv2_root / 'train/image/4.npy'
    np.save(path, np.array([Malicious()], dtype=object), allow_pickle=True)
    assert_refused(nyuv2_root, 'image', 'pickled')
    assert not (tmp_path / 'executed').exists()


@given(seed=st.integers(0, 2**32 - 1))
def test_the_normals_of_these_tests_face_the_camera(seed):
    normals = unit_normals(np.random.default_rng(seed), (5, 4))
    assert (normals[..., 2] < 0).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1)
