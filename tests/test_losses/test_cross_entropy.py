import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lhl.losses import cross_entropy_map, smoothed_cross_entropy_map


def random_logits(shape, scale=1.0, seed=0, dtype=torch.float64):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_labels(shape, num_classes, seed=1):
    return torch.randint(num_classes, shape, generator=torch.Generator().manual_seed(seed))


def test_odds_of_three_to_one_by_hand():
    logits = torch.tensor([math.log(3), 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 2)
    loss = cross_entropy_map(logits, torch.tensor([[[0, 1]]]))
    torch.testing.assert_close(loss, torch.tensor([[[math.log(4 / 3), math.log(4)]]]))


@given(logits=hnp.arrays('float64', (2, 4, 3, 2), elements=st.floats(-50, 50)),
       labels=hnp.arrays('int64', (2, 3, 2), elements=st.integers(0, 3)))
def test_value_and_gradient_are_pytorch_s_own(logits, labels):
    results, labels = [], torch.from_numpy(labels)
    for function in (cross_entropy_map, lambda z, y: F.cross_entropy(z, y, reduction='none')):
        leaf = torch.from_numpy(logits).requires_grad_()
        loss = function(leaf, labels)
        (loss * torch.arange(12.).reshape(2, 3, 2)).sum().backward()
        results.append((loss.detach(), leaf.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_gradients_agree_with_finite_differences():
    logits, labels = random_logits((2, 5, 3, 3)).requires_grad_(), random_labels((2, 3, 3), 5)
    assert torch.autograd.gradcheck(lambda z: cross_entropy_map(z, labels), logits)


@pytest.mark.parametrize('offset', [3e4, -3e4])
def test_a_common_offset_changes_nothing_and_does_not_overflow(offset):
    logits, labels = random_logits((1, 3, 4, 4)), random_labels((1, 4, 4), 3)
    torch.testing.assert_close(cross_entropy_map(logits + offset, labels), cross_entropy_map(logits, labels))


@pytest.mark.parametrize('margin', [1.0, 5.0, 12.0])
def test_the_loss_and_gradient_of_a_certain_pixel_keep_their_precision_in_float32(margin):
    logits = torch.tensor([1000.0 + margin, 1000.0]).reshape(1, 2, 1, 1).requires_grad_()
    loss = cross_entropy_map(logits, torch.zeros(1, 1, 1, dtype=torch.int64))
    loss.sum().backward()
    assert loss.item() == pytest.approx(math.log1p(math.exp(-margin)), rel=0.02)
    assert logits.grad.flatten().tolist() == pytest.approx([-1 / (1 + math.exp(margin)), 1 / (1 + math.exp(margin))],
                                                           rel=0.02)


@pytest.mark.parametrize('scale', [1.0, 100.0, 1e4])
def test_the_loss_is_never_negative_and_no_gradient_exceeds_1(scale):
    logits = random_logits((2, 7, 8, 8), scale, dtype=torch.float32).requires_grad_()
    for labels in (logits.argmax(1), random_labels((2, 8, 8), 7)):
        logits.grad = None
        loss = cross_entropy_map(logits, labels)
        loss.sum().backward()
        assert (loss >= 0).all() and loss.isfinite().all()
        assert logits.grad.abs().max() <= 1


def test_half_precision_logits_are_computed_in_float32_and_get_half_precision_gradients():
    logits = random_logits((1, 3, 4, 4)).bfloat16().requires_grad_()
    labels = random_labels((1, 4, 4), 3)
    loss = cross_entropy_map(logits, labels)
    loss.sum().backward()
    assert loss.dtype == torch.float32 and logits.grad.dtype == torch.bfloat16
    torch.testing.assert_close(loss, cross_entropy_map(logits.detach().float(), labels))


def test_the_logits_are_left_alone():
    logits = random_logits((1, 3, 4, 4))
    before = logits.clone()
    loss = cross_entropy_map(logits.requires_grad_(), random_labels((1, 4, 4), 3))
    loss.sum().backward()
    assert torch.equal(logits, before)


def test_going_back_twice_gives_the_same_gradient():
    logits = random_logits((1, 3, 4, 4)).requires_grad_()
    loss = cross_entropy_map(logits, random_labels((1, 4, 4), 3)).sum()
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


# ---- smoothed labels -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('smoothing', [0.0, 0.1, 0.7])
def test_smoothed_labels_give_pytorch_s_value_and_gradient(smoothing):
    logits, labels = random_logits((2, 5, 3, 4), scale=3.0).requires_grad_(), random_labels((2, 3, 4), 5)
    results = []
    for loss in (smoothed_cross_entropy_map(logits, labels, smoothing),
                 F.cross_entropy(logits, labels, reduction='none', label_smoothing=smoothing)):
        results.append((loss.detach(), *torch.autograd.grad(loss.square().sum(), logits)))
    torch.testing.assert_close(*results)


def test_smoothed_labels_of_certain_logits_by_hand():
    # Two classes, smoothing 0.2: the label has 0.9. Logits (ln 9, 0) are those very odds: the loss is their entropy.
    loss = smoothed_cross_entropy_map(torch.tensor([math.log(9), 0.0]).reshape(1, 2, 1, 1), torch.tensor([[[0]]]), 0.2)
    assert loss.item() == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1))


def test_smoothed_labels_are_computed_in_float32_from_half_precision():
    logits = random_logits((1, 3, 1, 1), dtype=torch.bfloat16)
    assert smoothed_cross_entropy_map(logits, torch.tensor([[[1]]]), 0.1).dtype == torch.float32
