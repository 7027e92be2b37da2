import numpy as np
import pytest
import torch

from lhl.tasks import EdgeEstimation, KeypointEstimation

TASK = KeypointEstimation('keypoints2d', mean=50.0, std=100.0)


def row_of(*pixels):
    """One image of one row: ``(1, 1, 1, W)``."""
    return torch.tensor([[[pixels]]])


def test_an_output_of_1_is_a_deviation_above_the_mean_count():
    assert TASK.predict(row_of(0., 1., -0.5)).flatten().tolist() == [50, 150, 0]


def test_the_loss_is_in_standard_deviations():
    assert TASK.loss_map(row_of(150., 50.), row_of(50., 300.)).tolist() == [[[1, 2.5]]]


def test_a_perfect_prediction_has_no_loss_and_the_strongest_response_a_finite_gradient():
    raw = row_of(0., -1e30).requires_grad_()
    loss_map = TASK.loss_map(TASK.predict(raw), row_of(50., 65535.))
    loss_map.sum().backward()
    assert loss_map[0, 0, 0] == 0 and loss_map.isfinite().all()
    torch.testing.assert_close(raw.grad, row_of(0., -1.))


def test_groups_are_intervals_of_the_response_where_asked_for():
    index, count = TASK.groups(row_of(0., 30., 90., 100.), 0.5, num_intervals=10)
    assert index.tolist() == [[[0, 3, 9, 9]]] and count == 10


@pytest.mark.parametrize('count, message', [
    (-0.5, 'found values from -0.5 to 7 among the valid pixels, expected counts from 0 to 65535'),
    (70000.0, 'found values from 7 to 70000'),
    (np.nan, 'found 1 values that are NaN or infinite'),
])
def test_what_16_bits_do_not_hold_is_refused_where_it_is_valid(count, message):
    target = np.array([[[7.], [count]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))
    TASK.check_target(target, np.array([[False, False]]))


def test_no_keypoint_is_an_answer():
    target = np.zeros((2, 2, 1), np.float32)
    assert TASK.has_target(target).all()
    TASK.check_target(target, TASK.has_target(target))


def test_a_flip_mirrors_and_neither_flip_nor_zoom_changes_a_response():
    target = np.array([[[1.], [2.], [3.]]], np.float32)
    assert TASK.flip_target(target)[0, :, 0].tolist() == [3, 2, 1]
    assert TASK.zoom_target(target, 1.5).tolist() == target.tolist()
    assert TASK.interpolation == 'bilinear'


def test_one_channel_scored_by_a_metric_that_needs_no_unit():
    assert TASK.out_channels == 1
    assert TASK.metrics() == [dict(type='RegressionMetric', task='keypoints2d')]


def test_keypoints_are_bright_in_other_colours_than_edges_and_invalid_pixels_black():
    target, valid = np.array([[[0., 10., 1000., 1e9]]], np.float32), np.array([[True, True, True, False]])
    picture = TASK.draw(target, valid)
    assert picture.shape == (1, 4, 3) and picture.dtype == np.uint8
    none, weak, strong, invalid = picture[0].astype(int).sum(-1)
    assert strong > weak > none > 0 and invalid == 0
    assert (picture[0, :3] != EdgeEstimation('edges').draw(target, valid)[0, :3]).any(-1).all()
