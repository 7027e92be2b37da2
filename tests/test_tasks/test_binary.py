import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lhl.errors import ConfigError
from lhl.losses import distribution_balanced_loss
from lhl.tasks import Binary

TASK = Binary('answer')


def row_of(*pixels):
    """One image of one row: ``(1, 1, 1, W)``."""
    return torch.tensor([[[pixels]]])


def random_logits(shape, scale=1.0, seed=0, dtype=torch.float32):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_loss_map_of_odds_three_to_one_by_hand():
    # A probability of 3/4.
    loss_map = TASK.loss_map(row_of(math.log(3), math.log(3)), row_of(1., 0.))
    torch.testing.assert_close(loss_map, torch.tensor([[[math.log(4 / 3), math.log(4)]]]))


def test_loss_map_is_the_cross_entropy_of_two_classes():
    logits = random_logits((2, 1, 4, 5), 5.0, dtype=torch.float64)
    target = (random_logits((2, 1, 4, 5), seed=1, dtype=torch.float64) > 0).double()
    x, y = logits.numpy()[:, 0], target.numpy()[:, 0]
    expected = y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)
    np.testing.assert_allclose(TASK.loss_map(logits, target), expected, rtol=1e-12)


@pytest.mark.parametrize('logit', [40., -40., 90., -90.])
def test_the_loss_of_a_certain_and_right_answer_keeps_its_digits(logit):
    loss = TASK.loss_map(row_of(logit), row_of(float(logit > 0)))
    assert loss.item() == pytest.approx(math.exp(-abs(logit)), rel=1e-5, abs=0) and loss.item() > 0


@pytest.mark.parametrize('logit', [1e4, -1e4, 1e30, -1e30])
def test_extreme_logits_have_their_size_as_loss_where_they_are_wrong_and_a_finite_gradient(logit):
    logits = row_of(logit, logit).requires_grad_()
    loss_map = TASK.loss_map(logits, row_of(float(logit < 0), float(logit > 0)))
    loss_map.sum().backward()
    assert loss_map.flatten().tolist() == pytest.approx([abs(logit), 0])
    assert logits.grad.flatten().tolist() == [math.copysign(1, logit), 0]


def test_the_gradient_is_probability_minus_target():
    logits = random_logits((1, 1, 3, 4), dtype=torch.float64).requires_grad_()
    target = (random_logits((1, 1, 3, 4), seed=1) > 0).double()
    TASK.loss_map(logits, target).sum().backward()
    torch.testing.assert_close(logits.grad, 1 / (1 + (-logits.detach()).exp()) - target)


def test_loss_averages_over_the_valid_pixels():
    valid = torch.tensor([[[True, True, False]]])
    loss = TASK.loss(row_of(0., 90., 7.), row_of(1., 1., 0.), valid)
    assert loss.item() == pytest.approx(math.log(2) / 2)


def test_a_batch_of_images_keeps_every_image_s_own_target():
    target = torch.tensor([0., 1.]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert (TASK.loss_map(100 * (2 * target - 1), target) < 1e-30).all()


def test_prediction_is_the_logit():
    logits = row_of(-math.log(3), 0., math.log(3))
    assert TASK.predict(logits) is logits


def test_pseudo_label_is_1_above_a_logit_of_0_in_the_ground_truth_s_form():
    pseudo_label = TASK.pseudo_label(row_of(-3., 0., 1e-6, 5.))
    assert pseudo_label.tolist() == [[[[0, 0, 1, 1]]]] and pseudo_label.dtype == torch.float32


def test_distilling_a_prediction_into_itself_costs_minus_log_of_its_higher_probability():
    logits = random_logits((2, 1, 4, 4))
    expected = -torch.maximum(logits.sigmoid(), 1 - logits.sigmoid()).log()
    torch.testing.assert_close(TASK.loss_map(logits, TASK.pseudo_label(logits)), expected[:, 0])
    certain = 200 * (2 * TASK.pseudo_label(logits) - 1)
    assert (TASK.loss_map(certain, TASK.pseudo_label(certain)) == 0).all()


def test_the_soft_loss_map_is_the_divergence_of_softened_probabilities_by_hand():
    # At a temperature of 2 the student's probabilities are 1/4 and 3/4, the teacher's 1/2 and 1/2:
    # 1/2 log(1/2 : 3/4) + 1/2 log(1/2 : 1/4) = 0.143841, and with the roles exchanged 3/4 log(3/2) - 1/4 log 2.
    three_to_one, even = row_of(2 * math.log(3)), row_of(0.)
    assert TASK.soft_loss_map(three_to_one, even, 2.0).item() == pytest.approx(4 * 0.143841, abs=1e-5)
    assert TASK.soft_loss_map(even, three_to_one, 2.0).item() == pytest.approx(
        4 * (0.75 * math.log(1.5) - 0.25 * math.log(2)), abs=1e-5)


def test_the_soft_loss_map_is_0_for_the_teacher_s_own_logits_and_survives_extreme_ones():
    logits = random_logits((1, 1, 4, 4), 3.0)
    assert (TASK.soft_loss_map(logits, logits, 3.0) == 0).all()
    student = row_of(-1e4, 1e4).requires_grad_()
    loss_map = TASK.soft_loss_map(student, row_of(1e4, 1e4), 1.0)
    loss_map.sum().backward()
    assert loss_map.flatten().tolist() == [1e4, 0] and student.grad.flatten().tolist() == [-1, 0]


def test_there_is_a_group_for_each_answer_whatever_threshold_or_intervals():
    for num_intervals in (None, 5):
        index, count = TASK.groups(torch.tensor([[[[0., 1.], [1., 1.]]]]), 0.9, num_intervals)
        assert index.tolist() == [[[0, 1], [1, 1]]] and count == 2 and index.dtype == torch.int64
    index, count = TASK.groups(torch.ones(1, 1, 2, 2), 0.9)  # a constant answer keeps its own group
    assert (index == 1).all() and count == 2


@pytest.mark.parametrize('scale', [0.0, 1.0, 10.0, 100.0])
def test_the_gradient_of_the_geometric_mean_of_the_losses_is_bounded(scale):
    # (1 - p) / -log(p) <= 1 cancels the 1 / loss of the geometric mean, from logits that are certain to any degree.
    logits = random_logits((1, 1, 16, 16), scale).requires_grad_()
    target = TASK.pseudo_label(logits.detach())
    target[:, :, :2] = 0
    loss = distribution_balanced_loss(TASK.loss_map(logits, target), torch.zeros(1, 16, 16, dtype=torch.int64), 1)
    loss.sum().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().max().item() <= 2 * max(1.0, loss.item()) / 256


@pytest.mark.parametrize('value, message', [
    (0.5, 'found a value of 0.5 among the valid pixels, expected 0 or 1; compare the map with a threshold'),
    (255.0, 'found a value of 255 among the valid pixels, expected 0 or 1'),
    (-1.0, 'found a value of -1'),
    (np.nan, 'found 1 values that are NaN or infinite'),
])
def test_what_is_neither_0_nor_1_is_refused_where_it_is_valid(value, message):
    target = np.array([[[1.], [0.], [value]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True, True]]))
    TASK.check_target(target, np.array([[True, True, False]]))
    TASK.check_target(target, np.zeros((1, 3), bool))


def test_0_is_an_answer_like_1():
    assert TASK.has_target(np.zeros((2, 3, 1), np.float32)).all()


def test_flipping_mirrors_and_zooming_mixes_no_answers():
    target = np.array([[[0.], [1.], [1.]]], np.float32)
    assert TASK.flip_target(target)[0, :, 0].tolist() == [1, 1, 0]
    assert TASK.zoom_target(target, 1.5).tolist() == target.tolist() and TASK.interpolation == 'nearest'


# ---- a weight for the pixels that are 1 ----------------------------------------------------------------------------

@settings(deadline=None)  # the first example also pays for what torch loads lazily
@given(weight=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_the_loss_is_pytorch_s_weighted_one_over_one_over_one_minus_the_weight(weight, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(2, 1, 3, 4, dtype=torch.float64, generator=generator)
    target = torch.randint(2, (2, 1, 3, 4), generator=generator).double()
    expected = F.binary_cross_entropy_with_logits(
        logits, target, reduction='none', pos_weight=torch.tensor(weight / (1 - weight))) / (1 / (1 - weight))
    loss_map = Binary('answer', positive_weight=weight).loss_map(logits, target)
    torch.testing.assert_close(loss_map, expected[:, 0], rtol=1e-5, atol=1e-12)


def test_half_a_weight_is_half_the_loss_without_one():
    logits, target = row_of(-2., 0.5, 3.), row_of(1., 0., 0.)
    half, plain = (Binary('answer', weight).loss_map(logits, target) for weight in (0.5, None))
    torch.testing.assert_close(half, plain / 2)
    torch.testing.assert_close(plain, TASK.loss_map(logits, target))


@pytest.mark.parametrize('weight', [0, 1, -0.1, 1.5, float('nan')])
def test_a_weight_that_leaves_one_answer_without_any_is_refused(weight):
    with pytest.raises(ConfigError, match=f"task 'answer' has positive_weight={weight}, expected a number between 0"):
        Binary('answer', positive_weight=weight)
