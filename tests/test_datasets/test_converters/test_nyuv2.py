import sys

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from lhl.datasets.converters.nyuv2 import CLASS_OF_40, convert_nyuv2
from lhl.datasets.nyud import CLASSES as CLASSES_40
from lhl.datasets.nyuv2 import CLASSES, NYUv2
from lhl.errors import DataError

from ..changed_files import folder_digest
from ..nyuv2_files import TASKS
from .raw_nyuv2 import MAPPING, NORMAL, SIZE, SPLITS, truth, write_raw


def replace(path, write):
    path.unlink()
    write(path)


def shown(array):
    """The part inside the white border."""
    return array[45:471, 41:601]


def test_what_is_converted_is_read_as_nyuv2_in_the_order_of_the_splits(raw, tmp_path):
    assert convert_nyuv2(raw, tmp_path / 'out', *SIZE) == 3
    class_of_label = np.array([-1, *(CLASS_OF_40[number - 1] for number in MAPPING)])
    for split, key in (('train', 'trainNdxs'), ('val', 'testNdxs')):
        dataset = NYUv2(data_root=tmp_path / 'out', split=split, tasks=TASKS, pipeline=())
        assert len(dataset) == len(SPLITS[key])
        for position, number in enumerate(SPLITS[key]):
            sample, seen = dataset[position], {name: shown(array) for name, array in truth(number).items()}
            means = seen['images'].reshape(213, 2, 280, 2, 3).mean(axis=(1, 3)) / 255
            np.testing.assert_allclose(sample['image'], means, atol=2**-12)  # half precision
            labels = class_of_label[seen['labels']][1::2, 1::2]
            np.testing.assert_array_equal(sample['valid']['segmentation'], labels != -1)
            np.testing.assert_array_equal(sample['targets']['segmentation'], np.maximum(labels, 0))
            np.testing.assert_array_equal(sample['targets']['depth'][..., 0], seen['depths'][1::2, 1::2])


def test_normals_are_those_of_the_surfaces_that_the_depth_describes(raw, tmp_path):
    convert_nyuv2(raw, tmp_path / 'out', *SIZE)
    sample = NYUv2(data_root=tmp_path / 'out', split='val', tasks=TASKS, pipeline=())[0]
    normals, known = sample['targets']['normal'], sample['valid']['normal']
    assert known[:100].all() and known[-12:, 100:].all() and known.mean() > 0.9
    np.testing.assert_allclose(normals[:100], np.broadcast_to(NORMAL, (100, 280, 3)), atol=1e-3)
    np.testing.assert_allclose(normals[-12:, 100:], np.broadcast_to([0, -1, 0], (12, 180, 3)), atol=1e-3)


def test_the_usual_size_is_288_by_384(raw, tmp_path):
    convert_nyuv2(raw, tmp_path / 'out')
    assert np.load(tmp_path / 'out/train/image/1.npy').shape == (288, 384, 3)
    assert np.load(tmp_path / 'out/train/depth/1.npy').shape == (288, 384, 1)


def write_eigen(root, number, normals, mask):
    """Write Eigen's normals of an image, whose files are counted from 0."""
    for folder, picture in (('normals', np.rint(127.5 * (normals + 1)).astype(np.uint8)), ('masks', mask)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / folder / f'{number - 1:04d}.png'), picture if picture.ndim == 2 else
                           picture[..., ::-1])


def test_normals_of_eigen_are_taken_where_their_mask_is_not_0(raw, tmp_path):
    for number in (1, 2, 4):
        normals = np.zeros((480, 640, 3))
        normals[:] = [[1, 0, 0], [0, 1, 0], [0, 0, 1], NORMAL][number - 1]
        mask = np.ones((480, 640), np.uint8)
        mask[:145] = 0
        write_eigen(tmp_path / 'normals_gt', number, normals, mask)
    convert_nyuv2(raw, tmp_path / 'out', *SIZE, normals=tmp_path / 'normals_gt')
    sample = NYUv2(data_root=tmp_path / 'out', split='train', tasks=TASKS, pipeline=())[0]
    assert not sample['valid']['normal'][:50].any() and sample['valid']['normal'][50:].all()
    np.testing.assert_allclose(sample['targets']['normal'][50:], np.broadcast_to(NORMAL, (163, 280, 3)), atol=1 / 127)


def test_the_class_of_every_name_that_both_sets_of_classes_have_is_that_name():
    for name in set(CLASSES) & set(CLASSES_40):
        assert CLASSES[CLASS_OF_40[CLASSES_40.index(name)]] == name
    same = {'television': 'tv', 'cabinet': 'furniture', 'desk': 'table', 'floor mat': 'floor', 'other prop': 'objects',
            'bookshelf': 'furniture', 'blinds': 'window', 'door': 'wall', 'pillow': 'objects'}
    assert {name: CLASSES[CLASS_OF_40[CLASSES_40.index(name)]] for name in same} == same
    assert len(CLASS_OF_40) == 40 and set(CLASS_OF_40) == set(range(13))

# ---- what is kept, and what is refused -------------------------------------------------------------------------


def test_a_conversion_goes_on_where_it_stopped_and_overwrites_nothing(raw, tmp_path):
    convert_nyuv2(raw, tmp_path / 'out', *SIZE)
    before = folder_digest(tmp_path / 'out')
    assert convert_nyuv2(raw, tmp_path / 'out', *SIZE) == 0
    (tmp_path / 'out/train/depth/1.npy').unlink()
    assert convert_nyuv2(raw, tmp_path / 'out', *SIZE) == 1
    assert folder_digest(tmp_path / 'out') == before


def test_other_arguments_do_not_mix_with_what_is_there(raw, tmp_path):
    convert_nyuv2(raw, tmp_path / 'out', *SIZE)
    before = folder_digest(tmp_path / 'out')
    with pytest.raises(DataError, match=r"was converted with .*\[213, 280\].* but .*\[10, 12\].* was asked for"):
        convert_nyuv2(raw, tmp_path / 'out', 10, 12)
    assert folder_digest(tmp_path / 'out') == before


@pytest.mark.parametrize('name', ['nyu_depth_v2_labeled.mat', 'splits.mat', 'classMapping40.mat'])
def test_a_missing_file_is_named(raw, tmp_path, name):
    (raw / name).unlink()
    with pytest.raises(DataError, match=rf"raw/{name}' is missing, expected nyu_depth.*docs/data/nyuv2\.md"):
        convert_nyuv2(raw, tmp_path / 'out')


@pytest.mark.parametrize('name', ['nyu_depth_v2_labeled.mat', 'splits.mat', 'classMapping40.mat'])
@pytest.mark.parametrize('kept', [0, 0.3])
def test_a_truncated_file_is_named(raw, tmp_path, name, kept):
    content = (raw / name).read_bytes()
    replace(raw / name, lambda path: path.write_bytes(content[:int(kept * len(content))]))
    with pytest.raises(DataError, match=rf"{name}' cannot be (read|converted).*download|{name}.*restore") as caught:
        convert_nyuv2(raw, tmp_path / 'out')
    assert '\n' not in str(caught.value) and not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('changes', 'message'), [
    (dict(images=lambda images: images.transpose(0, 1, 3, 2)), r"shape \(4, 3, 480, 640\) 'images', expected shape"),
    (dict(depths=lambda depths: depths[:, None]), r"shape \(4, 1, 640, 480\) 'depths', expected shape \(number, 640")])
def test_arrays_of_another_shape_are_refused(tmp_path, changes, message):
    raw = write_raw(tmp_path / 'raw', **changes)
    with pytest.raises(DataError, match=message):
        convert_nyuv2(raw, tmp_path / 'out')


@pytest.mark.parametrize(('changes', 'message'), [
    (dict(labels=lambda labels: labels + np.uint16(1)), 'found labels of type uint16 up to 895, expected .* up to 894'),
    (dict(labels=lambda labels: labels.astype(np.float32)), 'found labels of type float32'),
    (dict(depths=lambda depths: depths * np.float32('nan')), 'found depth of type float32 from nan to nan'),
    (dict(depths=lambda depths: -depths), r'found depth of type float32 from -\d.*, expected metres'),
    (dict(images=lambda images: images / 255), 'found a picture of type float64, expected 8 bits')])
def test_impossible_values_are_refused_by_the_number_of_the_image(tmp_path, changes, message):
    raw = write_raw(tmp_path / 'raw', **changes)
    with pytest.raises(DataError, match=rf"labeled\.mat, image 4' cannot be converted: {message}"):
        convert_nyuv2(raw, tmp_path / 'out', *SIZE)


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('splits.mat', dict(trainNdxs=[1, 5], testNdxs=[2]), 'found 2 numbers in trainNdxs .*not all from 1 to 4'),
    ('splits.mat', dict(trainNdxs=[1], testNdxs=[0]), 'found 1 numbers in testNdxs'),
    ('splits.mat', dict(testNdxs=[1]), "found no array 'trainNdxs'"),
    ('classMapping40.mat', dict(mapClass=MAPPING[:893]), 'a mapClass of shape'),
    ('classMapping40.mat', dict(mapClass=MAPPING - 1), 'expected the class of every label')])
def test_lists_that_do_not_fit_are_refused(raw, tmp_path, name, content, message):
    replace(raw / name, lambda path: savemat(path, content))
    with pytest.raises(DataError, match=rf"{name}' cannot be converted: .*{message}"):
        convert_nyuv2(raw, tmp_path / 'out')


def test_missing_and_misshapen_normals_are_named(raw, tmp_path):
    folder = tmp_path / 'normals_gt'
    with pytest.raises(DataError, match=r"normals_gt' holds no folder normals/, expected normals/0000\.png"):
        convert_nyuv2(raw, tmp_path / 'out', normals=folder)
    write_eigen(folder, 1, np.zeros((480, 640, 3)), np.ones((480, 640), np.uint8))
    with pytest.raises(DataError, match=r"normals/0003\.png' cannot be converted: found no such file"):
        convert_nyuv2(raw, tmp_path / 'out', normals=folder)
    write_eigen(folder, 4, np.zeros((480, 640, 3)), np.ones((427, 561), np.uint8))
    with pytest.raises(DataError, match=r"masks/0003\.png' cannot be converted: found a picture of 427 x 561"):
        convert_nyuv2(raw, tmp_path / 'out', normals=folder)


def test_without_h5py_one_sentence_says_what_to_install(raw, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(DataError, match=r"h5py, which reads those, is not installed; pip install 'lhl\[converters\]'"):
        convert_nyuv2(raw, tmp_path / 'out')
