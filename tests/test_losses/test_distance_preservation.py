import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lhl.losses import distance_preservation_loss

LATENTS = hnp.arrays(np.float64, (2, 5, 3), elements=st.floats(-10, 10))
GROUPS = hnp.arrays(np.int64, (2, 2, 5), elements=st.integers(0, 2))
#: Three points of two channels: half squared distances 2 (0-1), 8 (0-2), 10 (1-2).
POINTS = torch.tensor([[[0., 0.], [2., 0.], [0., 4.]]])
#: The same with 2, 2, 4.
OTHER_POINTS = torch.tensor([[[0., 0.], [2., 0.], [0., 2.]]])


def one_group(batch_size, count):
    return torch.zeros(1, batch_size, count, dtype=torch.int64)


def random_latents(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_loops(latents, teacher_latents, groups):
    losses = []
    for image in range(len(latents)):
        total, count = 0, latents.shape[1]
        for i in range(count):
            for j in range(count):
                distances = [((points[image, i] - points[image, j])**2).mean() for points in (latents, teacher_latents)]
                together = np.mean([partition[image, i] == partition[image, j] for partition in groups])
                total += together * (distances[0] - distances[1])**2
        losses.append(total / count**2)
    return np.array(losses)


# ---- values --------------------------------------------------------------------------------------------------------

def test_three_points_by_hand():
    # Of the nine pairs (0, 2) and (2, 0) deviate by 6, (1, 2) and (2, 1) by 6.
    assert distance_preservation_loss(POINTS, OTHER_POINTS, one_group(1, 3)).item() == pytest.approx(4 * 36 / 9)


def test_pairs_of_different_groups_are_ignored():
    groups = torch.tensor([[[0, 1, 0]]])
    assert distance_preservation_loss(POINTS, OTHER_POINTS, groups).item() == pytest.approx(2 * 36 / 9)
    groups = torch.tensor([[[0, 0, 1]]])
    assert distance_preservation_loss(POINTS, OTHER_POINTS, groups).item() == pytest.approx(0, abs=1e-9)


def test_partitions_are_averaged():
    partitions = torch.tensor([[[0, 0, 0]], [[0, 1, 0]], [[0, 0, 1]], [[0, 1, 2]]])
    expected = sum(distance_preservation_loss(POINTS, OTHER_POINTS, groups[None]).item() for groups in partitions) / 4
    assert distance_preservation_loss(POINTS, OTHER_POINTS, partitions).item() == pytest.approx(expected)


@given(LATENTS, LATENTS, GROUPS)
def test_it_is_the_double_sum_of_its_formula(latents, teacher_latents, groups):
    found = distance_preservation_loss(*(torch.from_numpy(array) for array in (latents, teacher_latents, groups)))
    np.testing.assert_allclose(found, by_loops(latents, teacher_latents, groups), rtol=1e-6, atol=1e-9)


@given(LATENTS, st.floats(0.1, 10))
def test_channels_may_be_repeated_and_teacher_and_student_differ_in_width(latents, scale):
    latents, groups = torch.from_numpy(latents), one_group(2, 5)
    repeated = torch.cat([latents, latents], 2)
    torch.testing.assert_close(
        distance_preservation_loss(scale * latents, repeated, groups),
        distance_preservation_loss(scale * latents, latents, groups))


# ---- invariances ---------------------------------------------------------------------------------------------------

@given(st.integers(0, 2**31), st.floats(-100, 100))
def test_neither_a_rotation_nor_a_shift_of_the_latents_changes_it(seed, shift):
    latents, teacher_latents = random_latents(2, 7, 4, seed=seed), random_latents(2, 7, 4, seed=seed + 1)
    rotation, _ = torch.linalg.qr(random_latents(4, 4, seed=seed + 2))
    groups = torch.randint(2, (3, 2, 7), generator=torch.Generator().manual_seed(seed))
    loss = distance_preservation_loss(latents, teacher_latents, groups)
    torch.testing.assert_close(distance_preservation_loss(latents @ rotation + shift, teacher_latents, groups), loss)
    torch.testing.assert_close(distance_preservation_loss(latents, teacher_latents @ rotation, groups), loss)
    assert (distance_preservation_loss(teacher_latents @ rotation, teacher_latents, groups) < 1e-20).all()


def test_no_image_influences_another():
    latents, teacher_latents = random_latents(3, 6, 4), random_latents(3, 6, 4, seed=1)
    groups = torch.randint(2, (2, 3, 6), generator=torch.Generator().manual_seed(0))
    together = distance_preservation_loss(latents, teacher_latents, groups)
    alone = [distance_preservation_loss(latents[i:i + 1], teacher_latents[i:i + 1], groups[:, i:i + 1])
             for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone))


# ---- gradients and precision ---------------------------------------------------------------------------------------

@pytest.mark.parametrize('latents', [random_latents(2, 7, 4), torch.zeros(2, 7, 4)])
def test_equal_latents_have_no_loss_and_no_gradient(latents):
    student = latents.clone().requires_grad_()
    loss = distance_preservation_loss(student, latents, one_group(2, 7))
    loss.sum().backward()
    assert (loss == 0).all() and (student.grad == 0).all()


def test_the_gradient_is_that_of_finite_differences():
    latents, teacher_latents = random_latents(2, 5, 3).requires_grad_(), random_latents(2, 5, 3, seed=1)
    groups = torch.tensor([[[0, 0, 1, 1, 0], [0, 1, 2, 0, 1]]])
    assert torch.autograd.gradcheck(lambda x: distance_preservation_loss(x, teacher_latents, groups), latents)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_under_autocast_it_is_computed_in_float32(dtype):
    latents, teacher_latents = (random_latents(2, 9, 16, seed=seed, dtype=torch.float32).to(dtype) for seed in (0, 1))
    expected = distance_preservation_loss(latents.double(), teacher_latents.double(), one_group(2, 9))
    with torch.autocast('cpu', torch.bfloat16):
        found = distance_preservation_loss(latents, teacher_latents, one_group(2, 9))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=0)


def test_distances_far_from_the_origin_are_kept_in_float32():
    latents, teacher_latents = random_latents(1, 9, 8), random_latents(1, 9, 8, seed=1)
    latents, teacher_latents = latents.float() + 1000, teacher_latents.float() + 1000
    expected = distance_preservation_loss(latents.double(), teacher_latents.double(), one_group(1, 9))
    found = distance_preservation_loss(latents, teacher_latents, one_group(1, 9))
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=0)
