import numpy as np
import pytest
import torch

from lhl.tasks import ImageReconstruction

TASK = ImageReconstruction('colour')


def pixels(*colours):
    """One image of one row, a colour per pixel: ``(1, 3, 1, W)``."""
    return torch.tensor(colours).T[None, :, None]


def test_the_loss_is_l1_summed_over_the_colours_and_its_metric_the_mean():
    prediction = pixels((0.5, 0.5, 0.5), (1.0, 0.0, 0.25))
    target = pixels((0.25, 0.5, 1.0), (1.0, 0.0, 0.25))
    assert TASK.loss_map(TASK.predict(prediction), target).tolist() == [[[0.25 + 0 + 0.5, 0]]]
    assert TASK.out_channels == 3 and TASK.metrics() == [dict(type='RegressionMetric', task='colour')]


@pytest.mark.parametrize('target, refused', [
    ([[0., 1., 0.5]], False), ([[0., 255., 3.]], True), ([[-0.01, 0., 1.]], True), ([[np.nan, 0., 1.]], True)])
def test_a_colour_is_from_0_to_1(target, refused):
    target = np.array([target], np.float32)  # one row of one pixel
    if refused:
        with pytest.raises(ValueError, match='found'):
            TASK.check_target(target, np.array([[True]]))
    else:
        TASK.check_target(target, np.array([[True]]))
    TASK.check_target(target, np.array([[False]]))  # nobody looks at a pixel that is not valid


def test_a_picture_of_8_bits_is_refused_with_the_cure():
    with pytest.raises(ValueError, match='found values from 0 to 255 among the valid pixels, expected 0 to 1; divide'):
        TASK.check_target(np.array([[[0., 255., 3.]]], np.float32), np.array([[True]]))


def test_it_is_drawn_as_itself_clipped_with_black_where_it_is_not_known():
    picture = TASK.draw(np.array([[[1.0, 0.2]], [[-3.0, 0.4]], [[7.0, 0.6]]], np.float32), np.array([[True, False]]))
    assert picture.shape == (1, 2, 3) and picture.dtype == np.uint8
    assert picture.tolist() == [[[255, 0, 255], [0, 0, 0]]]
