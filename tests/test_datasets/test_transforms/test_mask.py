import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.datasets.transforms import RandomMask
from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS

from ..nyuv2_files import TASKS
from .samples import random_sample

BLUE = np.full((7, 9, 3), [0.1, 0.2, 0.9], np.float32)


def masked(image, seed=0, **options):
    np.random.seed(seed)
    return RandomMask(**options)(dict(random_sample(), image=image))['image']


def hidden(image, **options):
    """Where an image has become grey."""
    return (masked(image, **options) == 0.5).all(-1)


def test_whole_blocks_of_a_grid_become_grey_and_the_rest_stays():
    found = masked(BLUE, block=4, share=0.5)  # 2x3 blocks, the last ones of 3 rows and of 1 column
    blocks = [found[rows, columns] for rows in (slice(0, 4), slice(4, 7))
              for columns in (slice(0, 4), slice(4, 8), slice(8, 9))]
    grey = [bool((block == 0.5).all()) for block in blocks]
    assert sum(grey) == 3 and found.dtype == np.float32
    for block, is_grey in zip(blocks, grey, strict=True):
        assert is_grey or (block == BLUE[0, 0]).all()


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 25), st.floats(0, 1), st.integers(0, 99))
def test_as_many_blocks_as_asked_are_hidden_whatever_the_size(height, width, block, share, seed):
    grey = hidden(np.full((height, width, 3), 0.9, np.float32), block=block, share=share, seed=seed)
    corners = grey[::block, ::block]  # of the blocks
    assert grey.shape == (height, width) and corners.sum() == round(share * corners.size)


def test_every_block_is_hidden_as_often_as_any_other():
    np.random.seed(0)
    transform, image = RandomMask(block=1, share=0.3), np.full((2, 5, 3), 0.9, np.float32)
    count = sum((transform(dict(image=image))['image'][..., 0] == 0.5).astype(int) for _ in range(1000))
    assert np.abs(count - 300).max() < 4 * np.sqrt(1000 * 0.3 * 0.7)


def test_the_targets_and_what_is_known_of_them_stay_and_so_does_the_image_that_was_given():
    sample = random_sample()
    before = sample['image'].copy()
    found = RandomMask(share=1.0)(sample)
    assert (found['image'] == 0.5).all()
    np.testing.assert_array_equal(sample['image'], before)
    for name in TASKS:
        assert found['targets'][name] is sample['targets'][name] and found['valid'][name] is sample['valid'][name]


def test_nothing_is_hidden_with_a_share_of_0():
    sample = random_sample()
    np.testing.assert_array_equal(RandomMask(share=0.0)(sample)['image'], sample['image'])


def test_the_state_of_the_generator_alone_decides():
    image = random_sample(size=(40, 40))['image']
    one, again, other = (masked(image, block=4, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_it_is_built_by_name_and_prints_its_options():
    built = TRANSFORMS.build(dict(type='RandomMask', block=8, share=0.25))
    assert repr(built) == 'RandomMask(block=8, share=0.25)' and built.is_random and not built.moves_pixels


@pytest.mark.parametrize('options, message', [
    (dict(block=0), 'block=0, expected a whole number of at least 1'), (dict(block=1.5), 'block=1.5, expected'),
    (dict(share=-0.1), 'share=-0.1, expected a number from 0 to 1'), (dict(share=1.01), 'share=1.01, expected'),
    (dict(share=float('nan')), 'share=nan, expected')])
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RandomMask(**options)
