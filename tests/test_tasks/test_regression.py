import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lhl.errors import ConfigError
from lhl.tasks import Regression


def row_of(*pixels):
    """One image of one row, a tuple of numbers per pixel: ``(1, C, 1, W)``."""
    return torch.tensor(pixels).T[None, :, None]


def test_an_output_of_0_is_the_mean_and_of_1_a_deviation_more():
    task = Regression('depth', 1, mean=3.0, std=2.0)
    assert task.predict(row_of((-1., ), (0., ), (1., ))).flatten().tolist() == [1, 3, 5]


def test_each_channel_has_its_own_mean_and_deviation():
    task = Regression('flow', 2, mean=[1.0, 10.0], std=[2.0, 0.5])
    prediction = task.predict(row_of((1., 1.), (0., -2.)))
    assert prediction[0, :, 0].T.tolist() == [[3, 10.5], [1, 9]]


def test_the_loss_is_in_standard_deviations_summed_over_the_channels():
    task = Regression('flow', 2, mean=[1.0, 10.0], std=[2.0, 0.5])
    loss_map = task.loss_map(row_of((3., 10.5), (1., 9.)), row_of((1., 10.), (7., 9.25)))
    assert loss_map.tolist() == [[[2 / 2 + 0.5 / 0.5, 6 / 2 + 0.25 / 0.5]]]


def test_without_statistics_the_head_s_output_is_in_the_unit_and_the_loss_too():
    task = Regression('flow', 2)
    raw = row_of((1., -2.))
    assert task.predict(raw) is raw
    assert task.loss_map(raw, row_of((4., 0.))).tolist() == [[[5]]]


@settings(deadline=None)  # the first example also pays for what torch loads lazily
@given(mean=st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
       std=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)), seed=st.integers(0, 99))
def test_head_and_target_standardised_by_hand_give_the_same_loss(mean, std, seed):
    raw, standardised = torch.randn(2, 2, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    task = Regression('flow', 2, mean, std)
    target = torch.stack([channel * std[i] + mean[i] for i, channel in enumerate(standardised.unbind(1))], dim=1)
    # A mean of 1e4 and a deviation of 1e-3 leave 9 of the 16 digits.
    np.testing.assert_allclose(
        task.loss_map(task.predict(raw), target), np.abs(raw - standardised).sum(1), rtol=0, atol=1e-7)


@pytest.mark.parametrize('mean, std', [(0.0, 1.0), (50.0, 100.0), ([1.3, 0.04], [9.2, 2.4])])
def test_tasks_of_any_unit_send_the_same_gradient_to_their_head(mean, std):
    task = Regression('flow', 2, mean, std)
    raw = row_of((0.5, -3.), (1e4, -1e4)).requires_grad_()
    task.loss_map(task.predict(raw), task.predict(torch.zeros(1, 2, 1, 2))).sum().backward()
    torch.testing.assert_close(raw.grad, row_of((1., -1.), (1., -1.)))


def test_identical_student_and_teacher_have_no_loss_and_no_gradient():
    task = Regression('flow', 2, mean=[1.0, 10.0], std=[2.0, 0.5])
    raw = row_of((0.3, -7.), (1., 2.)).requires_grad_()
    prediction = task.predict(raw)
    loss_map = task.loss_map(prediction, task.pseudo_label(prediction.detach()))
    loss_map.sum().backward()
    assert (loss_map == 0).all() and (raw.grad == 0).all()


def test_a_batch_of_images_keeps_every_image_s_own_target():
    for channels in (1, 2):
        prediction = torch.tensor([1., 5.]).reshape(2, 1, 1, 1).expand(2, channels, 2, 2)
        assert Regression('x', channels).loss_map(prediction, prediction).tolist() == torch.zeros(2, 2, 2).tolist()


def test_float64_stays_float64():
    task = Regression('flow', 2, mean=[0.1, 0.2], std=[0.3, 0.7])
    raw = torch.ones(1, 2, 1, 1, dtype=torch.float64)
    assert task.predict(raw).flatten().tolist() == [0.3 + 0.1, 0.7 + 0.2]


@pytest.mark.parametrize('options, message', [
    (dict(mean=[1, 2, 3]), "task 'flow' has 3 values in mean but 2 channels; give one number, or one per channel"),
    (dict(std=[1]), "task 'flow' has 1 values in std but 2 channels"),
    (dict(std=0), "and std=0, expected finite numbers, and std more than 0"),
    (dict(std=float('nan')), "and std=nan, expected finite numbers"),
    (dict(std=-2.5), "and std=-2.5, expected"),
    (dict(std=[1.0, 0.0]), r"and std=\[1.0, 0.0\], expected"),
])
def test_statistics_of_a_wrong_number_or_without_spread_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Regression('flow', 2, **options)
