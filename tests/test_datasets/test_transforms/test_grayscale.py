import numpy as np
import pytest

from lhl.datasets.transforms import RandomGrayscale
from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS

from ..nyuv2_files import TASKS
from .samples import random_sample


def test_grey_is_the_luma_of_bt_601_and_the_targets_stay():
    sample = random_sample()
    before = sample['image'].copy()
    grey = RandomGrayscale(probability=1)(sample)
    luma = before.astype(np.float64) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(grey['image'], np.repeat(luma[..., None], 3, axis=-1), atol=1e-6)
    assert grey['image'].dtype == np.float32 and 0 <= grey['image'].min() and grey['image'].max() <= 1
    np.testing.assert_array_equal(sample['image'], before)
    for name in TASKS:
        assert grey['targets'][name] is sample['targets'][name] and grey['valid'][name] is sample['valid'][name]


def test_it_happens_as_often_as_asked():
    np.random.seed(0)
    sample = random_sample()
    transform = RandomGrayscale(probability=0.2)
    changed = sum(transform(sample) is not sample for _ in range(1000))
    assert abs(changed - 200) < 4 * np.sqrt(1000 * 0.2 * 0.8)


def test_white_stays_white():
    sample = dict(random_sample(), image=np.ones((4, 5, 3), np.float32))
    assert RandomGrayscale(probability=1)(sample)['image'].max() <= 1


def test_it_is_built_by_name_and_prints_its_options():
    assert repr(TRANSFORMS.build(dict(type='RandomGrayscale', probability=0.1))) == 'RandomGrayscale(probability=0.1)'


@pytest.mark.parametrize('probability', [-0.1, 1.5])
def test_an_impossible_probability_is_refused(probability):
    with pytest.raises(ConfigError, match='from 0 to 1'):
        RandomGrayscale(probability)
