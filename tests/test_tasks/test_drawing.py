import cv2
import numpy as np

from lhl.tasks.drawing import apply_colour_map, blacken_invalid, unit_interval


def test_drawing_scales_the_valid_values_or_a_given_range():
    values, valid = np.array([[2., 4., 6., 1e9]]), np.array([[True, True, True, False]])
    assert unit_interval(values, valid, None).tolist() == [[0, 0.5, 1, 1]]
    assert unit_interval(values, valid, (0., 8.)).tolist() == [[0.25, 0.5, 0.75, 1]]
    assert unit_interval(values[:, :3], None, None).tolist() == [[0, 0.5, 1]]


def test_a_constant_map_is_scaled_to_0():
    assert (unit_interval(np.full((2, 2), 7.), None, None) == 0).all()


def test_invalid_pixels_are_black_and_the_picture_itself_stays_as_it_is():
    picture = np.full((1, 2, 3), 7, np.uint8)
    assert blacken_invalid(picture, np.array([[True, False]])).tolist() == [[[7, 7, 7], [0, 0, 0]]]
    assert blacken_invalid(picture, None) is picture and (picture == 7).all()


def test_colours_are_red_green_and_blue_in_this_order():
    coloured = apply_colour_map(np.array([[0.0, 255.9]]), cv2.COLORMAP_JET)
    assert coloured.dtype == np.uint8 and coloured.shape == (1, 2, 3)
    assert coloured[0].argmax(axis=1).tolist() == [2, 0]  # from blue to red
