import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lhl.registry import METRICS, TASKS
from lhl.tasks import DepthEstimation, DisparityEstimation

TASK = DisparityEstimation('depth')


def test_a_config_builds_it():
    task = TASKS.build(dict(type='DisparityEstimation', name='depth', mean=0.05, std=0.04))
    assert isinstance(task, DisparityEstimation) and (task.mean, task.std) == ((0.05, ), (0.04, ))


def test_it_is_scored_like_depth_but_not_in_metres():
    config, = TASK.metrics()
    metric = METRICS.build(config)
    assert config == dict(type='DisparityMetric', task='depth')
    assert metric.higher_is_better == {'AbsErr': False, 'RelErr': False} and metric.units == {}


def test_loss_map_is_the_absolute_error():
    prediction, target = torch.tensor([[[[0.5, 0.25]]]]), torch.tensor([[[[0.25, 0.375]]]])
    assert TASK.loss_map(prediction, target).tolist() == [[[0.25, 0.125]]]


def test_what_is_enlarged_has_more_disparity():
    zoomed = TASK.zoom_target(np.array([[[0.25], [0.5]]], np.float32), 1.5)
    assert zoomed.tolist() == [[[0.375], [0.75]]] and zoomed.dtype == np.float32


@given(depth=st.floats(0.5, 200), scale=st.floats(1, 3), baseline_focal=st.floats(1, 600))
def test_zooming_disparity_agrees_with_zooming_the_depth_that_it_stands_for(depth, scale, baseline_focal):
    disparity = np.array([[[baseline_focal / depth]]], np.float32)
    zoomed_depth = DepthEstimation('depth').zoom_target(np.array([[[depth]]], np.float32), scale)
    np.testing.assert_allclose(TASK.zoom_target(disparity, scale), baseline_focal / zoomed_depth, rtol=1e-6)


def test_flipping_mirrors_and_keeps_the_disparities():
    assert TASK.flip_target(np.array([[[0.1], [0.2], [0.3]]])).tolist() == [[[0.3], [0.2], [0.1]]]


def test_a_disparity_of_zero_is_unknown():
    assert TASK.has_target(np.array([[[0.], [0.1]]], np.float32)).tolist() == [[False, True]]


@pytest.mark.parametrize('disparity, message', [
    (0.0, 'found a disparity of 0 among the valid pixels, expected more than 0; store 0 where it is unknown'),
    (-0.25, 'found a disparity of -0.25'),
    (np.nan, 'found 1 values that are NaN or infinite'),
    (np.inf, 'found 1 values that are NaN or infinite'),
])
def test_an_impossible_disparity_is_refused_where_it_is_valid(disparity, message):
    target = np.array([[[0.1], [disparity]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))


def test_near_is_drawn_brighter_than_far_and_invalid_black():
    picture = TASK.draw(np.array([[[0.4, 0.3, 0.2, 0.5]]], np.float32), np.array([[True, True, True, False]]))
    assert picture.shape == (1, 4, 3) and picture.dtype == np.uint8
    brightness = picture.astype(int).sum(-1)[0]
    assert brightness[0] > brightness[1] > brightness[2] and brightness[3] == 0


def test_the_nearest_and_the_farthest_are_drawn_as_for_depth():
    valid = np.ones((1, 2), bool)
    disparity = TASK.draw(np.array([[[0.4, 0.1]]], np.float32), valid)
    depth = DepthEstimation('depth').draw(np.array([[[1., 4.]]], np.float32), valid)
    assert np.array_equal(disparity, depth)
