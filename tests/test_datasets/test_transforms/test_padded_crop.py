import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.datasets.transforms import RandomPaddedCrop
from lhl.datasets.transforms.padded_crop import shift
from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS
from lhl.tasks import build_tasks

from ..image_tasks import split_tasks
from ..nyuv2_files import TASKS
from .samples import random_sample


@given(seed=st.integers(0, 2**32 - 1), down=st.integers(-20, 20), right=st.integers(-20, 20))
def test_it_is_a_window_of_the_padded_sample(seed, down, right):
    """Against numpy's own padding: a window of the sample with 20 more pixels on all sides."""
    sample = random_sample(seed)
    height, width = sample['image'].shape[:2]
    moved = shift(sample, down, right)
    window = slice(20 - down, 20 - down + height), slice(20 - right, 20 - right + width)

    def expected(array):
        return np.pad(array, [(20, 20), (20, 20), (0, 0)][:array.ndim])[window]
    np.testing.assert_array_equal(moved['image'], expected(sample['image']))
    for name in TASKS:
        np.testing.assert_array_equal(moved['targets'][name], expected(sample['targets'][name]))
        np.testing.assert_array_equal(moved['valid'][name], expected(sample['valid'][name]))


def test_all_shifts_up_to_the_padding_occur():
    np.random.seed(0)
    sample = dict(image=np.zeros((9, 9, 3), np.float32), targets={}, valid={}, tasks={})
    sample['image'][4, 4] = 1
    transform = RandomPaddedCrop(padding=2)
    places = {tuple(np.argwhere(transform(sample)['image'][..., 0])[0]) for _ in range(600)}
    assert places == {(row, column) for row in range(2, 7) for column in range(2, 7)}


def test_the_class_of_the_whole_image_stays():
    tasks = build_tasks(split_tasks(4, 2))
    sample = dict(image=np.ones((6, 6, 3), np.float32), tasks=tasks, targets={name: np.array([[1]]) for name in tasks},
                  valid={name: np.array([[True]]) for name in tasks})
    moved = shift(sample, 3, -2)
    assert moved['image'].sum() == 3 * 4 * 3
    assert moved['targets'] == sample['targets'] and moved['valid'] == sample['valid']


def test_it_is_built_by_name_and_prints_its_options():
    assert repr(TRANSFORMS.build(dict(type='RandomPaddedCrop', padding=3))) == 'RandomPaddedCrop(padding=3)'


@pytest.mark.parametrize('padding', [0, -1, 2.5])
def test_an_impossible_padding_is_refused(padding):
    with pytest.raises(ConfigError, match='expected a whole number of at least 1'):
        RandomPaddedCrop(padding)
