import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lhl.evaluation.metrics import RegressionMetric
from lhl.registry import METRICS

ALL = ('AbsErr', 'correlation', 'rmse')


def score(predictions, targets, valid=None, batch_size=None):
    """Score images ``(B, C, H, W)`` in batches; by default all in one."""
    predictions, targets = torch.as_tensor(predictions), torch.as_tensor(targets)
    valid = torch.ones(targets.shape[0], *targets.shape[2:]) > 0 if valid is None else torch.as_tensor(valid)
    metric = RegressionMetric('edges', ALL)
    size = batch_size or len(predictions)
    for start in range(0, len(predictions), size):
        part = slice(start, start + size)
        metric.process(dict(targets=dict(edges=targets[part]), valid=dict(edges=valid[part])),
                       [dict(edges=prediction) for prediction in predictions[part]])
    return {name.removeprefix('edges/'): value for name, value in metric.evaluate(len(predictions)).items()}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_three_numbers_by_hand():
    # Errors 1, 1, 4. Deviations from the means 2 and 4: (-1, 0, 1) and (-3, -1, 4), so 7 / sqrt(2 * 26).
    metrics = score([[[[1., 2., 3.]]]], [[[[1. - 1, 3. - 0, 7.]]]])
    assert metrics['AbsErr'] == pytest.approx(2)
    assert metrics['rmse'] == pytest.approx(math.sqrt(18 / 3))
    third = 10 / 3  # the mean of 0, 3 and 7
    assert metrics['correlation'] == pytest.approx(7 / math.sqrt(2 * sum((g - third)**2 for g in (0, 3, 7))))


def test_agrees_with_scipy_over_all_valid_numbers():
    target = noise(4, 2, 9, 11)
    predicted = 0.5 * target + noise(4, 2, 9, 11, seed=1)
    valid = np.random.default_rng(2).random((4, 9, 11)) < 0.5
    p, g = (np.moveaxis(values, 1, -1)[valid].ravel().astype(np.float64) for values in (predicted, target))
    metrics = score(predicted, target, valid)
    assert metrics['AbsErr'] == pytest.approx(np.abs(p - g).mean(), rel=1e-12)
    assert metrics['rmse'] == pytest.approx(np.sqrt(np.square(p - g).mean()), rel=1e-12)
    assert metrics['correlation'] == pytest.approx(scipy.stats.pearsonr(p, g).statistic, rel=1e-12)


def test_the_correlation_is_over_the_set_and_not_over_images():
    # Within each image the prediction falls where the target rises; the images' levels agree far more.
    predicted, target = [[[[0., 1.]]], [[[100., 101.]]]], [[[[1., 0.]]], [[[101., 100.]]]]
    expected = np.corrcoef(np.ravel(predicted), np.ravel(target))[0, 1]
    assert expected > 0.99
    assert score(predicted, target)['correlation'] == pytest.approx(expected, rel=1e-12)


@settings(deadline=None, max_examples=30)
@given(order=st.permutations(range(6)), batch_size=st.integers(1, 6))
def test_neither_batches_nor_the_order_matter_to_the_last_bit(order, batch_size):
    predicted, target = torch.from_numpy(noise(6, 1, 5, 5)), torch.from_numpy(noise(6, 1, 5, 5, seed=1))
    valid = torch.from_numpy(noise(6, 5, 5, seed=2)) < torch.linspace(-2, 2, 6)[:, None, None]
    order = list(order)
    expected = score(predicted, target, valid)
    assert score(predicted[order], target[order], valid[order], batch_size) == expected


def test_small_variations_around_a_large_mean_keep_their_correlation():
    # Squares of 16-bit counts around 2**23 need 46 bits, their sum over the pixels 60: a difference of sums is noise.
    g = noise(3, 1, 100, 100) > 0
    p = g ^ (noise(3, 1, 100, 100, seed=1) > 1)
    expected = np.corrcoef(p.ravel(), g.ravel())[0, 1]
    shifted = [(values + 2.0**23).astype(np.float32) for values in (p, g)]
    assert score(*shifted)['correlation'] == pytest.approx(expected, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(scale=st.floats(0.01, 1000), shift=st.floats(-1000, 1000))
def test_scale_and_shift_of_a_prediction_change_only_the_sign_of_the_correlation(scale, shift):
    predicted, target = noise(2, 1, 6, 6).astype(np.float64), noise(2, 1, 6, 6, seed=1).astype(np.float64)
    expected = score(predicted, target)['correlation']
    assert score(scale * predicted + shift, target)['correlation'] == pytest.approx(expected, abs=1e-8)
    assert score(-scale * predicted + shift, target)['correlation'] == pytest.approx(-expected, abs=1e-8)


def test_the_targets_themselves_correlate_fully():
    target = noise(3, 2, 7, 7)
    assert score(target, target) == {'AbsErr': 0, 'correlation': pytest.approx(1, abs=1e-15), 'rmse': 0}
    assert score(-target, target)['correlation'] == pytest.approx(-1, abs=1e-15)


@pytest.mark.parametrize('constant', [0.0, 0.1, 1 / 3, 65535.0])
def test_a_constant_prediction_or_target_correlates_0_however_its_mean_is_rounded(constant):
    varying, flat = noise(3, 1, 7, 11).astype(np.float64), np.full((3, 1, 7, 11), constant)  # float32 would be exact
    assert score(flat, varying)['correlation'] == 0
    assert score(varying, flat)['correlation'] == 0
    assert score(flat, flat) == {'AbsErr': 0, 'correlation': 0, 'rmse': 0}


def test_images_that_are_constant_each_may_correlate():
    predicted = np.array([1., 2., 4.]).reshape(3, 1, 1, 1) * np.ones((3, 1, 2, 2))
    assert score(predicted, 3 * predicted)['correlation'] == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize('garbage', [math.nan, math.inf])
def test_what_lies_under_an_invalid_pixel_does_not_matter(garbage):
    predicted, target = [[[[1., 2., garbage]]]], [[[[2., 3., garbage]]]]
    metrics = score(predicted, target, [[[True, True, False]]])
    assert metrics == {'AbsErr': 1, 'correlation': pytest.approx(1), 'rmse': 1}


def test_an_image_without_valid_pixels_among_others_changes_nothing():
    predicted, target = noise(2, 1, 4, 4), noise(2, 1, 4, 4, seed=1)
    valid = np.stack([np.ones((4, 4), bool), np.zeros((4, 4), bool)])
    assert score(predicted, target, valid) == score(predicted[:1], target[:1])


def test_one_pixel_is_enough():
    assert score([[[[3.]]]], [[[[1.]]]]) == {'AbsErr': 2, 'correlation': 0, 'rmse': 2}


def test_no_valid_pixel_gives_nan():
    metrics = score(noise(1, 1, 2, 2), noise(1, 1, 2, 2), np.zeros((1, 2, 2), bool))
    assert list(metrics) == list(ALL) and all(map(math.isnan, metrics.values()))


@pytest.mark.parametrize('diverged', [[math.nan, 1.], [math.inf, 1.], [math.inf, -math.inf]])
def test_a_diverged_prediction_shows(diverged):
    metrics = score(np.reshape(diverged, (2, 1, 1, 1)), [[[[1.]]], [[[2.]]]])
    assert math.isnan(metrics['correlation']) and not math.isfinite(metrics['AbsErr'])


def test_rmse_is_reported_only_if_named():
    metric = METRICS.build(dict(type='RegressionMetric', task='edges'))
    assert metric.higher_is_better == {'AbsErr': False, 'correlation': True}
