import math

import numpy as np
import pytest
import torch

from lhl.tasks import SurfaceNormalEstimation

TASK = SurfaceNormalEstimation('normal')


def normals_of(*pixels):
    """One image of one row, a vector per pixel: ``(1, 3, 1, W)``."""
    return torch.tensor(pixels).T[None, :, None]


def random_vectors(shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_cosine_distance_of_parallel_orthogonal_and_opposite_normals():
    student = normals_of((0., 0., 1.), (1., 0., 0.), (0., 1., 0.))
    teacher = normals_of((0., 0., 1.), (0., 0., 1.), (0., -1., 0.))
    loss_map = TASK.loss_map(student, teacher)
    assert loss_map.tolist() == [[[0, 1, 2]]]


def test_cosine_distance_at_60_degrees_is_one_half():
    tilted = normals_of((math.sin(math.pi / 3), 0., math.cos(math.pi / 3)))
    torch.testing.assert_close(TASK.loss_map(tilted, normals_of((0., 0., 1.))), torch.tensor([[[0.5]]]))


def test_half_the_squared_chord_is_one_minus_cosine():
    prediction = TASK.predict(random_vectors((2, 3, 8, 8), dtype=torch.float64))
    target = TASK.predict(random_vectors((2, 3, 8, 8), seed=1, dtype=torch.float64))
    torch.testing.assert_close(TASK.loss_map(prediction, target), 1 - (prediction * target).sum(1),
                               rtol=1e-12, atol=1e-14)


def test_a_thousandth_of_a_degree_is_resolved_in_float32():
    angle = math.radians(0.001)
    tilted = normals_of((math.sin(angle), 0., math.cos(angle)))
    loss = TASK.loss_map(tilted, normals_of((0., 0., 1.))).item()
    assert loss == pytest.approx(1 - math.cos(angle), rel=1e-4)
    assert 1 - (tilted * normals_of((0., 0., 1.))).sum().item() == 0  # which the textbook formula does not resolve


def test_the_prediction_has_unit_length_and_the_raw_direction():
    raw = 7 * random_vectors((2, 3, 4, 4))
    prediction = TASK.predict(raw)
    torch.testing.assert_close(prediction.norm(dim=1), torch.ones(2, 4, 4))
    assert (torch.cosine_similarity(prediction, raw) > 1 - 1e-6).all()


def test_loss_averages_over_the_valid_pixels():
    facing = (0., 0., 1.)
    prediction, target = normals_of(facing, facing, facing), normals_of((1., 0., 0.), facing, (0., 0., 0.))
    assert TASK.loss(prediction, target, torch.tensor([[[True, True, False]]])).item() == 0.5


def test_identical_student_and_teacher_have_no_loss_and_no_gradient():
    raw = random_vectors((2, 3, 8, 8)).requires_grad_()
    loss_map = TASK.loss_map(TASK.predict(raw), TASK.pseudo_label(TASK.predict(raw.detach())))
    loss_map.sum().backward()
    assert (loss_map == 0).all() and (raw.grad == 0).all()


@pytest.mark.parametrize('length', [0.0, 1e-30, 1e-8])
def test_a_raw_vector_without_length_has_a_finite_prediction_and_gradient(length):
    raw = torch.full((1, 3, 1, 2), length, requires_grad=True)
    prediction = TASK.predict(raw)
    TASK.loss_map(prediction, normals_of((0., 0., 1.), (0.6, 0., 0.8))).sum().backward()
    assert prediction.isfinite().all() and (prediction.norm(dim=1) <= 1).all()
    assert raw.grad.isfinite().all() and (raw.grad != 0).any()


def test_the_gradient_turns_the_vector_and_never_stretches_it():
    raw = random_vectors((1, 3, 4, 4), dtype=torch.float64).requires_grad_()
    TASK.loss_map(TASK.predict(raw), TASK.predict(random_vectors((1, 3, 4, 4), 1, torch.float64))).sum().backward()
    along = (raw.grad * raw.detach()).sum(1)
    torch.testing.assert_close(along, torch.zeros_like(along), rtol=0, atol=1e-12)
    assert (raw.grad.norm(dim=1) > 1e-3).any()


def test_the_pseudo_label_is_the_unit_vectors():
    prediction = TASK.predict(random_vectors((1, 3, 2, 2)))
    assert torch.equal(TASK.pseudo_label(prediction), prediction)


def test_groups_split_the_mean_of_the_three_components():
    # Means -1/3, 0, 1/3: normalised 0, 0.5, 1.
    normals = normals_of((0., 0., -1.), (0.6, -0.6, 0.), (0., 1., 0.))
    index, count = TASK.groups(normals, 0.5)
    assert index.tolist() == [[[0, 1, 1]]] and count == 2
    index, count = TASK.groups(normals, 0.5, num_intervals=4)
    assert index.tolist() == [[[0, 2, 3]]] and count == 4


def test_a_head_has_three_channels():
    assert TASK.out_channels == 3


def test_flipping_mirrors_and_negates_the_component_to_the_right():
    target = np.array([[[0.6, 0., -0.8], [0., 1., 0.]]], np.float32)
    flipped = TASK.flip_target(target)
    np.testing.assert_array_equal(flipped, np.array([[[0, 1, 0], [-0.6, 0, -0.8]]], np.float32))
    assert flipped.dtype == np.float32
    np.testing.assert_array_equal(TASK.flip_target(flipped), target)


def test_zooming_turns_the_normal_of_a_plane_as_its_depth_is_squeezed():
    # The plane z = 4 + x/2 has the normal (1/2, 0, -1). Seen 1.5 times enlarged with all depths divided by 1.5, a
    # point (x, z) moves to (x, z / 1.5): z = (4 + x/2) / 1.5 has the normal (1/3, 0, -1).
    before, after = (np.array([[[slope, 0, -1]]]) / np.hypot(slope, 1) for slope in (1 / 2, 1 / 3))
    zoomed = TASK.zoom_target(before.astype(np.float32), 1.5)
    np.testing.assert_allclose(zoomed, after, atol=1e-6)
    assert zoomed.dtype == np.float32


def test_zooming_by_1_5_turns_normals_by_up_to_11_5_degrees():
    angles = np.linspace(0, np.pi / 2, 2001)
    before = np.stack([np.sin(angles), np.zeros_like(angles), -np.cos(angles)], -1)[None]
    cosines = (before * TASK.zoom_target(before, 1.5)).sum(-1).clip(-1, 1)
    assert np.degrees(np.arccos(cosines)).max() == pytest.approx(np.degrees(np.arcsin(0.2)), abs=1e-3)


def test_zooming_leaves_invalid_zero_vectors_zero():
    assert TASK.zoom_target(np.zeros((1, 2, 3), np.float32), 1.5).tolist() == np.zeros((1, 2, 3)).tolist()


@pytest.mark.parametrize('normal, message', [
    ((0., 0., 2.), 'found a normal of length 2, expected unit vectors'),
    ((0., 0., 0.), 'found a normal of length 0'),
    ((0., 0., np.nan), 'found 1 values that are NaN or infinite'),
])
def test_an_impossible_normal_is_refused_where_it_is_valid(normal, message):
    target = np.array([[(0., 0., -1.), normal]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))
    TASK.check_target(target, np.array([[False, False]]))


def test_facing_is_drawn_bright_blue_rightward_red_and_invalid_black():
    target = np.array([[(0., 0., -1.), (1., 0., 0.), (0., 0., -1.)]], np.float32).transpose(2, 0, 1)
    picture = TASK.draw(target, np.array([[True, True, False]]))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[[127, 127, 255], [255, 127, 127], [0, 0, 0]]]
