import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lhl.losses import kl_divergence_map


def pixel(*logits):
    return torch.tensor(logits).reshape(1, -1, 1, 1)


def random_logits(shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_odds_of_three_to_one_against_one_to_one_by_hand():
    # Teacher 1/2, 1/2; student 3/4, 1/4: ln(2/3)/2 + ln(2)/2 = ln(4/3)/2.
    divergence = kl_divergence_map(pixel(math.log(3), 0.0), pixel(0.0, 0.0))
    assert divergence.item() == pytest.approx(0.143841, abs=1e-6) == pytest.approx(math.log(4 / 3) / 2)


def test_the_teacher_comes_first_by_hand():
    # Teacher 3/4, 1/4; student 1/2, 1/2: 3/4 ln(3/2) + 1/4 ln(1/2).
    divergence = kl_divergence_map(pixel(0.0, 0.0), pixel(math.log(3), 0.0))
    assert divergence.item() == pytest.approx(0.75 * math.log(1.5) - 0.25 * math.log(2))


def test_the_temperature_divides_the_logits_and_its_square_multiplies_the_result_by_hand():
    divergence = kl_divergence_map(pixel(2 * math.log(3), 0.0), pixel(0.0, 0.0), temperature=2.0)
    assert divergence.item() == pytest.approx(4 * math.log(4 / 3) / 2)


@given(student=hnp.arrays('float64', (2, 4, 3, 2), elements=st.floats(-30, 30)),
       teacher=hnp.arrays('float64', (2, 4, 3, 2), elements=st.floats(-30, 30)), temperature=st.floats(0.5, 8))
def test_value_and_gradient_are_those_of_pytorch_s_own(student, teacher, temperature):
    results, teacher = [], torch.from_numpy(teacher)

    def of_pytorch(logits):
        return temperature**2 * F.kl_div((logits / temperature).log_softmax(1), (teacher / temperature).softmax(1),
                                         reduction='none').sum(1)

    for function in (lambda logits: kl_divergence_map(logits, teacher, temperature), of_pytorch):
        leaf = torch.from_numpy(student).requires_grad_()
        divergence = function(leaf)
        (divergence * torch.arange(12.).reshape(2, 3, 2)).sum().backward()
        results.append((divergence.detach(), leaf.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


def test_the_gradient_agrees_with_finite_differences():
    logits, teacher = random_logits((2, 3, 2, 2)).requires_grad_(), random_logits((2, 3, 2, 2), seed=1)
    assert torch.autograd.gradcheck(lambda z: kl_divergence_map(z, teacher, 2.0), logits)


@pytest.mark.parametrize('offset', [0.0, 1e4])
def test_equal_probabilities_have_no_divergence_and_no_gradient(offset):
    logits = random_logits((2, 5, 4, 4), dtype=torch.float32).requires_grad_()
    divergence = kl_divergence_map(logits, logits.detach().clone(), 2.0)
    divergence.sum().backward()
    assert (divergence == 0).all() and (logits.grad == 0).all()
    # Softmax does not see a common offset, but float32 rounds the logits.
    torch.testing.assert_close(kl_divergence_map(logits, logits.detach() + offset), divergence, atol=1e-5, rtol=0)


def test_the_gradient_of_small_logits_does_not_depend_on_the_temperature_to_first_order():
    gradients = []
    for temperature in (1.0, 2.0, 8.0):
        logits = (1e-3 * random_logits((1, 4, 3, 3))).requires_grad_()
        kl_divergence_map(logits, 1e-3 * random_logits((1, 4, 3, 3), seed=1), temperature).mean().backward()
        gradients.append(logits.grad)
    for gradient in gradients[1:]:
        torch.testing.assert_close(gradient, gradients[0], rtol=1e-2, atol=1e-7)
    assert gradients[0].abs().max() > 1e-5


def test_the_mean_over_pixels_does_not_change_when_the_image_is_tiled():
    student, teacher = random_logits((2, 3, 4, 5)), random_logits((2, 3, 4, 5), seed=1)
    one, four = (kl_divergence_map(student.repeat(1, 1, n, n), teacher.repeat(1, 1, n, n), 2.0).mean() for n in (1, 2))
    torch.testing.assert_close(one, four)


def test_rounding_makes_no_loss_negative_and_takes_no_gradient():
    teacher = random_logits((1, 13, 64, 64), dtype=torch.float32)
    logits = (teacher + 1e-5 * random_logits(teacher.shape, seed=1, dtype=torch.float32)).requires_grad_()
    divergence = kl_divergence_map(logits, teacher)
    divergence.sum().backward()
    assert (divergence >= 0).all() and (divergence == 0).any()
    assert (logits.grad.abs().amax(1) > 0).all()


def test_certain_pixels_stay_finite():
    logits = pixel(1e4, -1e4, 0.0).requires_grad_()
    divergence = kl_divergence_map(logits, pixel(-1e4, 1e4, 0.0))
    divergence.sum().backward()
    assert divergence.item() == pytest.approx(2e4) and logits.grad.flatten().tolist() == [1, -1, 0]


def test_half_precision_is_computed_in_float32():
    logits, teacher = random_logits((1, 3, 4, 4)).bfloat16().requires_grad_(), random_logits((1, 3, 4, 4), 1).bfloat16()
    divergence = kl_divergence_map(logits, teacher)
    divergence.sum().backward()
    assert divergence.dtype == torch.float32 and logits.grad.dtype == torch.bfloat16
    torch.testing.assert_close(divergence, kl_divergence_map(logits.detach().float(), teacher.float()))


def test_student_and_teacher_are_left_alone_and_the_teacher_gets_no_gradient():
    logits, teacher = (random_logits((1, 3, 4, 4), seed).requires_grad_() for seed in (0, 1))
    before = logits.detach().clone(), teacher.detach().clone()
    loss = kl_divergence_map(logits, teacher, 3.0).sum()
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(logits, before[0]) and torch.equal(teacher, before[1])
    loss.backward()
    assert teacher.grad is None
