import numpy as np
import pytest
from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS

from lhl.datasets.cifar.dataset import CIFAR10_CLASSES, CIFAR100_CLASSES
from lhl.registry import DATASETS

from ..cifar_archives import PLACES, cifar, refused, write
from ..image_archives import PER_FILE, cifar_content, cifar_files, write_tar

# ---- what is read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name, version, packed', PLACES)
def test_every_published_form_gives_the_same_images_and_labels(tmp_path, name, version, packed):
    write(tmp_path, name, version, packed)
    for split, (images, labels) in cifar_content(name).items():
        dataset = cifar(tmp_path, name, split)
        assert len(dataset) == len(labels) == PER_FILE[name][split] * len(dataset.paths)
        for index in (0, 19, len(labels) - 1):
            sample = dataset[index]
            np.testing.assert_array_equal(sample['image'], images[index].transpose(1, 2, 0).astype(np.float32) / 255)
            valid = [task for task, flag in sample['valid'].items() if flag.all()]
            assert valid == [f'classes_{labels[index] // 2 * 2}_{labels[index] // 2 * 2 + 1}']
            assert sample['targets'][valid[0]].tolist() == [[labels[index]]]


def test_the_files_of_training_follow_each_other_and_an_image_is_named_by_its_number(tmp_path):
    dataset = cifar(write(tmp_path, 'CIFAR10'))
    assert dataset[45]['meta'] == dict(
        index=45, image_path=str(tmp_path / 'cifar-10-binary.tar.gz' / 'data_batch_3.bin' / '00045'))


def test_what_needs_no_pickle_is_read_first_and_a_folder_before_its_archive(tmp_path):
    write(tmp_path, 'CIFAR10', 1)
    assert cifar(tmp_path).paths[0].parent.name == 'cifar-10-python.tar.gz'
    write(tmp_path, 'CIFAR10', 0)
    assert cifar(tmp_path).paths[0].parent.name == 'cifar-10-binary.tar.gz'
    write(tmp_path, 'CIFAR10', 0, packed=False)
    assert cifar(tmp_path).paths[0].parent.name == 'cifar-10-batches-bin'


def test_reading_an_archive_writes_nothing(tmp_path):
    cifar(write(tmp_path, 'CIFAR10'), split='val')
    assert [path.name for path in tmp_path.iterdir()] == ['cifar-10-binary.tar.gz']


def test_the_classes_are_the_published_ones():
    assert len(CIFAR10_CLASSES) == 10 and len(set(CIFAR100_CLASSES)) == 100
    assert list(CIFAR100_CLASSES) == sorted(CIFAR100_CLASSES)  # which the published list is
    assert (CIFAR10_CLASSES[2], CIFAR100_CLASSES[0], CIFAR100_CLASSES[49], CIFAR100_CLASSES[99]) == (
        'bird', 'apple', 'mountain', 'worm')


@pytest.mark.parametrize('name, num_tasks, per_task', [('CIFAR10', 5, 2), ('CIFAR100', 20, 5)])
def test_the_config_learns_all_classes_once_in_their_order(tmp_path, name, num_tasks, per_task):
    cfg = Config.fromfile(CONFIGS / '_base_' / 'datasets' / f'split_{name.lower()}.py')
    assert [list(cfg.tasks[phase.task].labels) for phase in cfg.phases] == [
        list(range(first, first + per_task)) for first in range(0, num_tasks * per_task, per_task)]
    assert all(task.get('classes') in (None, list(CIFAR10_CLASSES)) for task in cfg.tasks.values())
    write(tmp_path, name)
    train = dict(cfg.train_dataloader.dataset, data_root=tmp_path, tasks=dict(list(cfg.tasks.items())[1:2]))
    val = dict(cfg.val_dataloader.dataset, data_root=tmp_path, tasks=dict(list(cfg.tasks.items())[:2]))
    train, val = DATASETS.build(train), DATASETS.build(val)
    assert {train.samples[index].label for index in train.indices} == set(range(per_task, 2 * per_task))
    assert {val.samples[index].label for index in val.indices} == set(range(2 * per_task))
    assert train[0]['inputs'].shape == (3, 32, 32)

# ---- what is refused -------------------------------------------------------------------------------------------


def test_without_files_it_is_said_which_archive_belongs_where(tmp_path):
    message = refused('holds no CIFAR10, expected cifar-10-binary.tar.gz or cifar-10-python.tar.gz', tmp_path)
    assert str(tmp_path) in message and 'cifar-10-batches-bin/' in message and 'put an archive' in message


def test_another_archive_under_this_name_is_refused_with_what_is_in_it(tmp_path):
    write_tar(tmp_path / 'cifar-10-binary.tar.gz', 'cifar-100-binary', cifar_files('CIFAR100', pickled=False))
    refused("lacks cifar-10-batches-bin/data_batch_1.bin, found 'cifar-100-binary', 'cifar-100-binary/train.bin'",
            tmp_path)


@pytest.mark.parametrize('keep', [0, 1000, 0.5])
def test_a_truncated_archive_is_refused(tmp_path, keep):
    path = write(tmp_path, 'CIFAR10') / 'cifar-10-binary.tar.gz'
    content = path.read_bytes()
    path.write_bytes(content[:keep if keep != 0.5 else len(content) // 2])
    refused(r'truncated, damaged or not a .tar.gz \(.*; download it again', tmp_path)


def test_a_damaged_archive_is_refused(tmp_path):
    path = write(tmp_path, 'CIFAR10') / 'cifar-10-binary.tar.gz'
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    refused('truncated, damaged or not a .tar.gz', tmp_path)


def test_a_file_that_the_folder_lacks_is_named_with_those_that_are_there(tmp_path):
    write(tmp_path, 'CIFAR10', packed=False)
    (tmp_path / 'cifar-10-batches-bin' / 'data_batch_5.bin').unlink()
    refused(r"data_batch_5.bin' cannot be read .*the folder holds 'data_batch_1.bin', .* and 2 more; restore it from "
            'cifar-10-binary.tar.gz', tmp_path)
