import math

import mmseg.evaluation
import numpy as np
import pytest
import torch

from lhl.evaluation import DepthMetric
from lhl.registry import METRICS


def score(predicted, true, valid=None):
    """Score depths ``(B, H, W)`` as one batch."""
    predicted, true = torch.as_tensor(predicted).float(), torch.as_tensor(true).float()
    valid = torch.ones_like(true, dtype=torch.bool) if valid is None else torch.as_tensor(valid)
    metric = DepthMetric('depth')
    metric.process(dict(targets=dict(depth=true[:, None]), valid=dict(depth=valid)),
                   [dict(depth=image[None]) for image in predicted])
    return metric.evaluate(len(predicted))


def test_two_errors_by_hand():
    # |3 - 2| = 1 and 1/2; |3 - 4| = 1 and 1/4.
    assert score([[[3., 3.]]], [[[2., 4.]]]) == {'depth/AbsErr': 1.0, 'depth/RelErr': 0.375}


def test_every_pixel_weighs_the_same_whatever_image_it_is_in():
    # The first image has one valid pixel, off by 3; the second has three, exact. Averaging images would give 1.5.
    predicted, true = [[[4., 9., 9.]], [[1., 1., 1.]]], [[[1., 1., 1.]], [[1., 1., 1.]]]
    valid = [[[True, False, False]], [[True, True, True]]]
    assert score(predicted, true, valid) == {'depth/AbsErr': 0.75, 'depth/RelErr': 0.75}


def test_agrees_with_numpy_over_all_valid_pixels():
    rng = np.random.default_rng(0)
    predicted, true = rng.uniform(0.5, 10, (2, 4, 17, 23)).astype(np.float32)
    valid = rng.random((4, 17, 23)) < 0.6
    error = np.abs(predicted[valid].astype(np.float64) - true[valid])
    metrics = score(predicted, true, valid)
    assert metrics['depth/AbsErr'] == pytest.approx(error.mean(), rel=1e-12)
    assert metrics['depth/RelErr'] == pytest.approx((error / true[valid]).mean(), rel=1e-12)


def test_small_errors_of_far_points_are_not_rounded_away():
    # In float32 a sum of a million depths of 10 m no longer feels a millimetre; each error is 2**-10 exactly.
    true = torch.full((1, 1000, 1000), 8.0)
    assert score(true + 2**-10, true) == {'depth/AbsErr': 2**-10, 'depth/RelErr': 2**-13}


@pytest.mark.parametrize('garbage', [0, -1, math.nan, math.inf])
def test_what_lies_under_an_invalid_pixel_does_not_matter(garbage):
    metrics = score([[[3., garbage]]], [[[2., garbage]]], [[[True, False]]])
    assert metrics == {'depth/AbsErr': 1.0, 'depth/RelErr': 0.5}


def test_half_precision_predictions_are_scored_in_double():
    metric = DepthMetric('depth')
    metric.process(dict(targets=dict(depth=torch.full((1, 1, 300, 300), 2.)),
                        valid=dict(depth=torch.ones(1, 300, 300, dtype=torch.bool))),
                   [dict(depth=torch.full((1, 300, 300), 3., dtype=torch.float16))])
    assert metric.evaluate(1) == {'depth/AbsErr': 1.0, 'depth/RelErr': 0.5}


def test_one_pixel_is_enough():
    assert score([[[1.5]]], [[[1.]]]) == {'depth/AbsErr': 0.5, 'depth/RelErr': 0.5}


def test_no_valid_pixel_gives_nan():
    metrics = score([[[1., 2.]]], [[[0., 0.]]], [[[False, False]]])
    assert list(metrics) == ['depth/AbsErr', 'depth/RelErr'] and all(map(math.isnan, metrics.values()))


def test_a_diverged_prediction_shows():
    assert math.isnan(score([[[math.nan, 1.]]], [[[1., 1.]]])['depth/AbsErr'])


def test_ours_is_found_where_mmsegmentation_has_one_of_the_same_name():
    assert type(METRICS.build(dict(type='DepthMetric', task='depth'))) is DepthMetric
    assert METRICS.get('mmseg.DepthMetric') is mmseg.evaluation.DepthMetric
