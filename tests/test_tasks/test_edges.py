import cv2
import numpy as np
import pytest
import torch

from lhl.tasks import EdgeEstimation

TASK = EdgeEstimation('edge_texture', mean=718.0, std=1070.0)


def row_of(*pixels):
    """One image of one row: ``(1, 1, 1, W)``."""
    return torch.tensor([[[pixels]]])


def test_an_output_of_1_is_a_deviation_above_the_mean_count():
    assert TASK.predict(row_of(0., 1., -0.5)).flatten().tolist() == [718, 1788, 183]


def test_the_loss_is_in_standard_deviations():
    assert TASK.loss_map(row_of(1788., 718.), row_of(718., 3928.)).tolist() == [[[1, 3]]]


def test_a_perfect_prediction_has_no_loss_and_the_strongest_edge_a_finite_gradient():
    raw = row_of(0., 1e30).requires_grad_()
    loss_map = TASK.loss_map(TASK.predict(raw), row_of(718., 65535.))
    loss_map.sum().backward()
    assert loss_map[0, 0, 0] == 0 and loss_map.isfinite().all()
    torch.testing.assert_close(raw.grad, row_of(0., 1.))


def test_pseudo_label_is_the_prediction_and_groups_are_weak_and_strong():
    prediction = row_of(0., 100., 900., 1000.)
    assert TASK.pseudo_label(prediction) is prediction
    index, count = TASK.groups(prediction, 0.5)
    assert index.tolist() == [[[0, 0, 1, 1]]] and count == 2


@pytest.mark.parametrize('count, message', [
    (-1.0, 'found values from -1 to 7 among the valid pixels, expected counts from 0 to 65535'),
    (65536.0, 'found values from 7 to 65536'),
    (np.nan, 'found 1 values that are NaN or infinite'),
])
def test_what_16_bits_do_not_hold_is_refused_where_it_is_valid(count, message):
    target = np.array([[[7.], [count]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))
    TASK.check_target(target, np.array([[False, False]]))


def test_0_and_65535_counts_are_edges_like_any_other():
    target = np.array([[[0.], [65535.]]], np.float32)
    assert TASK.has_target(target).all()
    TASK.check_target(target, TASK.has_target(target))


def test_a_flip_mirrors_and_neither_flip_nor_zoom_changes_a_count():
    target = np.array([[[1.], [2.], [3.]]], np.float32)
    assert TASK.flip_target(target)[0, :, 0].tolist() == [3, 2, 1]
    assert TASK.zoom_target(target, 1.5).tolist() == target.tolist()
    assert TASK.interpolation == 'bilinear'


def test_one_channel_scored_by_a_metric_that_needs_no_unit():
    assert TASK.out_channels == 1
    assert TASK.metrics() == [dict(type='RegressionMetric', task='edge_texture')]


def test_strong_edges_are_bright_weak_ones_visible_and_invalid_pixels_black():
    picture = TASK.draw(np.array([[[0., 655., 65535., 1e9]]], np.float32), np.array([[True, True, True, False]]))
    assert picture.shape == (1, 4, 3) and picture.dtype == np.uint8
    none, weak, strong, invalid = picture[0].astype(int).sum(-1)
    assert strong > weak > none > 0 and invalid == 0
    # The square root: a hundredth of the largest count is a tenth of the way along the 256 colours.
    colours = cv2.applyColorMap(np.array([[0, 25, 255]], np.uint8), cv2.COLORMAP_VIRIDIS)[0, :, ::-1]
    assert picture[0].tolist() == [*colours.tolist(), [0, 0, 0]]


def test_one_value_range_gives_two_pictures_the_same_colours():
    first, second = (TASK.draw(np.array([[pixels]], np.float32), None, (0., 100.))
                     for pixels in ((-5., 50., 30.), (50., 0., 900.)))
    assert first[0, 1].tolist() == second[0, 0].tolist() and first[0, 0].tolist() == second[0, 1].tolist()
