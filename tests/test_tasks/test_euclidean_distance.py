import numpy as np
import pytest
import torch

from lhl.tasks import DepthEstimation, EuclideanDistanceEstimation

TASK = EuclideanDistanceEstimation('distance')
STANDARDISED = EuclideanDistanceEstimation('distance', mean=1500 / 512, std=1000 / 512)


def row_of(*pixels):
    """One image of one row: ``(1, 1, 1, W)``."""
    return torch.tensor([[[pixels]]])


def test_loss_map_is_the_absolute_error_in_metres_or_in_deviations():
    prediction, target = row_of(3., 1.), row_of(1., 1.5)
    assert TASK.loss_map(prediction, target).tolist() == [[[2, 0.5]]]
    torch.testing.assert_close(STANDARDISED.loss_map(prediction, target), torch.tensor([[[1.024, 0.256]]]))


def test_an_output_of_0_is_1500_counts_of_taskonomy_s_512_per_metre():
    assert STANDARDISED.predict(row_of(0., 1.)).flatten().tolist() == [1500 / 512, 2500 / 512]


def test_a_perfect_prediction_has_no_loss_and_an_extreme_one_a_finite_gradient():
    prediction = row_of(2., 128., 1e30).requires_grad_()
    STANDARDISED.loss_map(prediction, row_of(2., 1e-3, 1.)).sum().backward()
    torch.testing.assert_close(prediction.grad, row_of(0., .512, .512))
    assert TASK.loss_map(prediction, TASK.pseudo_label(prediction)).max() == 0


def test_groups_are_near_and_far():
    index, count = TASK.groups(row_of(2., 3., 9., 10.), 0.5)
    assert index.tolist() == [[[0, 0, 1, 1]]] and count == 2


def test_0_metres_is_unknown():
    assert TASK.has_target(np.array([[[0.], [2.]]], np.float32)).tolist() == [[False, True]]


@pytest.mark.parametrize('distance, message', [
    (0.0, 'found a distance of 0 m among the valid pixels, expected more than 0; store 0 where it is unknown'),
    (-2.5, 'found a distance of -2.5 m'),
    (np.nan, 'found 1 values that are NaN or infinite'),
    (np.inf, 'found 1 values that are NaN or infinite'),
])
def test_an_impossible_distance_is_refused_where_it_is_valid(distance, message):
    target = np.array([[[1.], [distance]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))
    TASK.check_target(target, np.array([[False, False]]))


def test_flipping_mirrors_and_keeps_the_distances():
    assert TASK.flip_target(np.array([[[1.], [2.], [3.]]])).tolist() == [[[3], [2], [1]]]
    assert TASK.interpolation == 'nearest'


def zoomed_and_exact_distances(scale):
    """A wall two metres away in a 4:3 image, 60 degrees wide, enlarged around the axis; its depth is divided."""
    half_width = np.tan(np.radians(30))
    x, y = np.meshgrid(np.linspace(-half_width, half_width, 81), np.linspace(-.75 * half_width, .75 * half_width, 61))
    x, y = 2 * x / scale, 2 * y / scale  # metres off the axis, of the part that is enlarged to the whole image
    before, exact = (np.sqrt(x**2 + y**2 + depth**2) for depth in (2, 2 / scale))
    return TASK.zoom_target(before[..., None], scale)[..., 0], exact


def test_a_zoom_is_exact_on_the_axis_a_tenth_too_small_in_the_corners_and_4_percent_on_average():
    zoomed, exact = zoomed_and_exact_distances(1.5)
    error = 1 - zoomed / exact
    assert abs(error[30, 40]) < 1e-12 and error.min() > -1e-12
    assert error[0, 0] == pytest.approx(error.max()) == pytest.approx(0.100, abs=5e-4)
    assert error.mean() == pytest.approx(0.04, abs=2e-3)


def test_a_zoom_by_1_changes_nothing():
    zoomed, exact = zoomed_and_exact_distances(1.0)
    np.testing.assert_array_equal(zoomed, exact)


def test_it_is_scored_as_depth():
    assert TASK.metrics() == [dict(type='DepthMetric', task='distance')]


def test_near_is_drawn_brighter_than_far_in_other_colours_than_depth_and_invalid_black():
    distance, valid = np.array([[[1., 2., 3., 4.]]], np.float32), np.array([[True, True, True, False]])
    picture = TASK.draw(distance, valid)
    assert picture.shape == (1, 4, 3) and picture.dtype == np.uint8
    brightness = picture.astype(int).sum(-1)[0]
    assert brightness[0] > brightness[1] > brightness[2] > brightness[3] == 0
    assert not np.array_equal(picture, DepthEstimation('depth').draw(distance, valid))
