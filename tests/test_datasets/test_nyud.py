from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from scipy.io import savemat

from lhl.datasets.nyud import CLASSES, NYUDv2
from lhl.errors import ConfigError, DataError

from .changed_files import folder_digest, pickled, with_value
from .nyud_files import NAMES, RELEASES, SIZE, TASKS, nyud, truth, write_nyud, write_picture

# ---- what is read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize('release', RELEASES)
@pytest.mark.parametrize('split', ['train', 'val'])
def test_every_release_gives_what_the_camera_and_the_annotator_have_seen(tmp_path, release, split):
    dataset = nyud(write_nyud(tmp_path, release), split)
    assert len(dataset) == len(NAMES[split])
    for position, name in enumerate(NAMES[split]):
        sample, seen = dataset[position], truth(name)
        targets, valid = sample['targets'], sample['valid']
        jpeg = RELEASES[release]['images'] == 'jpg'
        assert np.abs(sample['image'] - seen['images'] / 255).max() < (0.015 if jpeg else 1e-6)
        np.testing.assert_array_equal(valid['segmentation'], seen['segmentation'] > 0)
        np.testing.assert_array_equal(targets['segmentation'], np.maximum(seen['segmentation'] - 1, 0))
        np.testing.assert_array_equal(targets['depth'][..., 0], seen['depth'].astype(np.float32))
        np.testing.assert_array_equal(valid['depth'], seen['depth'] > 0)
        np.testing.assert_array_equal(targets['boundary'][..., 0], seen['edge'])
        assert valid['boundary'].all()
        np.testing.assert_array_equal(valid['normal'], seen['normals'].any(-1))
        np.testing.assert_allclose(np.linalg.norm(targets['normal'], axis=-1), valid['normal'], atol=1e-6)
        # 8 bits round each component by at most 1 / 255, so the vector by 0.39 degrees; a JPEG by some 8-bit steps.
        worst = dict(astmt=2.5, atrc=0.01, invpt=0.39)[release]
        chords = np.linalg.norm(targets['normal'] - seen['normals'], axis=-1)
        assert np.rad2deg(chords.max()) < worst


def test_what_the_converter_has_decoded_is_read_before_what_was_published(nyud_root):
    np.save(nyud_root / 'images/0003.npy', np.full((*SIZE, 3), 51, np.uint8))
    np.save(nyud_root / 'segmentation/0003.npy', np.full(SIZE, 40, np.uint8))
    np.save(nyud_root / 'normals/0003.npy', np.full((*SIZE, 3), [0, 0, -1], np.float16))
    sample = nyud(nyud_root)[0]
    np.testing.assert_allclose(sample['image'], 0.2, rtol=1e-6)
    assert (sample['targets']['segmentation'] == 39).all() and (sample['targets']['normal'] == [0, 0, -1]).all()


def test_only_the_folders_of_the_given_tasks_are_needed(nyud_root):
    for folder in ('segmentation', 'normals', 'edge'):
        (nyud_root / folder).rename(nyud_root / f'{folder}_away')
    assert list(nyud(nyud_root, tasks=dict(depth=TASKS['depth']))[0]['targets']) == ['depth']


def test_a_task_may_have_a_name_of_its_own(nyud_root):
    dataset = nyud(nyud_root, tasks=dict(distance=TASKS['depth']), folders=dict(distance='depth'))
    np.testing.assert_array_equal(dataset[0]['targets']['distance'][..., 0], truth('0003')['depth'].astype(np.float32))


@pytest.mark.parametrize('bits', [1, 2, 4, 8])
def test_labels_shown_in_colours_are_read_as_indices(nyud_root, bits):
    labels = np.random.default_rng(0).integers(0, min(2**bits, 41), SIZE).astype(np.uint8)
    picture = Image.fromarray(labels, 'P')
    picture.putpalette(list(np.random.default_rng(1).integers(0, 256, 3 * 2**bits)))
    picture.save(nyud_root / 'segmentation/0003.png', bits=bits)
    sample = nyud(nyud_root)[0]
    np.testing.assert_array_equal(sample['valid']['segmentation'], labels > 0)
    np.testing.assert_array_equal(sample['targets']['segmentation'][labels > 0], labels[labels > 0] - 1.0)


@pytest.mark.parametrize('colour', [0, 127, 128, 255])
def test_normals_painted_in_one_grey_are_unknown(tmp_path, colour):
    root = write_nyud(tmp_path, 'invpt')
    write_picture(root / 'normals/0003.png', np.full((*SIZE, 3), colour, np.uint8))
    assert not nyud(root)[0]['valid']['normal'].any()


def test_a_float_normal_that_8_bits_made_of_zero_is_unknown(nyud_root):
    normals = np.full((*SIZE, 3), [0, 0, -1], np.float32)
    normals[0, 0] = 2 * 127 / 255 - 1
    np.save(nyud_root / 'normals/0003.npy', normals)
    valid = nyud(nyud_root)[0]['valid']['normal']
    assert not valid[0, 0] and valid.sum() == valid.size - 1


def test_an_image_whose_targets_are_all_unknown_has_no_valid_pixel(nyud_root):
    write_picture(nyud_root / 'segmentation/0003.png', np.zeros(SIZE, np.uint8))
    np.save(nyud_root / 'depth/0003.npy', np.zeros(SIZE, np.float32))
    np.save(nyud_root / 'normals/0003.npy', np.zeros((*SIZE, 3), np.float32))
    sample = nyud(nyud_root)[0]
    assert not any(sample['valid'][name].any() for name in ('segmentation', 'depth', 'normal'))
    assert all((sample['targets'][name] == 0).all() for name in ('segmentation', 'depth', 'normal'))


def test_the_config_names_the_classes_and_learns_the_four_tasks_one_after_the_other(nyud_root):
    config = Config.fromfile(Path(__file__).parents[2] / 'configs/_base_/datasets/nyud.py')
    assert config.tasks.segmentation.classes == list(CLASSES) and len(set(CLASSES)) == 40
    assert [phase.task for phase in config.phases] == list(config.tasks) == ['segmentation', 'depth', 'normal',
                                                                             'boundary']
    assert config.val_dataloader.batch_size == 1
    dataset = config.train_dataloader.dataset
    assert dataset.pop('type') == 'NYUDv2'
    sample = NYUDv2(**{**dataset, 'data_root': nyud_root}, tasks=TASKS)[0]
    assert sample['inputs'].shape == (3, 425, 560) and sample['targets']['boundary'].shape == (1, 425, 560)

# ---- what is refused -------------------------------------------------------------------------------------------


def test_a_missing_data_root_says_what_it_must_hold(tmp_path):
    with pytest.raises(DataError, match=r"nowhere' is not a folder; .*images/ and gt_sets/.*NYUD_MT"):
        nyud(tmp_path / 'nowhere')


def test_a_task_without_a_folder_is_refused_with_close_names(nyud_root):
    with pytest.raises(ConfigError, match=r"no folder 'normals' for task 'normals'; did you mean 'normal'\?"):
        nyud(nyud_root, tasks=dict(normals=TASKS['normal']), folders=dict(normal='normals', depth='depth'))
    with pytest.raises(ConfigError, match=r"no folder 'depths' for task 'depth'.*one of segmentation, depth, normals"):
        nyud(nyud_root, tasks=dict(depth=TASKS['depth']), folders=dict(depth='depths'))


BAD_ARRAYS = [
    ('images', lambda image: image / 255.0, 'type float64, expected 8 bits'),
    ('images', lambda image: np.moveaxis(image, -1, 0), r'shape \(3, 24, 32\).*channels are first'),
    ('segmentation', with_value(41), 'found labels from 0 to 41, expected 1 to 40, and 0 where unlabelled'),
    ('segmentation', with_value(255), 'to 255, expected 1 to 40'),
    ('segmentation', with_value(-1), 'found labels from -1 to 40'),
    ('segmentation', with_value(2.5), r'a label of 2\.5, expected whole numbers'),
    ('segmentation', lambda label: label[..., None], r'shape \(24, 32, 1\), expected \(24, 32\)'),
    ('segmentation', lambda label: label[:, 1:], r'shape \(24, 31\), expected \(24, 32\) .*at the same size'),
    ('segmentation', pickled, 'pickled'),
    ('depth', lambda depth: (1000 * depth).astype(np.uint16), 'type uint16, expected floats in metres; divide milli'),
    ('depth', lambda depth: depth.T, r'shape \(32, 24, 1\), expected \(24, 32, 1\)'),
    ('depth', lambda depth: depth[None], r'shape \(1, 24, 32\), expected \(24, 32, 1\).*channels are first'),
    ('depth', with_value(-1), 'found a depth of -1 m'),
    ('depth', with_value(np.nan), 'found 1 values that are NaN'),
    ('depth', pickled, 'pickled'),
    ('normals', lambda normals: np.moveaxis(normals, -1, 0), r'shape \(3, 24, 32\).*channels are first'),
    ('normals', lambda normals: (127.5 * (normals + 1)).astype(np.uint8), 'type uint8, expected floats from -1 to 1'),
    ('normals', lambda normals: normals + 1, 'found a normal of length .*, expected unit vectors'),
    ('normals', with_value(np.nan), 'found 3 values that are NaN'),
    ('normals', pickled, 'pickled'),
    ('edge', lambda edge: 255 * edge, 'found .*255'),
    ('edge', with_value(0.5), r'found .*0\.5'),
    ('edge', lambda edge: edge.astype(str), 'type <U.*, expected the numbers 0 and 1'),
    ('edge', lambda edge: edge[::2], r'shape \(12, 32, 1\), expected \(24, 32, 1\)')]


def assert_refused(root, path, message):
    """The error is one line of text, names the file, and nothing on disk is touched."""
    before = folder_digest(root)
    dataset = nyud(root)
    with pytest.raises(DataError, match=message) as caught:
        dataset[1]
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    dataset[0]
    assert folder_digest(root) == before


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(('folder', 'change', 'message'), BAD_ARRAYS)
def test_a_bad_array_is_refused_by_the_name_of_its_file(nyud_root, folder, change, message):
    array = truth('0005')[folder]
    path = nyud_root / folder / '0005.npy'
    np.save(path, change(array), allow_pickle=True)
    assert_refused(nyud_root, path, message)


@pytest.mark.parametrize(('folder', 'picture', 'message'), [
    ('segmentation', np.full(SIZE, 77, np.uint8), 'found labels from 77 to 77, expected 1 to 40'),
    ('segmentation', np.arange(SIZE[0] * SIZE[1] * 3, dtype=np.uint16).reshape(*SIZE, 3), 'a picture in colours'),
    ('segmentation', np.ones((9, 9), np.uint8), r'shape \(9, 9\), expected \(24, 32\)'),
    ('normals', np.full(SIZE, 200, np.uint8), r'a picture of shape \(24, 32\) and type uint8, expected three channels'),
    ('normals', np.full((*SIZE, 3), 2**15, np.uint16), 'type uint16, expected three channels of 8 bits'),
    ('edge', np.arange(SIZE[0] * SIZE[1] * 3, dtype=np.uint16).reshape(*SIZE, 3), 'a picture in colours')])
def test_a_bad_picture_is_refused_by_the_name_of_its_file(tmp_path, folder, picture, message):
    root = write_nyud(tmp_path, 'invpt')
    path = root / folder / '0005.png'
    write_picture(path, picture)
    assert_refused(root, path, message)


@pytest.mark.parametrize(('release', 'folder'), [
    ('astmt', 'images'), ('astmt', 'segmentation'), ('astmt', 'depth'), ('astmt', 'normals'), ('atrc', 'depth'),
    ('atrc', 'normals'), ('atrc', 'edge'), ('invpt', 'images'), ('invpt', 'segmentation'), ('invpt', 'edge')])
@pytest.mark.parametrize('kept', [0, 0.02, 0.5, 0.95])
def test_a_truncated_file_is_refused_by_its_name(tmp_path, release, folder, kept):
    root = write_nyud(tmp_path, release)
    path = root / folder / f'0005.{RELEASES[release][folder]}'
    content = path.read_bytes()
    path.write_bytes(content[:int(kept * len(content))])
    assert_refused(root, path, 'empty|truncated|damaged')


def test_a_mat_file_of_another_data_set_is_refused_by_its_name(tmp_path):
    root = write_nyud(tmp_path, 'astmt')
    savemat(root / 'depth/0005.mat', dict(z=np.ones(SIZE)))
    assert_refused(root, root / 'depth/0005.mat', "found no array 'depth' in it")
