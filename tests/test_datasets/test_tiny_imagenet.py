import pickle

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS
from torch.utils.data import DataLoader

from lhl.datasets import TinyImageNet, collate_samples
from lhl.errors import DataError
from lhl.registry import DATASETS

from .image_archives import NAMES, WNIDS, tiny_imagenet_files, write_folder, write_zip
from .image_tasks import split_tasks

pytestmark = pytest.mark.usefixtures('small_tiny_imagenet')


def write(root, files=None, packed=True):
    files = files or tiny_imagenet_files()
    if packed:
        write_zip(root / 'tiny-imagenet-200.zip', files)
    else:
        write_folder(root / 'tiny-imagenet-200', files)
    return root


def tiny(root, split='train', tasks=None, pipeline=()):
    return TinyImageNet(data_root=root, split=split, tasks=tasks or split_tasks(3, 1), pipeline=pipeline)

# ---- what is read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize('packed', [True, False])
def test_classes_are_in_the_order_of_wnids_and_images_show_what_their_label_says(tmp_path, packed):
    """The red of a picture tells its class, see :func:`~.image_archives.jpeg`; JPEG changes it by little."""
    root = write(tmp_path, packed=packed)
    for split, count in (('train', 12), ('val', 6)):
        dataset = tiny(root, split)
        assert len(dataset) == count
        for index in range(count):
            sample = dataset[index]
            label = round(float(sample['image'][..., 0].mean()) * 255 / 60)
            assert [name for name, valid in sample['valid'].items() if valid] == [f'classes_{label}_{label}']
            assert sample['targets'][f'classes_{label}_{label}'].tolist() == [[label]]
            assert sample['image'].shape == (64, 64, 3) and sample['image'].dtype == np.float32


@pytest.mark.parametrize('packed', [True, False])
def test_training_is_sorted_by_class_and_validation_as_its_list(tmp_path, packed):
    root = write(tmp_path, packed=packed)
    place = root / ('tiny-imagenet-200.zip/tiny-imagenet-200' if packed else 'tiny-imagenet-200')
    assert [tiny(root)[index]['meta']['image_path'] for index in (0, 5, 11)] == [
        str(place / name) for name in ('train/n03/images/n03_0.JPEG', 'train/n01/images/n01_1.JPEG',
                                       'train/n02/images/n02_3.JPEG')]
    assert [path.split('_')[-1] for path in (tiny(root, 'val')[index]['meta']['image_path'] for index in range(6))] == [
        f'{number}.JPEG' for number in range(6)]


def test_a_grey_picture_gets_three_equal_channels(tmp_path):
    image = tiny(write(tmp_path))[8]['image']  # the first of the third class
    assert (image == image[..., :1]).all() and abs(image.mean() * 255 - 120) < 1


def test_the_names_of_the_classes_are_told(tmp_path):
    metainfo = tiny(write(tmp_path)).metainfo
    assert metainfo['classes'] == list(NAMES) and metainfo['wnids'] == list(WNIDS)


def test_workers_read_one_archive_at_once_and_give_the_same(tmp_path):
    dataset = tiny(write(tmp_path), pipeline=[dict(type='PackSample')])
    dataset[0]  # opens the archive in this process, whose place in it forked workers would share
    alone, together = ([batch['inputs'] for batch in DataLoader(dataset, batch_size=2, num_workers=workers,
                                                                collate_fn=collate_samples)] for workers in (0, 2))
    assert all(torch.equal(first, second) for first, second in zip(alone, together, strict=True))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(dataset.files)).read('wnids.txt'), b'n03\nn01\nn02')


def test_the_config_has_ten_tasks_of_twenty_classes(tmp_path, monkeypatch):
    cfg = Config.fromfile(CONFIGS / '_base_' / 'datasets' / 'split_tiny_imagenet.py')
    assert [list(cfg.tasks[phase.task].labels) for phase in cfg.phases] == [
        list(range(first, first + 20)) for first in range(0, 200, 20)]
    write(tmp_path)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        dataset = DATASETS.build(dict(loader.dataset, data_root=tmp_path, tasks=split_tasks(3, 3)))
        assert dataset[0]['inputs'].shape == (3, 64, 64)

# ---- what is refused -------------------------------------------------------------------------------------------


def refused(match, root, split='train', read=False):
    with pytest.raises(DataError, match=match) as caught:
        dataset = tiny(root, split)
        if read:
            [dataset[index] for index in range(len(dataset))]
    assert '\n' not in str(caught.value)


def test_without_files_it_is_said_which_archive_belongs_where(tmp_path):
    refused('holds no TinyImageNet, expected tiny-imagenet-200.zip, or what it unpacks to, tiny-imagenet-200/',
            tmp_path)


def test_an_archive_that_is_none_is_refused(tmp_path):
    (write(tmp_path) / 'tiny-imagenet-200.zip').write_bytes(b'<html>')
    refused('truncated, damaged or not a .zip', tmp_path)


def test_another_archive_is_refused(tmp_path):
    write_zip(tmp_path / 'tiny-imagenet-200.zip', dict(a=b''), folder='imagenette')
    refused(r"holds 'imagenette/', 'imagenette/a', expected the folder tiny-imagenet-200/", tmp_path)


@pytest.mark.parametrize('split, changes, match', [
    ('train', {'wnids.txt': None}, "wnids.txt' cannot be used: found no"),
    ('train', {'wnids.txt': b'n03\nn01'}, 'names 2 classes in 2 lines, expected 3, one per line'),
    ('train', {'wnids.txt': b'n03\nn01\nn03'}, 'names 2 classes in 3 lines, expected 3'),
    ('train', {'words.txt': b'n03\ta\nn01\tb'}, 'has no name for class n02'),
    ('train', {'words.txt': b'\xff\xfe'}, "words.txt' cannot be used: 'utf-8' codec"),
    ('train', {'train/n01/images/n01_2.JPEG': None}, "class n01 has 3 images in the split 'train' of .*, expected 4"),
    ('train', {'train/n07/images/n07_0.JPEG': b''}, "train/n07' is of no class in wnids.txt, expected n03 or another"),
    ('val', {'val/val_annotations.txt': None}, "val_annotations.txt' cannot be used: found no"),
    ('val', {'val/val_annotations.txt': b'val_0.JPEG n03'}, "has the line 'val_0.JPEG n03', expected an image, a tab"),
    ('val', {'val/val_annotations.txt': b'val_0.JPEG\tn99\t0'}, r"has the line 'val_0.JPEG\\tn99\\t0', expected"),
    ('val', {'val/val_annotations.txt': b'val_0.JPEG\tn03\t0'}, "class n03 has 1 images in the split 'val'"),
    ('val', {'val/images/val_3.JPEG': None}, "val_3.JPEG' is missing, which the list .*val_annotations.txt' names")])
@pytest.mark.parametrize('packed', [True, False])
def test_an_incomplete_data_set_is_refused(tmp_path, split, changes, match, packed):
    files = {name: content for name, content in {**tiny_imagenet_files(), **changes}.items() if content is not None}
    refused(match, write(tmp_path, files, packed), split)


@pytest.mark.parametrize('packed', [True, False])
def test_a_truncated_picture_is_refused_when_it_is_read(tmp_path, packed):
    files = tiny_imagenet_files()
    name = 'train/n01/images/n01_2.JPEG'
    files[name] = cv2.imencode('.jpg', np.random.default_rng(0).integers(0, 255, (64, 64, 3)))[1].tobytes()[:2000]
    refused(f"image '.*{name}' cannot be used: found a file of 2000 bytes that is truncated", write(
        tmp_path, files, packed), read=True)


def test_a_damaged_file_in_the_archive_is_refused_when_it_is_read(tmp_path):
    path = write(tmp_path) / 'tiny-imagenet-200.zip'
    content = path.read_bytes()
    start = content.index(b'n02_3.JPEG') + 30
    path.write_bytes(content[:start] + bytes(20) + content[start + 20:])
    refused("n02_3.JPEG' cannot be used: found a damaged file in the archive", tmp_path, read=True)
