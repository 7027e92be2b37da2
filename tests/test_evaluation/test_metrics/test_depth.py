import math

import mmseg.evaluation
import numpy as np
import pytest
import torch

from lhl.evaluation import DepthMetric, DisparityMetric
from lhl.registry import METRICS

from .depths import ALL, average, independent, random_images, score


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


def test_rmse_by_hand_and_that_of_logarithms():
    # Errors 1 and 7; ln(2 / 1) = ln 2 and ln(8 / 1) = 3 ln 2.
    metrics = score([[[2., 8.]]], [[[1., 1.]]], names=['log_rmse', 'rmse'])
    assert metrics == {'depth/log_rmse': pytest.approx(math.log(2) * math.sqrt(5)), 'depth/rmse': 5}
    assert list(metrics) == ['depth/log_rmse', 'depth/rmse']


@pytest.mark.parametrize('impossible', [0, -3])
def test_the_logarithm_of_what_is_not_positive_is_that_of_a_nanometre(impossible):
    metrics = score([[[impossible]]], [[[1.]]], names=ALL)
    assert metrics['depth/log_rmse'] == pytest.approx(9 * math.log(10))
    assert metrics['depth/rmse'] == metrics['depth/AbsErr'] == 1 - impossible


def test_over_pixels_all_metrics_agree_with_numpy_for_any_batch_size():
    predicted, true, valid = random_images()
    expected = average([independent(predicted[valid], true[valid])])
    assert score(predicted, true, valid, ALL) == score(predicted, true, valid, ALL, batch_size=2) == expected


def test_over_images_it_agrees_with_mmsegmentation():
    predicted, true, valid = random_images(images=4)
    predicted, true, valid = predicted[:-1], true[:-1], valid[:-1]  # theirs is NaN without valid pixels
    theirs = mmseg.evaluation.DepthMetric(min_depth_eval=1e-3, max_depth_eval=100)
    for p, g, v in zip(predicted, true, valid, strict=True):
        sample = dict(pred_depth_map=dict(data=torch.from_numpy(p)[None]),
                      gt_depth_map=dict(data=torch.from_numpy(np.where(v, g, 0))[None]))
        theirs.process({}, [sample])
    expected = theirs.evaluate(len(predicted))
    ours = score(predicted, true, valid, ALL, 'image')
    for name, key in (('RelErr', 'abs_rel'), ('rmse', 'rmse'), ('log_rmse', 'rmse_log')):
        assert ours[f'depth/{name}'] == pytest.approx(expected[key], rel=1e-5)  # theirs is in float32


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


@pytest.mark.parametrize('aggregate', ['pixel', 'batch', 'image'])
def test_disparities_have_the_errors_of_depths_without_their_unit(aggregate):
    arguments = *random_images(), ALL, aggregate, 2
    assert score(*arguments, kind=DisparityMetric) == score(*arguments)
    assert DepthMetric.units == {'AbsErr': 'm', 'rmse': 'm'} and DisparityMetric.units == {}


def test_ours_is_found_where_mmsegmentation_has_one_of_the_same_name():
    assert type(METRICS.build(dict(type='DepthMetric', task='depth'))) is DepthMetric
    assert METRICS.get('mmseg.DepthMetric') is mmseg.evaluation.DepthMetric
