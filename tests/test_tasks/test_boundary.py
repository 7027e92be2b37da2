import math

import numpy as np
import pytest
import torch

from lhl.tasks import BoundaryDetection

TASK = BoundaryDetection('boundary')


def row_of(*pixels):
    """One image of one row: ``(1, 1, 1, W)``."""
    return torch.tensor([[[pixels]]])


def test_boundaries_weigh_eight_tenths_and_the_rest_two():
    # A probability of 3/4.
    loss_map = TASK.loss_map(row_of(math.log(3), math.log(3)), row_of(1., 0.))
    torch.testing.assert_close(loss_map, torch.tensor([[[0.8 * math.log(4 / 3), 0.2 * math.log(4)]]]))


def test_a_logit_of_0_is_best_where_a_fifth_are_boundaries():
    logits = torch.zeros(1, 1, 1, 5, requires_grad=True)
    loss_map = TASK.loss_map(logits, row_of(1., 0., 0., 0., 0.))
    loss_map.mean().backward()
    assert abs(logits.grad.sum().item()) < 1e-7 and logits.grad.abs().min() > 0


@pytest.mark.parametrize('logit', [1e4, -1e4])
def test_extreme_logits_have_a_finite_weighted_loss_and_gradient(logit):
    logits = row_of(logit, logit).requires_grad_()
    loss_map = TASK.loss_map(logits, row_of(1., 0.))
    loss_map.sum().backward()
    wrong, weight = (1, 0.2) if logit > 0 else (0, 0.8)
    expected, gradient = [0., 0.], [0., 0.]
    expected[wrong], gradient[wrong] = weight * 1e4, math.copysign(weight, logit)
    assert loss_map.flatten().tolist() == pytest.approx(expected)
    assert logits.grad.flatten().tolist() == pytest.approx(gradient)


def test_a_perfect_and_certain_prediction_has_no_loss():
    target = row_of(0., 1., 1., 0.)
    assert (TASK.loss_map(200 * (2 * target - 1), target) == 0).all()


def test_the_weight_is_0_8_unless_the_config_says_otherwise():
    assert TASK.positive_weight == 0.8
    assert BoundaryDetection('boundary', positive_weight=0.95).positive_weight == 0.95


def test_metrics_are_those_of_boundaries_unless_the_config_says_otherwise():
    assert TASK.metrics() == [dict(type='BoundaryMetric', task='boundary')]
    by_loss = BoundaryDetection('boundary', metrics=[dict(type='LossMetric')])
    assert by_loss.metrics() == [dict(type='LossMetric', task='boundary')]


def test_flipping_mirrors_a_line_and_a_zoom_keeps_it_sharp():
    line = np.array([[[1.], [0.], [0.]]], np.float32)
    assert TASK.flip_target(line)[0, :, 0].tolist() == [0, 0, 1]
    assert TASK.interpolation == 'nearest'


def test_boundaries_are_drawn_white_on_dark_and_invalid_black():
    picture = TASK.draw(np.array([[[1., 0., 1.]]], np.float32), np.array([[True, True, False]]))
    assert picture.dtype == np.uint8 and picture.shape == (1, 3, 3)
    assert picture[0, 0].min() > 240 and 0 < picture[0, 1].max() < 100 and not picture[0, 2].any()
