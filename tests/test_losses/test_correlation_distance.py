import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lhl.losses import binary_views, class_views, dist_loss, pearson_distance, positive_views


def distance(p, q):
    return pearson_distance(torch.as_tensor(p), torch.as_tensor(q), -1)


def random(shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize('p, q, expected', [
    ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], 0.5), ([1.0, 2.0, 3.0], [30.0, 20.0, 10.0], 2.0),
    ([0.0, 0.0, 1.0], [0.0, 1.0, 0.0], 1.5), ([1.0, 2.0, 3.0], [-1.0, 1.0, 3.0], 0.0)])
def test_by_hand(p, q, expected):
    assert distance(p, q).item() == pytest.approx(expected, abs=1e-6)


def test_it_is_the_correlation_that_numpy_computes():
    p, q = (random((6, 9), seed) for seed in (0, 1))
    expected = [1 - np.corrcoef(first, second)[0, 1] for first, second in zip(p.numpy(), q.numpy(), strict=True)]
    np.testing.assert_allclose(distance(p, q), expected, rtol=1e-12)
    torch.testing.assert_close(pearson_distance(p.T, q.T, 0), distance(p, q))


@given(p=hnp.arrays('float64', 5, elements=st.floats(-10, 10)), scale=st.floats(0.1, 10), shift=st.floats(-10, 10))
def test_it_sees_neither_scale_nor_shift_and_stays_in_its_range(p, scale, shift):
    q = random(5)
    assert -1e-9 <= distance(p, q) <= 2 + 1e-9
    torch.testing.assert_close(distance(p, scale * q + shift), distance(p, q))


@pytest.mark.parametrize('constant', [0.0, 1 / 3, 1e4])
def test_a_constant_vector_is_as_far_as_an_unrelated_one_with_a_bounded_gradient(constant):
    p = torch.full((2, 7), constant, dtype=torch.float32, requires_grad=True)
    value = distance(p, random((2, 7), dtype=torch.float32))
    value.sum().backward()
    torch.testing.assert_close(value, torch.ones(2), atol=1e-2, rtol=0)
    assert p.grad.isfinite().all() and p.grad.abs().max() <= 1e4


def test_the_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(distance, [random((3, 4), seed).requires_grad_() for seed in (0, 1)])


def test_half_precision_and_autocast_are_computed_in_float32():
    p, q = (random((2, 1000), seed).bfloat16() for seed in (0, 1))
    with torch.autocast('cpu', torch.bfloat16):
        found = distance(p, q)
    assert found.dtype == torch.float32 and torch.equal(found, distance(p.float(), q.float()))


# ---- the loss ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_rows_and_columns_of_probabilities_are_those_of_numpy(temperature):
    student, teacher = random((2, 4, 3, 5)), random((2, 4, 3, 5), 1)

    def table(logits):
        exponentials = np.exp(np.moveaxis(logits.numpy(), 1, -1).reshape(-1, 4) / temperature)
        return exponentials / exponentials.sum(1, keepdims=True)

    def mean(first, second):
        return np.mean([1 - np.corrcoef(p, q)[0, 1] for p, q in zip(first, second, strict=True)])

    inter, intra = mean(table(student), table(teacher)), mean(table(student).T, table(teacher).T)
    views = class_views(student, teacher, temperature)
    assert dist_loss(views).item() == pytest.approx(inter + intra)
    assert dist_loss(views, 0.5, 2).item() == pytest.approx(0.5 * inter + 2 * intra)
    assert dist_loss(views, intra_weight=0).item() == pytest.approx(inter)


def test_rows_of_a_positive_map_may_be_off_by_scale_and_shift_but_columns_know_the_batch():
    teacher = random((2, 1, 4, 5)).exp()
    one, two = (positive_views(torch.stack([3 * teacher[0] + 2, teacher[1]])[:n], teacher[:n]) for n in (1, 2))
    assert dist_loss(one).item() == pytest.approx(0, abs=1e-9)
    assert dist_loss(two, intra_weight=0).item() == pytest.approx(0, abs=1e-9)
    assert dist_loss(two, inter_weight=0).item() > 0.01


def test_rows_of_two_classes_only_say_which_is_likelier():
    logits = torch.tensor([1.0, -2.0, 3.0, 0.5], dtype=torch.float64).reshape(1, 1, 2, 2).requires_grad_()
    teacher = torch.tensor([0.1, -1.0, -2.0, 4.0], dtype=torch.float64).reshape(1, 1, 2, 2)
    rows = dist_loss(binary_views(logits, teacher), intra_weight=0)
    assert rows.item() == pytest.approx(2 / 4)  # one of four disagrees, which is 2
    assert torch.autograd.grad(rows, logits)[0].abs().max() < 1e-12
    columns = dist_loss(binary_views(logits, teacher), inter_weight=0)
    assert torch.autograd.grad(columns, logits)[0].abs().min() > 1e-4
