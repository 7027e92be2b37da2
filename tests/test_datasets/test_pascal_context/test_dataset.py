from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from scipy.io import savemat
from scipy.ndimage import laplace

from lhl.datasets.pascal_context.dataset import CLASSES, CLASSES_WITH_NORMALS, PASCALContext, load_boundary
from lhl.errors import ConfigError, DataError

from ..nyud_files import write_picture
from ..pascal_context_files import (
    BAG,
    NAMES,
    PERSON,
    PLACES,
    SIZES,
    TASKS,
    TVMONITOR,
    assert_refused,
    pascal,
    path_of,
    truth,
)

# ---- what is read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize('split', NAMES)
def test_a_sample_holds_what_is_known_about_the_image(root, split):
    dataset = pascal(root, split)
    assert len(dataset) == len(NAMES[split])
    for position, name in enumerate(NAMES[split]):
        sample, seen = dataset[position], truth(name)
        targets, valid = sample['targets'], sample['valid']
        assert sample['image'].shape == (*SIZES[name], 3)
        np.testing.assert_array_equal(valid['segmentation'], seen['semseg'] != 255)
        np.testing.assert_array_equal(targets['segmentation'], np.where(seen['semseg'] == 255, 0, seen['semseg']))
        np.testing.assert_array_equal(targets['saliency'][..., 0], seen['sal'] >= 128)
        np.testing.assert_array_equal(valid['normal'], np.isin(seen['labels'], [BAG, PERSON, TVMONITOR]))
        chords = np.linalg.norm(targets['normal'] - seen['normals'], axis=-1)[valid['normal']]
        assert np.rad2deg(chords.max()) < 0.39  # each component is rounded by at most 1 / 255
        assert (targets['normal'][~valid['normal']] == 0).all()
        assert valid['saliency'].all() and valid['boundary'].all()


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(3, 12), columns=st.integers(3, 12))
def test_boundaries_lie_where_labels_have_a_laplacian(tmp_path_factory, seed, rows, columns):
    path = tmp_path_factory.mktemp('labels') / 'labels.mat'
    labels = np.random.default_rng(seed).choice([1, 2, 459], (rows, columns))
    savemat(path, dict(LabelMap=labels.astype(np.uint16)))
    boundary = load_boundary(path)
    assert not (boundary & (laplace(labels.astype(float), mode='mirror') == 0)).any()


def test_a_straight_border_is_one_pixel_wide(tmp_path):
    labels = np.ones((20, 30), np.uint16)
    labels[:, 15:] = 2
    savemat(tmp_path / 'labels.mat', dict(LabelMap=labels))
    boundary = load_boundary(tmp_path / 'labels.mat')
    assert (boundary[1:-1].sum(axis=1) == 1).all() and boundary[:, :14].sum() + boundary[:, 16:].sum() == 0


def test_one_class_everywhere_has_no_boundary(tmp_path):
    savemat(tmp_path / 'labels.mat', dict(LabelMap=np.full((9, 9), 7, np.uint8)))
    assert not load_boundary(tmp_path / 'labels.mat').any()


def test_the_segmentation_of_voc_is_preferred(root):
    write_picture(root / 'semseg/pascal-context/2008_000002.png', np.full((24, 32), 3, np.uint8))
    assert pascal(root)[0]['meta']['image_path'].endswith('2008_000002.jpg')
    np.testing.assert_array_equal(pascal(root)[0]['valid']['segmentation'], truth('2008_000002')['semseg'] != 255)


def test_classes_with_normals_are_those_of_nyuv2_under_the_labels_of_pascal_context():
    # PASCAL-Context numbers its 459 classes in the order of their names.
    names = list(CLASSES_WITH_NORMALS)
    assert names == sorted(names) and list(CLASSES_WITH_NORMALS.values()) == sorted(set(CLASSES_WITH_NORMALS.values()))
    assert len(names) == 170 and min(CLASSES_WITH_NORMALS.values()) > 0 and max(CLASSES_WITH_NORMALS.values()) <= 459
    assert {'wall', 'floor', 'ceiling', 'bed', 'chair', 'table', 'sofa', 'window', 'person', 'tvmonitor'} < set(names)
    assert not {'sky', 'grass', 'road', 'water', 'tree', 'mountain', 'horse', 'unknown'} & set(names)


def test_only_the_files_of_the_given_tasks_are_needed(root):
    for folder in ('human_parts', 'normals_distill', 'pascal-context', 'semseg'):
        (root / folder).rename(root / f'{folder}_away')
    assert list(pascal(root, tasks=dict(salient=TASKS['saliency']), targets=dict(salient='sal'))[0]['targets']) == [
        'salient']


def test_the_config_names_the_classes_and_learns_the_five_tasks_one_after_the_other(root):
    config = Config.fromfile(Path(__file__).parents[3] / 'configs/_base_/datasets/pascal_context.py')
    assert config.tasks.segmentation.classes == list(CLASSES) and len(set(CLASSES)) == 21
    assert [phase.task for phase in config.phases] == list(config.tasks) == list(TASKS)
    assert config.val_dataloader.batch_size == 1
    dataset = config.train_dataloader.dataset
    assert dataset.pop('type') == 'PASCALContext'
    sample = PASCALContext(**{**dataset, 'data_root': root}, tasks=TASKS)[2]
    assert sample['inputs'].shape == (3, 512, 512) and sample['targets']['human_parts'].shape == (512, 512)

# ---- what is refused -------------------------------------------------------------------------------------------


def test_a_missing_data_root_says_what_it_must_hold(tmp_path):
    with pytest.raises(DataError, match=r"nowhere' is not a folder; .*JPEGImages/ and ImageSets/.*PASCAL_MT"):
        pascal(tmp_path / 'nowhere')


def test_a_missing_list_is_named(root):
    (root / 'ImageSets/Context/val.txt').unlink()
    with pytest.raises(DataError, match=r"Context/val\.txt' .* cannot be read"):
        pascal(root, 'val')


@pytest.mark.parametrize(('folder', 'message'), [
    ('JPEGImages', r"JPEGImages' is missing, expected JPEGImages/ in data_root"),
    ('semseg', r"semseg/VOC12' is missing, expected semseg/VOC12 or semseg/pascal-context/ in data_root"),
    ('pascal-context/trainval', 'is missing, expected .*pascal-context/trainval/')])
def test_a_missing_folder_is_named(root, folder, message):
    (root / folder).rename(root / 'away')
    with pytest.raises(DataError, match=message):
        pascal(root)


@pytest.mark.parametrize('target', PLACES)
def test_a_missing_file_is_named_with_how_many_are_there(root, target):
    path = path_of(root, target, '2010_006086')
    path.unlink()
    with pytest.raises(DataError, match=rf"'{path}' is missing \(2 of the 3 images in the list"):
        pascal(root)


def test_a_list_longer_than_the_folders_is_refused(root):
    with (root / 'ImageSets/Context/train.txt').open('a') as file:
        file.write('\n2011_000001\n2011_000002')
    with pytest.raises(DataError, match=r"2011_000001\.jpg' is missing \(3 of the 5 images"):
        pascal(root)


def test_a_task_without_a_target_is_refused_with_close_names(root):
    with pytest.raises(ConfigError, match=r"no target 'normals_' for task 'normals_'; did you mean 'normal'\?"):
        pascal(root, tasks=dict(normals_=TASKS['normal']))


@pytest.mark.parametrize(('folder', 'task', 'picture', 'message'), [
    ('semseg/VOC12', 'segmentation', np.full((33, 33), 21, np.uint8), 'found labels from 21 to 21, expected 0 to 20'),
    ('semseg/VOC12', 'segmentation', np.zeros((33, 30), np.uint8), r'shape \(33, 30\), expected \(33, 33\)'),
    ('normals_distill', 'normal', np.zeros((33, 33), np.uint8), 'expected three channels of 8 bits'),
    ('normals_distill', 'normal', np.zeros((20, 33, 3), np.uint8), r'shape \(20, 33\), expected \(33, 33\) as its'),
    ('sal_distill', 'saliency', np.zeros((33, 30), np.uint8), r'shape \(33, 30, 1\), expected \(33, 33, 1\)'),
    ('sal_distill', 'saliency', np.arange(33 * 99).reshape(33, 33, 3).astype(np.uint8), 'a picture in colours')])
def test_a_bad_picture_is_refused_by_the_name_of_its_file(root, folder, task, picture, message):
    path = root / folder / '2010_006086.png'
    write_picture(path, picture)
    assert_refused(root, task, path, message)


@pytest.mark.parametrize('task', ['boundary', 'normal'])
@pytest.mark.parametrize(('content', 'message'), [
    (dict(Labels=np.ones((33, 33))), "found no array 'LabelMap'"),
    (dict(LabelMap=np.full((33, 33), 460)), 'labels from 460 to 460 in the LabelMap, expected 0 to 459'),
    (dict(LabelMap=np.full((33, 33), 0.5)), r'a label of 0\.5, expected whole numbers'),
    (dict(LabelMap=np.ones((33, 33, 3))), r'a LabelMap of shape \(33, 33, 3\)'),
    (dict(LabelMap=np.ones((33, 31))), r'shape \(33, 3[13].*\(33, 3[13]')])
def test_a_bad_label_map_is_refused_by_the_name_of_its_file(root, task, content, message):
    path = path_of(root, 'labels', '2010_006086')
    savemat(path, content)
    assert_refused(root, task, path, message)


@pytest.mark.parametrize(('target', 'task'), [
    ('images', 'saliency'), ('human_parts', 'human_parts'), ('normals', 'normal'), ('labels', 'normal'),
    ('labels', 'boundary'), ('sal', 'saliency')])
@pytest.mark.parametrize('kept', [0, 0.02, 0.5, 0.95])
def test_a_truncated_file_is_refused_by_its_name(root, target, task, kept):
    path = path_of(root, target, '2010_006086')
    content = path.read_bytes()
    path.write_bytes(content[:int(kept * len(content))])
    assert_refused(root, task, path, 'empty|truncated|damaged')
