"""Edges and blobs of a picture, against scikit-image."""
import numpy as np
import pytest
import skimage.color
import skimage.feature
import skimage.filters

from lhl.synthetic.rooms import render
from lhl.synthetic.rooms.image_targets import edge_texture, keypoints2d, sobel_magnitude


def grey_picture(grey):
    return np.repeat(np.asarray(grey, np.float64)[..., None], 3, -1)

# ---- edges -----------------------------------------------------------------------------------------------------------


def test_sobel_magnitude_is_that_of_scikit_image():
    values = np.random.default_rng(0).random((23, 31))
    np.testing.assert_allclose(sobel_magnitude(values), skimage.filters.sobel(values), atol=1e-15)


def test_texture_edges_are_sobel_of_the_smoothed_grey_picture(image):
    smooth = skimage.filters.gaussian(skimage.color.rgb2gray(image), sigma=3 * 96 / 512)
    np.testing.assert_allclose(edge_texture(image), 65535 * skimage.filters.sobel(smooth), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize('target', [edge_texture, keypoints2d])
def test_bytes_and_fractions_give_the_same_map(target, image):
    np.testing.assert_allclose(target(image), target(image / 255), rtol=1e-6)
    np.testing.assert_allclose(target(image), target((image / 255).astype(np.float32)), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize('target', [edge_texture, keypoints2d])
def test_plain_picture_has_no_edges_and_no_blobs_not_even_at_its_border(target):
    found = target(grey_picture(np.full((96, 128), 0.7)))
    assert found.dtype == np.float32 and found.shape == (96, 128)
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize('target', [edge_texture, keypoints2d])
def test_map_of_a_mirrored_picture_is_the_mirrored_map(target, image):
    np.testing.assert_allclose(target(image[:, ::-1]), target(image)[:, ::-1], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(target(image[::-1]), target(image)[::-1], rtol=1e-5, atol=1e-4)

# ---- blobs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('size', [(64, 48), (150, 200), (288, 384)])
def test_blobs_are_the_box_filter_determinants_of_scikit_image(size):
    image = render(5, *size).image
    margin = 2 * size[0] // 5  # more than the largest filter, so that what lies beyond the border is the same
    extended = np.pad(skimage.color.rgb2gray(image), margin, mode='edge')
    # scikit-image centres its filters on the next pixel down and right.
    inside = tuple(slice(margin - 1, margin - 1 + extent) for extent in size)
    # Of an odd number of pixels, as otherwise its filters do not balance.
    odd = 2 * np.arange(20) + 1
    scales = [odd[np.abs(odd - scale).argmin()] for scale in np.linspace(1, 30, 10) * size[0] / 512]
    expected = np.max([skimage.feature.hessian_matrix_det(extended, scale)[inside] for scale in scales], 0)
    np.testing.assert_allclose(keypoints2d(image), 65535 * np.maximum(expected, 0), rtol=1e-5, atol=1e-4)


def test_determinant_at_a_single_bright_pixel_is_worked_out_by_hand():
    grey = np.zeros((51, 61))
    grey[25, 30] = 1
    # The smallest filter is (1, -2, 1) both ways, so its determinant is 4, over 3^4; larger ones divide by more.
    found = keypoints2d(grey_picture(grey))
    assert found[25, 30] == pytest.approx(65535 * 4 / 81, rel=1e-6)
    assert np.unravel_index(found.argmax(), found.shape) == (25, 30)


@pytest.mark.parametrize('radius', [2, 3, 4, 6])
def test_disc_within_reach_of_the_scales_has_its_highest_score_in_the_middle(radius):
    rows, columns = np.mgrid[:128, :160]
    disc = np.hypot(rows - 60, columns - 70) <= radius
    found = keypoints2d(grey_picture(disc))
    assert np.hypot(*np.subtract(np.unravel_index(found.argmax(), found.shape), (60, 70))) <= 1.5


def test_slope_is_no_blob_away_from_where_it_ends():
    rows, columns = np.mgrid[:96, :128]
    found = keypoints2d(grey_picture((rows + columns) / 300))
    np.testing.assert_allclose(found[16:-16, 16:-16], 0, atol=1e-6)


def test_straight_edge_is_no_blob():
    step = np.zeros((96, 128))
    step[:, 64:] = 1
    np.testing.assert_allclose(keypoints2d(grey_picture(step)), 0, atol=1e-6)


def test_dark_and_bright_blobs_count_alike(image):
    np.testing.assert_allclose(keypoints2d(255 - image), keypoints2d(image), rtol=1e-4, atol=1e-4)
