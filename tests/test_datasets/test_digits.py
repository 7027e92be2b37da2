import gzip

import numpy as np
import pytest
from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS

from lhl.datasets import Digits
from lhl.datasets import digits as module
from lhl.errors import ConfigError, DataError
from lhl.registry import DATASETS

from .image_tasks import split_tasks


def digits(split='train', tasks=None, **options):
    return Digits(split=split, tasks=tasks or split_tasks(10, 2), pipeline=(), **options)


def images_and_labels(split):
    dataset = digits(split, size=8)
    return (np.stack([dataset.load_image(sample)[..., 0].ravel() for sample in dataset.samples]),
            np.array([sample.label for sample in dataset.samples]))


def test_the_splits_share_no_image_and_have_all_of_them():
    lines = [[sample.place for sample in digits(split).samples] for split in ('train', 'search', 'val')]
    assert [len(part) for part in lines] == [1000, 200, 597] and sum(lines, []) == list(range(1797))


def test_the_first_image_is_the_zero_of_the_published_file():
    image = digits(size=8)[0]['image']
    np.testing.assert_array_equal(image[0, :, 0] * 16, [0, 0, 5, 13, 9, 1, 0, 0])
    np.testing.assert_array_equal(image[7, :, 0] * 16, [0, 0, 6, 13, 10, 0, 0, 0])
    assert digits()[0]['targets']['classes_0_1'].tolist() == [[0]]


@pytest.mark.parametrize('size', [8, 16, 32])
def test_a_pixel_becomes_a_square_of_three_equal_channels(size):
    small, image = digits(size=8)[7]['image'], digits(size=size)[7]['image']
    assert image.shape == (size, size, 3) and image.dtype == np.float32 and (image == image[..., :1]).all()
    step = size // 8
    assert all((image[row::step, column::step] == small).all() for row in range(step) for column in range(step))


def test_the_labels_are_those_of_the_images():
    """The nearest mean of a class among 1000 images tells nine of ten digits of other people; chance is a tenth."""
    (images, labels), (others, expected) = images_and_labels('train'), images_and_labels('val')
    means = np.stack([images[labels == label].mean(axis=0) for label in range(10)])
    found = ((others[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)
    assert (found == expected).mean() > 0.85


def test_the_config_has_five_tasks_of_two_digits():
    cfg = Config.fromfile(CONFIGS / '_base_/datasets/split_digits.py')
    assert [list(cfg.tasks[phase.task].labels) for phase in cfg.phases] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    train = DATASETS.build(dict(cfg.train_dataloader.dataset, tasks=dict(list(cfg.tasks.items())[2:3])))
    assert {train.samples[index].label for index in train.indices} == {4, 5} and len(train) == 198
    assert train[0]['inputs'].shape == (3, 32, 32)
    assert len(DATASETS.build(dict(cfg.val_dataloader.dataset, tasks=cfg.tasks))) == 597


@pytest.mark.parametrize('size', [0, 4, 12, 32.0])
def test_a_size_that_is_no_multiple_of_8_is_refused(size):
    with pytest.raises(ConfigError, match=rf'Digits got size={size}, expected a multiple of 8, such as 32'):
        digits(size=size)


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, 'find_spec', lambda name: None)
    with pytest.raises(DataError, match=r"which is not installed; pip install 'lhl\[digits\]'"):
        digits()


@pytest.mark.parametrize('content, message', [
    (None, r"digits.csv.gz' of scikit-learn cannot be read \(.*No such file"),
    (b'no archive', r'cannot be read \(Not a gzipped file'),
    (gzip.compress(b'0,0,1\n', mtime=0),  # the same bytes in each process
     r'is another one: found the SHA-256 [0-9a-f]{64} of its content, expected 6ebb3d2f'),
])
def test_a_file_that_is_missing_or_another_one_is_refused(monkeypatch, tmp_path, content, message):
    (tmp_path / module.FILE).parent.mkdir(parents=True)
    if content is not None:
        (tmp_path / module.FILE).write_bytes(content)
    monkeypatch.setattr(module, '_package', lambda: tmp_path)
    with pytest.raises(DataError, match=message):
        digits()
