import numpy as np
import pytest
from hypothesis import given

from lhl.datasets.transforms import RandomHorizontalFlip
from lhl.datasets.transforms.flip import flip
from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS

from ..nyuv2_files import TASKS
from .samples import assert_same, random_sample, seeds


@given(seed=seeds)
def test_flipping_twice_gives_the_sample_back(seed):
    sample = random_sample(seed)
    assert_same(flip(flip(sample)), sample)


def test_flip_mirrors_everything_and_negates_the_x_of_normals():
    sample = random_sample()
    flipped = flip(sample)
    for (row, column) in ((0, 0), (5, 3), (12, 16)):
        mirror = 16 - column
        np.testing.assert_array_equal(flipped['image'][row, column], sample['image'][row, mirror])
        for name in TASKS:
            assert flipped['valid'][name][row, column] == sample['valid'][name][row, mirror]
        for name in ('segmentation', 'depth'):
            assert flipped['targets'][name][row, column] == sample['targets'][name][row, mirror]
        x, y, z = sample['targets']['normal'][row, mirror]
        np.testing.assert_array_equal(flipped['targets']['normal'][row, column], [-x, y, z])


def test_flip_leaves_the_given_sample_alone():
    sample = random_sample()
    flip(sample)
    assert_same(sample, random_sample())


@pytest.mark.parametrize(('probability', 'flips'), [(0, 0), (1, 200), (0.5, 100)])
def test_flip_happens_with_its_probability(probability, flips):
    np.random.seed(0)
    sample, mirrored = random_sample(size=(2, 3)), flip(random_sample(size=(2, 3)))['image']
    transform = RandomHorizontalFlip(probability)
    happened = sum(np.array_equal(transform(sample)['image'], mirrored) for _ in range(200))
    assert abs(happened - flips) <= 4 * np.sqrt(200 * probability * (1 - probability))


def test_the_sample_says_whether_it_happened():
    np.random.seed(0)
    sample, transform = random_sample(size=(2, 3)), RandomHorizontalFlip(0.5)
    for _ in range(20):
        result = transform(sample)
        assert result['meta'] == dict(sample['meta'], flip=not np.array_equal(result['image'], sample['image']))


def test_it_is_built_by_name_and_prints_its_options():
    transform = TRANSFORMS.build(dict(type='RandomHorizontalFlip', probability=0.25))
    assert repr(transform) == 'RandomHorizontalFlip(probability=0.25)'


@pytest.mark.parametrize(('options', 'message'), [
    (dict(probability=1.5), 'from 0 to 1'),
    (dict(probability=-0.1), 'from 0 to 1')])
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RandomHorizontalFlip(**options)
