import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.datasets.transforms import PhotometricDistortion
from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS

from ..nyuv2_files import TASKS
from .samples import random_sample

NONE = dict(brightness=0, contrast=0, saturation=0, hue=0)


def distorted(seed=0, image=None, **strengths):
    np.random.seed(seed)
    sample = random_sample()
    if image is not None:
        sample['image'] = np.asarray(image, np.float32)
    return sample, PhotometricDistortion(**{**NONE, **strengths})(sample)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_image_stays_in_range_and_the_targets_stay_as_they_are(seed):
    np.random.seed(seed)
    sample = random_sample(seed)
    before = sample['image'].copy()
    result = PhotometricDistortion()(sample)
    assert result['image'].shape == before.shape and result['image'].dtype == np.float32
    assert 0 <= result['image'].min() and result['image'].max() <= 1
    np.testing.assert_array_equal(sample['image'], before)
    for name in TASKS:
        assert result['targets'][name] is sample['targets'][name]
        assert result['valid'][name] is sample['valid'][name]


def changes(**strengths):
    """All distinct results of 60 seeds, for an image of mid tones."""
    image = np.random.default_rng(0).uniform(0.4, 0.6, (5, 6, 3))
    results = [distorted(seed, image, **strengths)[1]['image'] for seed in range(60)]
    return image.astype(np.float32), [result for result in results if not np.allclose(result, image, atol=1e-4)]


def test_each_change_happens_every_other_time():
    for strengths in (dict(brightness=0.1), dict(contrast=0.5), dict(saturation=0.5), dict(hue=36)):
        assert 60 / 2 - 4 * np.sqrt(15) < len(changes(**strengths)[1]) < 60 / 2 + 4 * np.sqrt(15)


def test_brightness_adds_one_number_to_all_pixels():
    image, results = changes(brightness=0.1)
    for result in results:
        assert np.ptp(result - image) < 1e-6 and abs((result - image).mean()) <= 0.1
    assert min(float((result - image).mean()) for result in results) < -0.05
    assert max(float((result - image).mean()) for result in results) > 0.05


def test_contrast_multiplies_all_pixels_by_one_number():
    image, results = changes(contrast=0.5)
    factors = np.array([(result / image).mean() for result in results])
    for result, factor in zip(results, factors, strict=True):
        np.testing.assert_allclose(result, image * factor, rtol=1e-5)
    assert factors.min() >= 0.5 and factors.max() <= 1.5 and np.ptp(factors) > 0.5


def hsv(image):
    """Hue in degrees, saturation and value, by Python's own formula."""
    flat = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in image.reshape(-1, 3).tolist()])
    return flat[:, 0] * 360, flat[:, 1], flat[:, 2]


def test_saturation_scales_the_saturation_alone():
    image, results = changes(saturation=0.5)
    hue, saturation, value = hsv(image)
    for result in results:
        new_hue, new_saturation, new_value = hsv(result)
        factors = new_saturation / saturation
        assert np.ptp(factors) < 2e-3 and 0.5 - 1e-3 <= factors.mean() <= 1.5 + 1e-3
        np.testing.assert_allclose(new_value, value, atol=1e-5)
        assert np.abs((new_hue - hue + 180) % 360 - 180).max() < 0.2


def test_hue_turns_all_colours_by_one_angle():
    image, results = changes(hue=36)
    hue, saturation, value = hsv(image)
    turns = []
    for result in results:
        new_hue, new_saturation, new_value = hsv(result)
        turned = (new_hue - hue + 180) % 360 - 180
        assert np.ptp(turned) < 0.3
        np.testing.assert_allclose(new_saturation, saturation, atol=1e-3)
        np.testing.assert_allclose(new_value, value, atol=1e-5)
        turns.append(turned.mean())
    assert -36.1 < min(turns) < -15 and 15 < max(turns) < 36.1


@pytest.mark.parametrize(('colour', 'degrees', 'expected'), [
    ((1, 0, 0), -120, (0, 0, 1)), ((1, 0, 0), -60, (1, 0, 1)), ((1, 0, 0), 120, (0, 1, 0)), ((0, 0, 1), 180, (1, 1, 0)),
    ((0, 0, 1), 120, (1, 0, 0)), ((1, 0, 1), 120, (1, 1, 0)), ((0, 1, 0), -180, (1, 0, 1)), ((0, 1, 0), 0, (0, 1, 0))])
@pytest.mark.parametrize('width', [1, 3, 8, 67])  # OpenCV treats many pixels at once unlike a few
def test_hue_goes_round_at_0_and_at_360_degrees(monkeypatch, colour, degrees, expected, width):
    """Red is at 0 degrees, yellow at 60, green at 120, blue at 240, magenta at 300."""
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: degrees)
    image = np.full((2, width, 3), colour, np.float32)
    turned = PhotometricDistortion(hue=180)._hue(image)
    np.testing.assert_allclose(turned, np.broadcast_to(expected, image.shape), atol=1e-5)


def test_contrast_comes_before_or_after_the_colours(monkeypatch):
    orders = set()
    for seed in range(60):
        called = []
        transform = PhotometricDistortion()
        for step in ('_brightness', '_contrast', '_saturation', '_hue'):
            monkeypatch.setattr(transform, step,
                                lambda image, step=step, called=called: called.append(step) or image)
        np.random.seed(seed)
        transform(random_sample())
        orders.add(tuple(called))
    assert ('_brightness', '_contrast', '_saturation', '_hue') in orders
    assert ('_brightness', '_saturation', '_hue', '_contrast') in orders
    assert all('_brightness' not in order[1:] for order in orders) and () in orders


def test_strengths_of_zero_change_nothing_but_rounding():
    for seed in range(10):
        sample, result = distorted(seed)
        np.testing.assert_allclose(result['image'], sample['image'], atol=2e-6)


def test_it_is_built_by_name_and_prints_its_options():
    config = dict(type='PhotometricDistortion', brightness=0.1, contrast=0.2, saturation=0.3, hue=10)
    assert repr(TRANSFORMS.build(config)) == (
        'PhotometricDistortion(brightness=0.1, contrast=0.2, saturation=0.3, hue=10)')


@pytest.mark.parametrize('options', [dict(brightness=2), dict(contrast=-0.1), dict(saturation=1.5), dict(hue=181)])
def test_impossible_strengths_are_refused(options):
    with pytest.raises(ConfigError, match='expected a number from 0 to'):
        PhotometricDistortion(**options)
