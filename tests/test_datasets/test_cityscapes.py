import os

import numpy as np
import pytest
from mmengine.registry import DATASETS as MMENGINE_DATASETS

from lhl.datasets.cityscapes import CLASSES, PALETTE, CityScapes
from lhl.errors import ConfigError, DataError

from .cityscapes_files import TASKS, cityscapes, write_cityscapes

# ---- what is read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize('size', [(128, 256), (256, 512)])
def test_a_sample_of_either_release_holds_the_files_with_masks_in_place_of_sentinels(tmp_path, size):
    sample = cityscapes(write_cityscapes(tmp_path, 1, size))[0]
    image, label, disparity = (np.load(tmp_path / f'train/{folder}/0.npy') for folder in ('image', 'label_7', 'depth'))
    np.testing.assert_array_equal(sample['image'], image)
    np.testing.assert_array_equal(sample['valid']['segmentation'], label != -1)
    np.testing.assert_array_equal(sample['targets']['segmentation'], np.where(label == -1, 0, label))
    np.testing.assert_array_equal(sample['valid']['depth'], disparity[..., 0] != 0)
    np.testing.assert_array_equal(sample['targets']['depth'], disparity)
    assert sample['targets']['segmentation'].dtype == np.int64 and sample['targets']['depth'].dtype == np.float32
    assert 0 < sample['valid']['depth'].mean() < 1 and 0 < sample['valid']['segmentation'].mean() < 1


def test_the_classes_may_lie_in_a_folder_called_label(tmp_path):
    renamed = cityscapes(write_cityscapes(tmp_path / 'renamed', label='label'))
    release = cityscapes(write_cityscapes(tmp_path / 'release'))
    for position in range(4):
        for field in ('targets', 'valid'):
            np.testing.assert_array_equal(renamed[position][field]['segmentation'],
                                          release[position][field]['segmentation'])


def test_of_both_label_folders_the_one_of_the_release_is_read(cityscapes_root):
    other = write_cityscapes(cityscapes_root.parent / 'other', label='label')
    (other / 'train/label').rename(cityscapes_root / 'train/label')
    np.save(cityscapes_root / 'train/label/0.npy', np.full((8, 16), 99))
    assert cityscapes(cityscapes_root)[0]['targets']['segmentation'].max() == 6


def test_another_number_of_classes_may_be_read_from_its_own_folder(cityscapes_root):
    (cityscapes_root / 'train/label_7').rename(cityscapes_root / 'train/label_19')
    np.save(cityscapes_root / 'train/label_19/0.npy', np.full((8, 16), 18))
    tasks = dict(fine=dict(type='SemanticSegmentation', num_classes=19))
    assert (cityscapes(cityscapes_root, tasks=tasks, folders=dict(fine='label_19'))[0]['targets']['fine'] == 18).all()


def test_disparity_may_be_stored_without_its_channel(cityscapes_root):
    path = cityscapes_root / 'train/depth/0.npy'
    with_channel = cityscapes(cityscapes_root)[0]['targets']['depth']
    np.save(path, np.load(path)[..., 0])
    np.testing.assert_array_equal(cityscapes(cityscapes_root)[0]['targets']['depth'], with_channel)


def test_an_image_without_any_valid_pixel_is_loaded(cityscapes_root):
    np.save(cityscapes_root / 'train/label_7/0.npy', np.full((8, 16), -1))
    np.save(cityscapes_root / 'train/depth/0.npy', np.zeros((8, 16, 1), np.float32))
    sample = cityscapes(cityscapes_root)[0]
    assert not any(valid.any() for valid in sample['valid'].values())
    assert not any(target.any() for target in sample['targets'].values())


def test_metainfo_names_the_seven_categories():
    assert CLASSES == ('flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle')
    assert len(set(PALETTE)) == 7 and CityScapes.METAINFO['classes'] == list(CLASSES)


def test_a_config_builds_it_through_mmengine(cityscapes_root):
    config = dict(type='CityScapes', _scope_='lhl', data_root=str(cityscapes_root), split='val', tasks=TASKS,
                  pipeline=[])
    assert len(MMENGINE_DATASETS.build(config)) == 4

# ---- what is refused -------------------------------------------------------------------------------------------


def test_a_missing_data_root_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match=r"nowhere' is not a folder.*lhl convert cityscapes OFFICIAL .*nowhere"):
        cityscapes(tmp_path / 'nowhere')


@pytest.mark.parametrize('folder', ['image', 'label_7', 'depth'])
def test_a_missing_folder_is_named(cityscapes_root, folder):
    (cityscapes_root / 'train' / folder).rename(cityscapes_root / 'train/elsewhere')
    with pytest.raises(DataError, match=rf"train/{folder}' is missing"):
        cityscapes(cityscapes_root)


@pytest.mark.parametrize('folder', ['image', 'label_7', 'depth'])
def test_a_missing_number_is_named_at_construction(cityscapes_root, folder):
    (cityscapes_root / 'train' / folder / '2.npy').unlink()
    with pytest.raises(DataError, match=rf"train/{folder}/2\.npy' is missing \(.*1 without a partner"):
        cityscapes(cityscapes_root)


def test_a_task_without_a_folder_is_refused_with_close_names(cityscapes_root):
    with pytest.raises(ConfigError, match=r"CityScapes has no folder for task 'dept'; did you mean 'depth'\?"):
        cityscapes(cityscapes_root, tasks=dict(dept=TASKS['depth']))


def with_value(value):
    def change(array):
        array = array.astype(np.float64)
        array[2, 3] = value
        return array
    return change


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(('folder', 'change', 'message'), [
    ('image', lambda image: np.moveaxis(image, -1, 0), r'shape \(3, 8, 16\).*channels are first.*moveaxis'),
    ('image', lambda image: (255 * image).astype(np.uint8), 'type uint8, expected floats from 0 to 1; divide'),
    ('image', lambda image: 255 * image, 'expected 0 to 1; divide it by 255'),
    ('label_7', with_value(7), 'found labels from 0 to 7, expected 0 to 6'),
    ('label_7', with_value(255), 'to 255, expected 0 to 6'),
    ('label_7', with_value(-2), 'found labels from -2 to 6'),
    ('label_7', with_value(1.5), r'a label of 1\.5, expected whole numbers'),
    ('label_7', lambda label: label[:, 1:], r'shape \(8, 15\), expected \(8, 16\) .*at the same size'),
    ('label_7', lambda label: label.astype(str), 'type <U.*expected whole numbers'),
    ('depth', lambda depth: np.moveaxis(depth, -1, 0), r'shape \(1, 8, 16\).*channels are first'),
    ('depth', lambda depth: (65535 * depth).astype(np.uint16), 'type uint16, expected floats'),
    ('depth', with_value(-0.25), r'found a disparity of -0\.25'),
    ('depth', with_value(np.nan), 'found 1 values that are NaN or infinite')])
def test_a_bad_array_is_refused_by_the_name_of_its_file(cityscapes_root, folder, change, message):
    path = cityscapes_root / f'train/{folder}/2.npy'
    np.save(path, change(np.load(path)))
    dataset = cityscapes(cityscapes_root)
    with pytest.raises(DataError, match=message) as caught:
        dataset[2]
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    dataset[1]


@pytest.mark.parametrize('folder', ['image', 'label_7', 'depth'])
@pytest.mark.parametrize('kept', [0, 7, 127, 200])
def test_a_truncated_file_is_refused_by_its_name(cityscapes_root, folder, kept):
    path = cityscapes_root / f'train/{folder}/2.npy'
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=rf'train/{folder}/2\.npy.*truncated'):
        cityscapes(cityscapes_root)[2]


def test_a_pickle_is_never_executed(cityscapes_root, tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'executed'),)

    np.save(cityscapes_root / 'train/label_7/2.npy', np.array([Malicious()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r'train/label_7/2\.npy.*pickled'):
        cityscapes(cityscapes_root)[2]
    assert not (tmp_path / 'executed').exists()
