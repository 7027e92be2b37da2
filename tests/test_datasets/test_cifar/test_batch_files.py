import numpy as np
import pytest

from ..cifar_archives import KINDS, cifar, refused, write
from ..image_archives import cifar_content, cifar_files, python2_pickle


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
    refused('data_batch_1.*found the label 10 of image 2, expected 0 to 9; download the archive again',
            write(tmp_path, 'CIFAR10', version, files=files))


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
