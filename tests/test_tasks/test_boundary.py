import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lhl.errors import ConfigError
from lhl.tasks import BoundaryDetection, SaliencyEstimation

TASK = BoundaryDetection('boundary')


def row_of(*pixels):
    """One image of one row: ``(1, 1, 1, W)``."""
    return torch.tensor([[[pixels]]])


def test_boundaries_weigh_eight_tenths_and_the_rest_two():
    # A probability of 3/4.
    loss_map = TASK.loss_map(row_of(math.log(3), math.log(3)), row_of(1., 0.))
    torch.testing.assert_close(loss_map, torch.tensor([[[0.8 * math.log(4 / 3), 0.2 * math.log(4)]]]))


@settings(deadline=None)  # the first example also pays for what torch loads lazily
@given(weight=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_the_loss_is_pytorch_s_weighted_one_over_one_over_one_minus_the_weight(weight, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(2, 1, 3, 4, dtype=torch.float64, generator=generator)
    target = torch.randint(2, (2, 1, 3, 4), generator=generator).double()
    expected = F.binary_cross_entropy_with_logits(
        logits, target, reduction='none', pos_weight=torch.tensor(weight / (1 - weight))) / (1 / (1 - weight))
    loss_map = BoundaryDetection('edges', positive_weight=weight).loss_map(logits, target)
    torch.testing.assert_close(loss_map, expected[:, 0], rtol=1e-5, atol=1e-12)


def test_half_a_weight_is_half_the_loss_without_one():
    logits, target = row_of(-2., 0.5, 3.), row_of(1., 0., 0.)
    half, plain = (BoundaryDetection('b', weight).loss_map(logits, target) for weight in (0.5, None))
    torch.testing.assert_close(half, plain / 2)
    torch.testing.assert_close(plain, SaliencyEstimation('s').loss_map(logits, target))


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


@pytest.mark.parametrize('weight', [0, 1, -0.1, 1.5, float('nan')])
def test_a_weight_that_leaves_one_answer_without_any_is_refused(weight):
    with pytest.raises(ConfigError, match=f"task 'boundary' has positive_weight={weight}, expected a number between 0"):
        BoundaryDetection('boundary', positive_weight=weight)


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
