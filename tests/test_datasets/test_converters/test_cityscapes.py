import cv2
import numpy as np
import pytest

from lhl.datasets.cityscapes import CLASSES, CityScapes
from lhl.datasets.converters.cityscapes import CLASS_OF_ID, categories, convert_cityscapes, metres
from lhl.errors import DataError

from .official_cityscapes import IMAGES

TASKS = dict(segmentation=dict(type='SemanticSegmentation', num_classes=7), depth=dict(type='DisparityEstimation'))
#: The published list of labels: name, id, category; void and the licence plate are not evaluated.
LABELS = [
    ('unlabeled', 0, 'void'), ('ego vehicle', 1, 'void'), ('rectification border', 2, 'void'),
    ('out of roi', 3, 'void'), ('static', 4, 'void'), ('dynamic', 5, 'void'), ('ground', 6, 'void'),
    ('road', 7, 'flat'), ('sidewalk', 8, 'flat'), ('parking', 9, 'flat'), ('rail track', 10, 'flat'),
    ('building', 11, 'construction'), ('wall', 12, 'construction'), ('fence', 13, 'construction'),
    ('guard rail', 14, 'construction'), ('bridge', 15, 'construction'), ('tunnel', 16, 'construction'),
    ('pole', 17, 'object'), ('polegroup', 18, 'object'), ('traffic light', 19, 'object'),
    ('traffic sign', 20, 'object'), ('vegetation', 21, 'nature'), ('terrain', 22, 'nature'), ('sky', 23, 'sky'),
    ('person', 24, 'human'), ('rider', 25, 'human'), ('car', 26, 'vehicle'), ('truck', 27, 'vehicle'),
    ('bus', 28, 'vehicle'), ('caravan', 29, 'vehicle'), ('trailer', 30, 'vehicle'), ('train', 31, 'vehicle'),
    ('motorcycle', 32, 'vehicle'), ('bicycle', 33, 'vehicle'), ('license plate', -1, 'void')]


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}

# ---- the classes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(('name', 'label_id', 'category'), LABELS)
def test_every_label_becomes_the_class_of_its_category(name, label_id, category):
    expected = -1 if category == 'void' else CLASSES.index(category)
    assert CLASS_OF_ID[label_id % 256] == expected


@pytest.mark.parametrize('label_id', [34, 100, 254])
def test_an_id_that_does_not_exist_is_refused(label_id):
    with pytest.raises(ValueError, match=f'found label id {label_id}, expected ids from 0 to 33; .*_labelIds.png'):
        categories(np.array([[7, label_id]], np.uint8))

# ---- what is made ----------------------------------------------------------------------------------------------


def test_the_arrays_are_those_that_the_data_set_reads(official, tmp_path):
    assert convert_cityscapes(official, tmp_path / 'out', 4, 8) == 4
    for split, names in IMAGES.items():
        dataset = CityScapes(tmp_path / 'out', split, TASKS, pipeline=[])
        assert len(dataset) == len(names)
        for index, name in enumerate(names):
            sample = dataset[index]
            picture = cv2.imread(str(official / 'leftImg8bit' / split / f'{name}_leftImg8bit.png'))[..., ::-1]
            mean = picture.reshape(4, 4, 8, 4, 3).mean(axis=(1, 3)) / 255
            np.testing.assert_allclose(sample['image'], mean, atol=0.5 / 1024)  # half precision below 1
            ids = cv2.imread(str(official / 'gtFine' / split / f'{name}_gtFine_labelIds.png'), -1)[2::4, 2::4]
            classes = np.array([-1 if LABELS[label_id][2] == 'void' else CLASSES.index(LABELS[label_id][2])
                                for label_id in ids.ravel()]).reshape(4, 8)
            np.testing.assert_array_equal(sample['valid']['segmentation'], classes != -1)
            np.testing.assert_array_equal(sample['targets']['segmentation'], np.maximum(classes, 0))
            counts = cv2.imread(str(official / 'disparity' / split / f'{name}_disparity.png'), -1)[2::4, 2::4]
            np.testing.assert_array_equal(sample['valid']['depth'], counts > 0)
            np.testing.assert_allclose(sample['targets']['depth'][..., 0] * 65535, counts, rtol=1e-6)


def test_the_largest_official_value_is_the_largest_of_the_release(official, tmp_path):
    path = official / 'disparity/val/ulm/ulm_000000_000019_disparity.png'
    cv2.imwrite(str(path), np.full((16, 32), 32257, np.uint16))
    convert_cityscapes(official, tmp_path / 'out', 4, 8)
    np.testing.assert_allclose(np.load(tmp_path / 'out/val/depth/0.npy'), 0.4922, atol=5e-5)


def test_the_names_are_listed_in_the_order_of_the_numbers(official, tmp_path):
    convert_cityscapes(official, tmp_path / 'out', 4, 8)
    for split, names in IMAGES.items():
        assert (tmp_path / 'out' / split / 'names.txt').read_text().splitlines() == names


def test_metres_follow_from_disparity_baseline_and_focal_length():
    # 256 d + 1 = 4825 is 18.84375 pixels: 0.209313 m * 2262.52 / 18.84375 = 25.1316 m.
    np.testing.assert_allclose(metres(np.uint16([[0, 1, 4825]]), 0.209313, 2262.52), [[0, 0, 25.1316]], rtol=1e-5)


def test_depth_in_metres_can_be_asked_for(official, tmp_path):
    convert_cityscapes(official, tmp_path / 'out', 16, 32, depth='metres')
    counts = cv2.imread(str(official / 'disparity/val/ulm/ulm_000000_000019_disparity.png'), -1)
    expected = [[0 if count < 2 else 0.209313 * 2262.52 * 256 / (int(count) - 1) for count in row] for row in counts]
    np.testing.assert_allclose(np.load(tmp_path / 'out/val/depth/0.npy')[..., 0], expected, rtol=1e-6)


def test_a_split_that_is_not_there_is_left_out(official, tmp_path):
    (official / 'leftImg8bit/train').rename(official / 'elsewhere')
    assert convert_cityscapes(official, tmp_path / 'out', 4, 8) == 1
    assert not (tmp_path / 'out/train').exists()


def test_repeating_it_makes_what_is_missing_and_changes_nothing_else(official, tmp_path):
    out = tmp_path / 'out'
    convert_cityscapes(official, out, 4, 8)
    before = content(out)
    assert convert_cityscapes(official, out, 4, 8) == 0
    (out / 'train/depth/1.npy').unlink()
    assert convert_cityscapes(official, out, 4, 8) == 1
    assert content(out) == before

# ---- what is refused -------------------------------------------------------------------------------------------


def test_another_size_or_other_images_are_not_mixed_in(official, tmp_path):
    convert_cityscapes(official, tmp_path / 'out', 4, 8)
    with pytest.raises(DataError, match='convert into another folder'):
        convert_cityscapes(official, tmp_path / 'out', 8, 16)
    for kind in ('leftImg8bit', 'gtFine', 'disparity'):  # without aachen, image 0 would be another one
        (official / kind / 'train/aachen').rename(official / f'elsewhere_{kind}')
    with pytest.raises(DataError, match='convert into another folder'):
        convert_cityscapes(official, tmp_path / 'out', 4, 8)


def test_a_folder_without_the_data_set_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"leftImg8bit' holds no train/CITY/.*leftImg8bit_trainvaltest\.zip"):
        convert_cityscapes(tmp_path / 'nowhere', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('kind', 'ending', 'depth'), [
    ('gtFine', 'gtFine_labelIds.png', 'disparity'), ('disparity', 'disparity.png', 'disparity'),
    ('camera', 'camera.json', 'metres')])
def test_a_missing_target_is_named_before_anything_is_written(official, tmp_path, kind, ending, depth):
    path = official / kind / f'train/bremen/bremen_000000_000019_{ending}'
    path.unlink()
    with pytest.raises(DataError, match=f'{path}. is missing.*unpack {kind}_trainvaltest.zip'):
        convert_cityscapes(official, tmp_path / 'out', 4, 8, depth=depth)
    assert not (tmp_path / 'out').exists()


def rewritten(picture):
    return cv2.imencode('.png', picture)[1].tobytes()


@pytest.mark.parametrize(('kind', 'ending', 'bad', 'message'), [
    ('leftImg8bit', 'leftImg8bit.png', b'', 'bytes that is empty'),
    ('leftImg8bit', 'leftImg8bit.png', rewritten(np.zeros((16, 32, 3), np.uint8))[:60], 'truncated'),
    ('gtFine', 'gtFine_labelIds.png', rewritten(np.full((16, 32), 40, np.uint8)), 'found label id 40'),
    ('gtFine', 'gtFine_labelIds.png', rewritten(np.zeros((16, 32, 3), np.uint8)), r'uint8 values of shape \(16, 32, 3'),
    ('gtFine', 'gtFine_labelIds.png', rewritten(np.zeros((16, 31), np.uint8)), r'shape \(16, 31\), expected uint8'),
    ('disparity', 'disparity.png', rewritten(np.zeros((16, 32), np.uint8)), 'uint8 values .*expected uint16'),
    ('camera', 'camera.json', b'{"extrinsic": {}}', 'found no camera in it .*camera_trainvaltest.zip'),
    ('camera', 'camera.json', b'{', 'found no camera in it')])
def test_a_bad_file_is_named_and_what_was_converted_stays(official, tmp_path, kind, ending, bad, message):
    path = official / kind / f'train/aachen/aachen_000001_000019_{ending}'
    good = path.read_bytes()
    path.write_bytes(bad)
    with pytest.raises(DataError, match=message) as caught:
        convert_cityscapes(official, tmp_path / 'out', 4, 8, depth='metres')
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    assert [file.name for file in (tmp_path / 'out/train/image').iterdir()] == ['0.npy']
    path.write_bytes(good)
    assert convert_cityscapes(official, tmp_path / 'out', 4, 8, depth='metres') == 3
