import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lhl.losses import (
    DistillationViews,
    binary_views,
    cauchy_schwarz_divergence,
    class_views,
    dist_loss,
    inter_loss,
    intra_loss,
    kdam_loss,
    positive_views,
    signed_views,
    unit_vector_views,
)

#: Each function with the channels of its task and the largest absolute value of what it is given.
KINDS = dict(classes=(class_views, 5, 4), binary=(binary_views, 1, 4), positive=(positive_views, 1, 8),
             signed=(signed_views, 2, 30), unit_vectors=(unit_vector_views, 3, None))


def outputs(kind, seed, dtype=torch.float32, size=(6, 7)):
    """What a learner may predict for two images."""
    _, channels, largest = KINDS[kind]
    values = torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if kind == 'unit_vectors':
        values = torch.nn.functional.normalize(values, dim=1)
    elif kind == 'positive':
        values = largest * values.sigmoid()
    else:
        values = largest / 2 * values
    return values.to(dtype)


def shown(make, student, teacher):
    """The numbers of both after a function has prepared one image of one channel."""
    views = make(*(torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1) for values in (student, teacher)))
    return views.student.flatten().tolist(), views.teacher.flatten().tolist()


# ---- each kind of output -------------------------------------------------------------------------------------------

def test_classes_are_probabilities_softened_by_the_temperature():
    views = class_views(torch.tensor([2 * math.log(3), 0.0]).reshape(1, 2, 1, 1), torch.zeros(1, 2, 1, 1), 2.0)
    assert views.student.flatten().tolist() == pytest.approx([0.75, 0.25])
    assert views.teacher.flatten().tolist() == [0.5, 0.5]


def test_yes_or_no_becomes_two_classes():
    views = binary_views(torch.tensor([2 * math.log(3), 0.0]).reshape(1, 1, 1, 2), torch.zeros(1, 1, 1, 2), 2.0)
    assert views.student[0, :, 0].tolist() == [pytest.approx([0.25, 0.5]), pytest.approx([0.75, 0.5])]


def test_a_positive_map_starts_at_the_teacher_s_lowest_value():
    student, teacher = shown(positive_views, [1, 2, 6], [2, 2.5, 4])
    assert teacher == pytest.approx([1e-7, 0.5 + 1e-7, 2 + 1e-7]) and student == pytest.approx([1e-7, 1e-7, 4 + 1e-7])


def test_a_signed_map_is_measured_in_the_teacher_s_range():
    student, teacher = shown(signed_views, [-3, 0, 6], [-2, 1, 2])
    assert teacher == pytest.approx([1e-7, 0.75 + 1e-7, 1 + 1e-7])
    assert student == pytest.approx([1e-7, 0.5 + 1e-7, 2 + 1e-7])


def test_each_image_and_channel_has_a_range_of_its_own():
    teacher = torch.tensor([[0., 4.], [-10., 10.]]).reshape(1, 2, 1, 2)
    teacher = torch.cat([teacher, 100 + 3 * teacher])
    views = signed_views(teacher, teacher)
    assert views.student.flatten().tolist() == pytest.approx(4 * [1e-7, 1 + 1e-7])


def test_a_teacher_that_says_the_same_everywhere_is_finite():
    student = torch.tensor([2.0, 2.0, 5.0]).reshape(1, 1, 1, 3).requires_grad_()
    for make in (positive_views, signed_views):
        loss = kdam_loss(make(student, torch.full((1, 1, 1, 3), 2.0)))
        gradient, = torch.autograd.grad(loss, student)
        assert gradient.isfinite().all() and loss.isfinite() and loss > 0


@pytest.mark.parametrize('make', [positive_views, signed_views])
def test_a_student_below_all_that_the_teacher_says_has_a_loss_but_no_gradient(make):
    teacher = torch.tensor([2.0, 3.0, 5.0]).reshape(1, 1, 1, 3)
    student = torch.tensor([1.0, 1.5, 1.9]).reshape(1, 1, 1, 3).requires_grad_()
    loss = kdam_loss(make(student, teacher))
    loss.backward()
    # Against a constant: cos = (0 + 1 + 3) / sqrt(3 * 10), in the row and in the column.
    assert loss.item() == pytest.approx(-2 * math.log(4 / math.sqrt(30)), rel=1e-5)
    assert student.grad.flatten().tolist() == [0, 0, 0]


def test_two_directions_in_proportion_are_told_apart_by_their_image():
    one, other = torch.tensor([[1., 0., 0.], [-1 / 3, -2 / 3, -2 / 3]])
    beside = torch.tensor([0., 0., 1.])
    pair = [torch.stack([direction, beside], dim=1).reshape(1, 3, 1, 2) for direction in (one, other)]
    views = unit_vector_views(*pair)
    assert cauchy_schwarz_divergence(views.student, views.teacher, 1)[0, 0].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert inter_loss(cauchy_schwarz_divergence, views).item() > 0.05


def test_a_component_that_rounding_made_less_than_minus_1_is_not_negative():
    vectors = torch.tensor([0.0, 0.0, -1.0000001]).reshape(1, 3, 1, 1)
    assert unit_vector_views(vectors, vectors).student.flatten().tolist() == [0.5, 0.5, 0]


def test_a_shift_of_depth_is_seen_as_a_change_of_shape_and_a_scale_is_not():
    # Above the lowest, 0 to 7.5 metres: E[t^2] = 18.75, E[t (t + 5)] = 37.5, E[(t + 5)^2] = 81.25; once for the row,
    # once for the column.
    depths = torch.linspace(0.5, 8, 10_001).reshape(1, 1, 1, -1)
    shifted = kdam_loss(positive_views(depths + 5, depths)).item()
    assert shifted == pytest.approx(-2 * math.log(37.5 / math.sqrt(18.75 * 81.25)), rel=1e-3)
    assert kdam_loss(positive_views(0.5 + 3 * (depths - 0.5), depths)).item() == pytest.approx(0, abs=1e-9)


# ---- all kinds alike -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('loss', [kdam_loss, dist_loss])
@pytest.mark.parametrize('kind', KINDS)
def test_a_student_that_says_what_its_teacher_says_has_no_loss(kind, loss):
    student = outputs(kind, 0).requires_grad_()
    value = loss(KINDS[kind][0](student, student.detach()))
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert student.grad.abs().max() < 1e-5


@pytest.mark.parametrize('term', [dict(), dict(intra_weight=0), dict(inter_weight=0)])
@pytest.mark.parametrize('kind', KINDS)
def test_the_student_learns_at_every_pixel_and_the_teacher_does_not(kind, term):
    student, teacher = (outputs(kind, seed).requires_grad_() for seed in (0, 1))
    value = kdam_loss(KINDS[kind][0](student, teacher), **term)
    value.backward()
    assert value > 1e-3 and teacher.grad is None and student.grad.isfinite().all()
    above = student.amax(1) > teacher.amin((1, 2, 3)).reshape(2, 1, 1)
    assert (student.grad.abs().amax(1)[above] > 0).all() and above.float().mean() > 0.9


@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 99))
def test_views_are_not_negative_and_no_row_is_empty(kind, seed):
    views = KINDS[kind][0](outputs(kind, seed), outputs(kind, seed + 1))
    for values in views[:2]:
        assert values.shape == views.teacher.shape and (values >= 0).all() and values.isfinite().all()
        assert (values.sum(1) > 0).all()


@pytest.mark.parametrize('kind', KINDS)
def test_half_precision_is_computed_in_float32(kind):
    make, student, teacher = KINDS[kind][0], outputs(kind, 0, torch.bfloat16), outputs(kind, 1, torch.bfloat16)
    views = make(student, teacher)
    assert views.student.dtype == views.teacher.dtype == torch.float32
    assert torch.equal(kdam_loss(views), kdam_loss(make(student.float(), teacher.float())))


@pytest.mark.parametrize('kind', KINDS)
def test_a_step_down_the_gradient_lowers_the_loss(kind):
    student, teacher = outputs(kind, 0, torch.float64).requires_grad_(), outputs(kind, 1, torch.float64)
    loss = kdam_loss(KINDS[kind][0](student, teacher))
    gradient, = torch.autograd.grad(loss, student)
    moved = student.detach() - 1e-3 * gradient / gradient.abs().max()
    assert kdam_loss(KINDS[kind][0](moved, teacher)) < loss


# ---- rows and columns ----------------------------------------------------------------------------------------------

def test_a_class_that_the_teacher_never_sees_does_not_count():
    teacher = torch.tensor([2., 1., -40.]).reshape(1, 3, 1, 1).expand(2, 3, 4, 5)
    student = outputs('classes', 0)[:, :3, :4, :5]
    views = class_views(student, teacher)
    seen = cauchy_schwarz_divergence(views.student, views.teacher, (0, 2, 3))[:2]
    assert intra_loss(cauchy_schwarz_divergence, views).item() == pytest.approx(seen.mean().item())


def test_no_column_that_counts_is_no_loss_but_a_graph():
    student = outputs('classes', 0).requires_grad_()
    views = DistillationViews(student.softmax(1), torch.zeros_like(student), 'pixels')
    loss = intra_loss(cauchy_schwarz_divergence, views)
    loss.backward()
    assert loss == 0 and (student.grad == 0).all()


def test_the_pixels_of_a_batch_of_classes_may_come_in_any_order():
    student, teacher = outputs('classes', 0), outputs('classes', 1)
    order = torch.randperm(84, generator=torch.Generator().manual_seed(0))
    shuffled = [tensor.transpose(0, 1).flatten(1)[:, order].reshape(5, 2, 6, 7).transpose(0, 1)
                for tensor in (student, teacher)]
    torch.testing.assert_close(kdam_loss(class_views(*shuffled)), kdam_loss(class_views(student, teacher)))


def test_rows_know_one_image_and_columns_the_batch():
    student, teacher = outputs('positive', 0), outputs('positive', 1)
    views = positive_views(student, teacher)
    alone = [positive_views(student[i:i + 1], teacher[i:i + 1]) for i in range(2)]
    apart = sum(inter_loss(cauchy_schwarz_divergence, one) for one in alone) / 2
    torch.testing.assert_close(inter_loss(cauchy_schwarz_divergence, views), apart)
    # One channel of one image is the same vector as its row; of two images it is not.
    torch.testing.assert_close(intra_loss(cauchy_schwarz_divergence, alone[0]),
                               inter_loss(cauchy_schwarz_divergence, alone[0]))
    assert (intra_loss(cauchy_schwarz_divergence, views) - apart).abs() > 1e-5
