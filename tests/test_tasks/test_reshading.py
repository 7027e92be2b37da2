import numpy as np
import pytest
import torch

from lhl.tasks import ReshadingEstimation

TASK = ReshadingEstimation('reshading')
STANDARDISED = ReshadingEstimation('reshading', mean=0.4962, std=0.2846)


def row_of(*pixels):
    """One image of one row: ``(1, 1, 1, W)``."""
    return torch.tensor([[[pixels]]])


def test_the_loss_is_the_difference_in_brightness_or_in_deviations():
    prediction, target = row_of(1., 0.25), row_of(0.5, 0.25)
    assert TASK.loss_map(prediction, target).tolist() == [[[0.5, 0]]]
    torch.testing.assert_close(STANDARDISED.loss_map(prediction, target), torch.tensor([[[0.5 / 0.2846, 0]]]))


def test_an_output_of_0_is_the_mean_brightness():
    torch.testing.assert_close(STANDARDISED.predict(row_of(0., 1.)), row_of(0.4962, 0.7808))


def test_predictions_may_leave_the_range_and_their_gradient_leads_back():
    raw = row_of(1e30, -1e30).requires_grad_()
    STANDARDISED.loss_map(STANDARDISED.predict(raw), row_of(1., 0.)).sum().backward()
    torch.testing.assert_close(raw.grad, row_of(1., -1.))


def test_the_teacher_s_prediction_is_the_pseudo_label_and_costs_nothing():
    prediction = row_of(0.1, 0.9)
    assert TASK.pseudo_label(prediction) is prediction
    assert (TASK.loss_map(prediction, prediction) == 0).all()


def test_groups_are_dark_and_bright():
    index, count = TASK.groups(row_of(0., 0.1, 0.95, 1.), 0.9)
    assert index.tolist() == [[[0, 0, 1, 1]]] and count == 2


@pytest.mark.parametrize('value, message', [
    (255.0, 'found values from 0.5 to 255 among the valid pixels, expected 0 to 1; divide a picture of 8 bits by 255'),
    (-0.25, 'found values from -0.25 to 0.5'),
    (np.nan, 'found 1 values that are NaN or infinite'),
])
def test_brightness_outside_0_to_1_is_refused_where_it_is_valid(value, message):
    target = np.array([[[0.5], [value]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))
    TASK.check_target(target, np.array([[False, False]]))


def test_every_value_of_8_bits_is_brightness_and_black_too():
    target = np.arange(256, dtype=np.float32).reshape(16, 16, 1) / 255
    assert TASK.has_target(target).all()
    TASK.check_target(target, TASK.has_target(target))


def test_a_flip_mirrors_and_neither_flip_nor_zoom_changes_the_light():
    target = np.array([[[0.1], [0.2], [0.3]]], np.float32)
    np.testing.assert_array_equal(TASK.flip_target(target), target[:, ::-1])
    np.testing.assert_array_equal(TASK.zoom_target(target, 1.5), target)
    assert TASK.interpolation == 'bilinear'


def test_one_channel_scored_by_a_metric_that_needs_no_unit():
    assert TASK.out_channels == 1
    assert TASK.metrics() == [dict(type='RegressionMetric', task='reshading')]


def test_it_is_drawn_as_the_grey_picture_it_is_and_only_invalid_pixels_are_black():
    picture = TASK.draw(np.array([[[0., 0.5, 1., 1.]]], np.float32), np.array([[True, True, True, False]]))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[[40] * 3, [147] * 3, [255] * 3, [0] * 3]]


def test_a_prediction_out_of_range_is_drawn_as_its_end():
    picture = TASK.draw(np.array([[[-3., 7.]]], np.float32), None, (0.2, 0.3))
    assert picture.tolist() == [[[40] * 3, [255] * 3]]
