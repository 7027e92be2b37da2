import numpy as np
import pytest
from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS

from lhl.datasets import CIFAR10, CIFAR100
from lhl.datasets.cifar.dataset import CIFAR10_CLASSES, CIFAR100_CLASSES
from lhl.errors import DataError
from lhl.registry import DATASETS

from .image_archives import CIFAR_VERSIONS as VERSIONS
from .image_archives import PER_FILE, cifar_content, cifar_files, python2_pickle, write_folder, write_tar
from .image_tasks import split_tasks

KINDS = dict(CIFAR10=CIFAR10, CIFAR100=CIFAR100)
PLACES = [(name, version, packed) for name in KINDS for version in (0, 1) for packed in (True, False)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files of a few images instead of 10000 and 50000."""
    for name, kind in KINDS.items():
        monkeypatch.setattr(kind, 'IMAGES_PER_FILE', PER_FILE[name])


def write(root, name, version=0, packed=True, files=None):
    """Write one version of a data set, as an archive or as its folder."""
    archive, folder = VERSIONS[name][version]
    files = files or cifar_files(name, pickled=version == 1)
    if packed:
        write_tar(root / archive, folder, files)
    else:
        write_folder(root / folder, files)
    return root


def cifar(root, name='CIFAR10', split='train', tasks=None, **options):
    tasks = split_tasks(KINDS[name].NUM_CLASSES, 2) if tasks is None else tasks
    return KINDS[name](data_root=root, split=split, tasks=tasks, pipeline=[], **options)


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


def test_a_record_is_a_label_and_the_planes_of_red_green_and_blue(tmp_path):
    """Worked out by hand: byte 1 + 1024 c + 32 y + x of a record is channel c of row y and column x."""
    files = cifar_files('CIFAR10', pickled=False)
    record = files['data_batch_2.bin'][3 * 3073:4 * 3073]
    sample = cifar(write(tmp_path, 'CIFAR10'))[20 + 3]
    assert round(float(sample['image'][5, 7, 2]) * 255) == record[1 + 2 * 1024 + 5 * 32 + 7]
    assert round(float(sample['image'][31, 0, 0]) * 255) == record[1 + 31 * 32]
    assert max(target.item() for target in sample['targets'].values()) == record[0]


def test_the_fine_label_of_cifar100_is_the_class_and_not_the_coarse_one(tmp_path):
    labels = cifar_content('CIFAR100')['val'][1]
    for version in (0, 1):
        root = tmp_path / str(version)
        root.mkdir()
        dataset = cifar(write(root, 'CIFAR100', version), 'CIFAR100', 'val')
        assert [sample.label for sample in dataset.samples] == labels.tolist() != (labels * 7 % 20).tolist()


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


def refused(match, *arguments, **options):
    with pytest.raises(DataError, match=match) as caught:
        cifar(*arguments, **options)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_without_files_it_is_said_which_archive_belongs_where(tmp_path):
    message = refused('holds no CIFAR10, expected cifar-10-binary.tar.gz or cifar-10-python.tar.gz', tmp_path)
    assert str(tmp_path) in message and 'cifar-10-batches-bin/' in message and 'put an archive' in message


@pytest.mark.parametrize('name', KINDS)
def test_a_truncated_file_is_refused_with_its_size(tmp_path, name):
    files = cifar_files(name, pickled=False)
    file = 'data_batch_4.bin' if name == 'CIFAR10' else 'train.bin'
    expected = len(files[file])
    files[file] = files[file][:-1000]
    refused(rf'{file}.*found {expected - 1000} bytes, expected {expected} \(', write(tmp_path, name, files=files), name)


def test_the_size_of_the_published_files_is_expected(tmp_path, monkeypatch):
    monkeypatch.undo()
    refused(r'found 61460 bytes, expected 30730000 \(10000 images of 3073 bytes\)', write(tmp_path, 'CIFAR10'))
    refused(r'found 614800 bytes, expected 153700000 \(50000 images of 3074 bytes\)', write(tmp_path, 'CIFAR100'),
            'CIFAR100')


@pytest.mark.parametrize('version', [0, 1])
def test_a_label_that_is_no_class_is_refused(tmp_path, version):
    files = cifar_files('CIFAR10', pickled=version == 1)
    if version == 0:
        content = bytearray(files['data_batch_1.bin'])
        content[2 * 3073] = 10
        files['data_batch_1.bin'] = bytes(content)
    else:
        files['data_batch_1'] = python2_pickle(
            {b'data': np.zeros((20, 3072), np.uint8), b'labels': [0, 1, 10] + [2] * 17})
    refused('data_batch_1.*found the label 10 of image 2, expected 0 to 9; get the archive again',
            write(tmp_path, 'CIFAR10', version, files=files))


def test_another_archive_under_this_name_is_refused_with_what_is_in_it(tmp_path):
    write_tar(tmp_path / 'cifar-10-binary.tar.gz', 'cifar-100-binary', cifar_files('CIFAR100', pickled=False))
    refused("lacks cifar-10-batches-bin/data_batch_1.bin, found 'cifar-100-binary', 'cifar-100-binary/train.bin'",
            tmp_path)


@pytest.mark.parametrize('keep', [0, 1000, 0.5])
def test_a_truncated_archive_is_refused(tmp_path, keep):
    path = write(tmp_path, 'CIFAR10') / 'cifar-10-binary.tar.gz'
    content = path.read_bytes()
    path.write_bytes(content[:keep if keep != 0.5 else len(content) // 2])
    refused(r'truncated, damaged or no .tar.gz \(.*; get it again', tmp_path)


def test_a_damaged_archive_is_refused(tmp_path):
    path = write(tmp_path, 'CIFAR10') / 'cifar-10-binary.tar.gz'
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    refused('truncated, damaged or no .tar.gz', tmp_path)


def test_a_file_that_the_folder_lacks_is_named_with_those_that_are_there(tmp_path):
    write(tmp_path, 'CIFAR10', packed=False)
    (tmp_path / 'cifar-10-batches-bin' / 'data_batch_5.bin').unlink()
    refused(r"data_batch_5.bin' cannot be read .*the folder holds 'data_batch_1.bin', .* and 2 more; restore it from "
            'cifar-10-binary.tar.gz', tmp_path)


BATCH = {b'data': np.zeros((20, 3072), np.uint8), b'labels': [0] * 20}


@pytest.mark.parametrize('batch, match', [
    ([1, 2], 'found list, expected an array data and a list labels'),
    ({b'data': BATCH[b'data'], b'fine_labels': [0]}, 'found a dictionary of data, fine_labels, expected'),
    ({**BATCH, b'data': np.zeros((20, 3071), np.uint8)}, r'found data of shape \(20, 3071\), expected \(20, 3072\)'),
    ({**BATCH, b'data': np.zeros((19, 3072), np.uint8)}, r'found data of shape \(19, 3072\)'),
    ({**BATCH, b'data': np.zeros((20, 3072), np.float32)}, 'found an array whose parts do not make one of bytes'),
    ({**BATCH, b'labels': [0] * 19}, 'found 19 labels, expected 20 whole numbers'),
    ({**BATCH, b'labels': [0.5] * 20}, 'found 20 labels, expected 20 whole numbers'),
    ({**BATCH, b'labels': b'0' * 20}, 'found no list of labels')])
def test_a_pickle_of_something_else_is_refused(tmp_path, batch, match):
    files = {**cifar_files('CIFAR10', pickled=True), 'data_batch_3': python2_pickle(batch)}
    refused(f"data_batch_3' cannot be used: {match}", write(tmp_path, 'CIFAR10', 1, files=files))


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / 'it ran'), 'w'))
    files = {**cifar_files('CIFAR10', pickled=True), 'data_batch_1': python2_pickle({**BATCH, b'labels': Attack()})}
    refused('would run io.open, expected numbers, bytes and arrays alone; do not trust this file',
            write(tmp_path, 'CIFAR10', 1, files=files))
    assert not (tmp_path / 'it ran').exists()
