import numpy as np
import pytest
import torch

from lhl.tasks import PrincipalCurvatureEstimation

TASK = PrincipalCurvatureEstimation('curvature')
STANDARDISED = PrincipalCurvatureEstimation('curvature', mean=[1.0, 0.0], std=[10.0, 2.0])


def row_of(*pixels):
    """One image of one row, the two curvatures of each pixel: ``(1, 2, 1, W)``."""
    return torch.tensor(pixels).T[None, :, None]


def test_the_loss_adds_up_the_errors_of_both_curvatures():
    prediction, target = row_of((5., 1.), (0., 0.)), row_of((2., -1.), (-20., 4.))
    assert TASK.loss_map(prediction, target).tolist() == [[[5, 24]]]
    torch.testing.assert_close(STANDARDISED.loss_map(prediction, target), torch.tensor([[[0.3 + 1, 2 + 2.]]]))


def test_an_output_of_1_is_a_deviation_above_the_mean_of_its_curvature():
    assert STANDARDISED.predict(row_of((0., 0.), (1., 1.)))[0, :, 0].T.tolist() == [[1, 0], [11, 2]]


def test_a_perfect_prediction_has_no_loss_and_an_extreme_one_a_finite_gradient():
    raw = row_of((0., 0.), (1e30, -1e30)).requires_grad_()
    loss_map = STANDARDISED.loss_map(STANDARDISED.predict(raw), row_of((1., 0.), (33., -33.)))
    loss_map.sum().backward()
    assert loss_map[0, 0, 0] == 0 and loss_map.isfinite().all()
    torch.testing.assert_close(raw.grad, row_of((0., 0.), (1., -1.)))


def test_groups_split_the_mean_of_both_curvatures():
    # Means -5, 0, 5: normalised 0, 0.5, 1.
    curvature = row_of((0., -10.), (4., -4.), (10., 0.))
    index, count = TASK.groups(curvature, 0.6)
    assert index.tolist() == [[[0, 0, 1]]] and count == 2


def test_a_plane_is_an_answer():
    target = np.zeros((2, 3, 2), np.float32)
    assert TASK.has_target(target).all()
    TASK.check_target(target, TASK.has_target(target))


@pytest.mark.parametrize('curvature, message', [
    (-2e4, 'found a curvature of 20000 1/m among the valid pixels, expected at most 10000; clip the creases'),
    (2e4, 'found a curvature of 20000 1/m'),
    (np.nan, 'found 1 values that are NaN or infinite'),
    (np.inf, 'found 1 values that are NaN or infinite'),
])
def test_what_no_visible_surface_has_is_refused_where_it_is_valid(curvature, message):
    target = np.array([[[33., -33.], [0., curvature]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))
    TASK.check_target(target, np.array([[False, False]]))


def test_a_flip_mirrors_the_image_and_keeps_both_curvatures():
    target = np.array([[[1., -2.], [3., 4.]]], np.float32)
    assert TASK.flip_target(target).tolist() == [[[3, 4], [1, -2]]]
    assert TASK.interpolation == 'nearest'


@pytest.mark.parametrize('scale', [1.2, 1.5])
def test_the_curvature_that_a_zoom_leaves_is_right_on_average_over_a_ball(scale):
    # The front of a ball of radius 1, squeezed along the axis: z = sqrt(1 - r^2) / scale. A disc's pixels are spread
    # evenly over r^2. Its curvatures are those of its meridian and of the circle around the axis.
    r = np.sqrt((np.arange(400000) + 0.5) / 400000)
    slope = -r / np.sqrt(1 - r**2) / scale
    bend = -(1 - r**2)**-1.5 / scale
    meridian = -bend / (1 + slope**2)**1.5
    parallel = -slope / (r * np.sqrt(1 + slope**2))
    assert meridian.mean() == pytest.approx(2 * scale / (scale + 1), abs=1e-4)
    assert parallel.mean() == pytest.approx(2 / (scale + 1), abs=1e-4)
    assert meridian[0] == pytest.approx(1 / scale, abs=1e-4) and meridian[-1] == pytest.approx(scale**2, abs=1e-3)
    zoomed = TASK.zoom_target(np.ones((1, 1, 2), np.float32), scale)
    assert zoomed.mean() == pytest.approx((meridian.mean() + parallel.mean()) / 2, abs=1e-4)


def test_two_channels_scored_by_a_metric_that_needs_no_unit():
    assert TASK.out_channels == 2
    assert TASK.metrics() == [dict(type='RegressionMetric', task='curvature')]


def test_flat_is_grey_the_first_curvature_red_the_second_blue_and_invalid_black():
    curvature = np.array([[0., 0.], [16., 0.], [0., -4.], [16., 16.], [99., 99.]], np.float32).T[:, None]
    valid = np.array([[True, True, True, True, False]])
    picture = TASK.draw(curvature, valid)
    assert picture.dtype == np.uint8 and picture.shape == (1, 5, 3)
    # The square root of a quarter is a half: 127.5 - 127.5 / 2.
    assert picture[0].tolist() == [[127, 127, 127], [255, 127, 127], [127, 127, 63], [255, 127, 255], [0, 0, 0]]


def test_the_colour_scale_ends_at_the_largest_absolute_value_of_the_range():
    curvature = np.array([[4., 0.], [-16., 99.]], np.float32).T[:, None]
    assert TASK.draw(curvature, None, (-16., 3.))[0].tolist() == [[191, 127, 127], [0, 127, 255]]


@pytest.mark.parametrize('valid', [None, np.zeros((2, 3), bool)])
def test_planes_alone_or_nothing_valid_can_be_drawn(valid):
    with np.errstate(all='raise'):
        picture = TASK.draw(np.zeros((2, 2, 3), np.float32), valid)
    assert (picture == (127 if valid is None else 0)).all()
