import numpy as np
import pytest
import torch

from lhl.tasks import DepthEstimation

TASK = DepthEstimation('depth')


def depth_of(*pixels):
    """One image of one row: ``(1, 1, 1, W)``."""
    return torch.tensor([[[pixels]]])


def test_loss_map_is_the_absolute_error_in_metres():
    assert TASK.loss_map(depth_of(3., 1.), depth_of(1., 1.5)).tolist() == [[[2, 0.5]]]


def test_loss_averages_over_the_valid_pixels():
    valid = torch.tensor([[[True, True, False]]])
    assert TASK.loss(depth_of(3., 1., 9.), depth_of(1., 2., float('nan')), valid).item() == 1.5


def test_a_batch_of_images_keeps_every_image_s_own_target():
    # (B, 1, H, W) against (B, H, W) would broadcast to (B, B, H, W): every image against every target.
    prediction = torch.tensor([1., 5.]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert TASK.loss_map(prediction, prediction).tolist() == torch.zeros(2, 2, 2).tolist()


def test_identical_student_and_teacher_have_no_loss_and_no_gradient():
    student = depth_of(0.5, 2., 7.).requires_grad_()
    loss_map = TASK.loss_map(student, TASK.pseudo_label(student.detach()))
    loss_map.sum().backward()
    assert (loss_map == 0).all() and (student.grad == 0).all()


def test_prediction_and_pseudo_label_are_the_raw_output():
    raw = depth_of(-1., 2.)
    for read in (TASK.predict, TASK.pseudo_label):
        assert torch.equal(read(raw), raw)


def test_groups_are_near_and_far_or_intervals_of_depth():
    depth = depth_of(2., 3., 9., 10.)
    index, count = TASK.groups(depth, 0.5)
    assert index.tolist() == [[[0, 0, 1, 1]]] and count == 2
    index, count = TASK.groups(depth, 0.5, num_intervals=8)
    assert index.tolist() == [[[0, 1, 7, 7]]] and count == 8


def test_a_head_has_one_channel():
    assert TASK.out_channels == 1


def test_what_is_enlarged_is_nearer():
    depth = np.array([[[3.], [6.]]], np.float32)
    zoomed = TASK.zoom_target(depth, 1.5)
    assert zoomed.tolist() == [[[2], [4]]] and zoomed.dtype == np.float32


def test_flipping_mirrors_and_keeps_the_depths():
    assert TASK.flip_target(np.array([[[1.], [2.], [3.]]])).tolist() == [[[3], [2], [1]]]


@pytest.mark.parametrize('depth, message', [
    (0.0, 'found a depth of 0 m among the valid pixels, expected more than 0'),
    (-2.5, 'found a depth of -2.5 m'),
    (np.nan, 'found 1 values that are NaN or infinite'),
    (np.inf, 'found 1 values that are NaN or infinite'),
])
def test_an_impossible_depth_is_refused_where_it_is_valid(depth, message):
    target = np.array([[[1.], [depth]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))
    TASK.check_target(target, np.array([[False, False]]))


def test_near_is_drawn_brighter_than_far_and_invalid_black():
    picture = TASK.draw(np.array([[[1., 2., 3., 4.]]], np.float32), np.array([[True, True, True, False]]))
    assert picture.shape == (1, 4, 3) and picture.dtype == np.uint8
    brightness = picture.astype(int).sum(-1)[0]
    assert brightness[0] > brightness[1] > brightness[2] and brightness[3] == 0


def test_invalid_depths_do_not_stretch_the_colours():
    valid = np.array([[True, True, False]])
    far, near = (TASK.draw(np.array([[[1., 2., invalid]]], np.float32), valid) for invalid in (1e6, 2.))
    assert np.array_equal(far, near)


def test_one_value_range_gives_two_pictures_the_same_colours():
    options = dict(value_range=(0., 10.))
    first = TASK.draw(np.array([[[1., 5.]]], np.float32), **options)
    second = TASK.draw(np.array([[[5., 9.]]], np.float32), **options)
    assert first[0, 1].tolist() == second[0, 0].tolist()
    beyond = TASK.draw(np.array([[[10., 99.]]], np.float32), **options)
    assert beyond[0, 0].tolist() == beyond[0, 1].tolist()


@pytest.mark.parametrize('valid', [None, np.zeros((2, 3), bool)])
def test_a_constant_or_fully_invalid_depth_can_be_drawn(valid):
    with np.errstate(all='raise'):
        picture = TASK.draw(np.full((1, 2, 3), 2.0, np.float32), valid)
    assert picture.shape == (2, 3, 3) and (picture == picture[0, 0]).all()
    assert (picture.sum() == 0) == (valid is not None)
