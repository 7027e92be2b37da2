import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lhl.errors import ConfigError
from lhl.losses import distribution_balanced_loss
from lhl.tasks import Classification

TASK = Classification('rooms', num_classes=3)


def logits_of(*pixels):
    """One image of one row, a tuple of logits per pixel: ``(1, C, 1, W)``."""
    return torch.tensor(pixels).T[None, :, None]


def random_logits(shape, scale=1.0, seed=0, dtype=torch.float32):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_loss_map_of_odds_three_to_one_by_hand():
    # Probabilities 3/5, 1/5, 1/5.
    logits = logits_of(*[(math.log(3), 0., 0.)] * 3)
    loss_map = TASK.loss_map(logits, torch.tensor([[[0, 1, 2]]]))
    torch.testing.assert_close(loss_map, torch.tensor([[[math.log(5 / 3), math.log(5), math.log(5)]]]))


def test_loss_map_is_log_sum_exp_minus_the_label_s_logit():
    logits, labels = random_logits((2, 3, 4, 5), dtype=torch.float64), torch.arange(40).reshape(2, 4, 5) % 3
    expected = np.log(np.exp(logits.numpy()).sum(1)) - np.take_along_axis(
        logits.numpy(), labels.numpy()[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(TASK.loss_map(logits, labels).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize('offset', [1e4, -1e4])
def test_large_logits_do_not_overflow(offset):
    loss_map = TASK.loss_map(logits_of((offset, offset, offset - 100)), torch.tensor([[[2]]]))
    assert loss_map.item() == pytest.approx(100 + math.log(2), rel=1e-6)


def test_loss_averages_over_the_valid_pixels():
    logits = logits_of((0., 0., 0.), (50., 0., 0.), (0., 0., 0.))
    valid = torch.tensor([[[True, True, False]]])
    loss = TASK.loss(logits, torch.tensor([[[1, 0, 2]]]), valid)
    assert loss.item() == pytest.approx(math.log(3) / 2)


def test_nothing_valid_gives_0_with_a_graph():
    logits = random_logits((2, 3, 2, 2)).requires_grad_()
    loss = TASK.loss(logits, torch.zeros(2, 2, 2, dtype=torch.int64), torch.zeros(2, 2, 2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and (logits.grad == 0).all()


def test_the_prediction_is_the_logits():
    logits = random_logits((1, 3, 2, 2))
    assert torch.equal(TASK.predict(logits), logits)


def test_pseudo_label_is_the_most_likely_class_in_the_ground_truth_s_form():
    pseudo_label = TASK.pseudo_label(logits_of((1., 5., 2.), (-1., -3., -2.), (0., 0., .1)))
    assert pseudo_label.tolist() == [[[1, 0, 2]]] and pseudo_label.dtype == torch.int64


def test_distilling_a_prediction_into_itself_costs_minus_log_of_its_highest_probability():
    logits = random_logits((2, 3, 4, 4))
    torch.testing.assert_close(TASK.loss_map(logits, TASK.pseudo_label(logits)),
                               -logits.softmax(1).amax(1).log())


def test_the_soft_loss_map_is_the_divergence_of_softened_probabilities_by_hand():
    # At a temperature of 2: 3/4, 1/4, 0 against 1/2, 1/2, 0.
    student, teacher = logits_of((2 * math.log(3), 0., -90.)), logits_of((0., 0., -90.))
    assert TASK.soft_loss_map(student, teacher, 2.0).item() == pytest.approx(4 * 0.143841, abs=1e-5)


def test_only_minus_one_is_unlabelled():
    assert TASK.has_target(np.array([[-1, 0], [1, 2]])).tolist() == [[False, True], [True, True]]


def test_groups_are_the_classes_whatever_threshold_or_intervals():
    labels = torch.tensor([[[0, 2], [2, 2]]])
    for num_intervals in (None, 5):
        index, count = TASK.groups(labels, 0.9, num_intervals)
        assert torch.equal(index, labels) and count == 3


@pytest.mark.parametrize('scale', [0.0, 1.0, 10.0, 100.0])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_the_gradient_of_the_geometric_mean_of_cross_entropies_is_bounded(scale, dtype):
    # (1 - p) / -log(p) <= 1 cancels the 1 / loss of the geometric mean, from logits that are certain to any degree.
    logits = random_logits((1, 3, 16, 16), scale, dtype=dtype).requires_grad_()
    labels = TASK.pseudo_label(logits)
    labels[:, :2] = 0
    loss = distribution_balanced_loss(TASK.loss_map(logits, labels), torch.zeros_like(labels), 1)
    loss.sum().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().max().item() <= 2 * max(1.0, loss.item()) / 256


def test_loss_gradient_is_probability_minus_label():
    logits = random_logits((1, 3, 2, 2), dtype=torch.float64).requires_grad_()
    labels = torch.tensor([[[0, 1], [2, 1]]])
    TASK.loss_map(logits, labels).sum().backward()
    expected = logits.detach().softmax(1) - F.one_hot(labels, 3).movedim(-1, 1)
    torch.testing.assert_close(logits.grad, expected)


@pytest.mark.parametrize('options, message', [
    (dict(classes=['wall', 'floor']), r"'rooms' has 2 classes but num_classes=3; give one per class"),
    (dict(palette=[(0, 0, 0)] * 4), r"'rooms' has 4 palette but num_classes=3"),
])
def test_a_wrong_number_of_names_or_colours_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Classification('rooms', num_classes=3, **options)


def test_classes_without_names_are_numbered_and_get_different_colours():
    task = Classification('rooms', num_classes=40)
    assert task.classes[0] == 'class 0' and len(task.classes) == 40
    assert len({tuple(colour) for colour in task.palette.tolist()}) == 40


@pytest.mark.parametrize('label', [-1, 3])
def test_a_label_out_of_range_is_refused_where_it_is_valid(label):
    labels = np.array([[0, 2], [1, label]])
    with pytest.raises(ValueError, match=f'found labels from {min(0, label)} to {max(2, label)}, expected 0 to 2'):
        TASK.check_target(labels, np.ones((2, 2), bool))
    TASK.check_target(labels, np.array([[True, True], [True, False]]))
    TASK.check_target(labels, np.zeros((2, 2), bool))


def test_flipping_mirrors_and_zooming_changes_no_class():
    labels = np.array([[0, 1, 2]])
    assert TASK.flip_target(labels).tolist() == [[2, 1, 0]]
    assert TASK.zoom_target(labels, 1.5).tolist() == [[0, 1, 2]]
    assert TASK.interpolation == 'nearest'


# ---- smoothed labels -----------------------------------------------------------------------------------------------

def test_smoothed_labels_change_l_new_alone():
    smooth = Classification('rooms', num_classes=3, label_smoothing=0.1)
    logits, labels = random_logits((2, 3, 4, 5), scale=2.0), torch.arange(40).reshape(2, 4, 5) % 3
    valid = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(1)) > 0.3
    expected = F.cross_entropy(logits, labels.where(valid, torch.tensor(-1)), ignore_index=-1, label_smoothing=0.1)
    torch.testing.assert_close(smooth.loss(logits, labels, valid), expected)
    assert torch.equal(smooth.loss_map(logits, labels), TASK.loss_map(logits, labels))
    teacher = logits.flip(1)
    assert torch.equal(smooth.soft_loss_map(logits, teacher, 2.0), TASK.soft_loss_map(logits, teacher, 2.0))


@pytest.mark.parametrize('smoothing', [-0.1, 1.0])
def test_an_impossible_smoothing_is_refused(smoothing):
    with pytest.raises(ConfigError, match=f'label_smoothing={smoothing}, expected a number from 0 to below 1'):
        Classification('rooms', num_classes=3, label_smoothing=smoothing)
