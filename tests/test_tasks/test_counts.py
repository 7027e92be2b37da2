import cv2
import numpy as np
import pytest
import torch

from lhl.tasks.counts import CountRegression


class Responses(CountRegression):
    colour_map = cv2.COLORMAP_HOT


TASK = Responses('responses', mean=10.0, std=5.0)


def test_counts_are_one_channel_and_standardised():
    raw = torch.tensor([[[[-2., 0., 3.]]]])
    assert TASK.name == 'responses' and TASK.out_channels == 1
    assert TASK.predict(raw).tolist() == [[[[0., 10., 25.]]]]  # 10 + 5 * raw
    assert TASK.loss_map(TASK.predict(raw), torch.full((1, 1, 1, 3), 10.)).tolist() == [[[2., 0., 3.]]]


@pytest.mark.parametrize('count, message', [
    (-0.5, 'found values from -0.5 to 7 among the valid pixels, expected counts from 0 to 65535; store the picture of'),
    (65536.0, 'found values from 7 to 65536'),
    (np.nan, 'found 1 values that are NaN or infinite'),
])
def test_what_16_bits_do_not_hold_is_refused_where_it_is_valid(count, message):
    target = np.array([[[7.], [count]]], np.float32)
    with pytest.raises(ValueError, match=message):
        TASK.check_target(target, np.array([[True, True]]))
    TASK.check_target(target, np.array([[True, False]]))


def test_the_square_root_is_drawn_in_the_colours_of_the_kind():
    picture = TASK.draw(np.array([[[0., 25., 100.]]], np.float32))
    colours = cv2.applyColorMap(np.array([[0, 127, 255]], np.uint8), cv2.COLORMAP_HOT)[0, :, ::-1]
    assert picture[0].tolist() == colours.tolist()
