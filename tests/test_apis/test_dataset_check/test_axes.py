import numpy as np
import pytest

from lhl.apis.dataset_check.axes import CONVENTIONS, AxisFit, describe, fit_axes, normals_of_depth

from .rooms_on_disk import SIZE


def test_every_permutation_and_sign_of_the_axes_is_recognised(rooms):
    whole = sum((fit_axes(view.depth, view.normal, view.measured) for view in rooms[1:]),
                start=fit_axes(rooms[0].depth, rooms[0].normal, rooms[0].measured))
    assert whole.best == 0 and whole.mean_angle(0) < 15
    view = rooms[0]
    for number, (order, signs) in enumerate(CONVENTIONS):
        stored = np.zeros_like(view.normal)
        for axis in range(3):
            stored[..., order[axis]] = signs[axis] * view.normal[..., axis]
        assert fit_axes(view.depth, stored, view.measured).best == number


def test_a_plane_has_its_own_normal_everywhere():
    height, width = 48, 64
    focal = width / 2 / np.tan(np.radians(30))
    normal = np.array([0.3, -0.5, -0.8]) / np.linalg.norm([0.3, -0.5, -0.8])
    rows, columns = np.mgrid[:height, :width]
    rays = np.stack([(columns - 31.5) / focal, (rows - 23.5) / focal, np.ones((height, width))], axis=-1)
    depth = -2 / (rays @ normal)
    found, usable = normals_of_depth(depth, depth > 0)
    assert usable[2:-2, 2:-2].mean() > 0.9
    np.testing.assert_allclose(found[usable], np.broadcast_to(normal, found[usable].shape), atol=1e-9)


def test_a_wall_in_front_of_the_camera_speaks_against_no_turn_about_the_optical_axis():
    depth, normal = np.full(SIZE, 2.0), np.broadcast_to([0.0, 0.0, -1.0], (*SIZE, 3))
    assert fit_axes(depth, normal, np.full(SIZE, True)).best == 0


def test_too_few_valid_pixels_say_nothing():
    valid = np.zeros(SIZE, bool)
    valid[10:15, 10:15] = True
    assert fit_axes(np.full(SIZE, 2.0), np.ones((*SIZE, 3)), valid) is None


def fit(angles, pixels=100):
    """A fit whose conventions have these mean angles, all others 90 degrees."""
    degrees = np.full(len(CONVENTIONS), 90.0)
    for convention, angle in angles.items():
        degrees[convention] = angle
    return AxisFit(degrees * pixels, pixels)


@pytest.mark.parametrize('angles, best', [
    ({0: 20.0, 7: 15.1}, 0), ({0: 20.0, 7: 14.9}, 7), ({0: 20.0, 3: 14.0, 7: 13.0}, 7), ({0: 10.0, 7: 20.0}, 0)])
def test_another_convention_is_believed_where_it_fits_better_by_more_than_five_degrees(angles, best):
    assert fit(angles).best == best


def test_images_count_by_their_pixels():
    """The expected axes are 30 degrees off in 100 pixels and 10 in 300: 15 on average, not 20."""
    whole = fit({0: 30.0, 7: 5.0}, 100) + fit({0: 10.0, 7: 11.0}, 300)
    assert (whole.mean_angle(0), whole.mean_angle(7), whole.pixels, whole.best) == (15.0, 9.5, 400, 7)


@pytest.mark.parametrize('normal', [(0.0, -1.0, 0.15), (0.1, -1.0, 0.25), (-1.0, 0.0, 0.3)])
def test_a_surface_that_leans_away_from_the_optical_axis_faces_the_camera_all_the_same(normal):
    """A floor that falls towards the camera is seen at the lower edge only: its normal points along the axis, z > 0,
    and against the ray."""
    normal = np.array(normal) / np.linalg.norm(normal)
    height, width = 96, 128
    focal = width / 2 / np.tan(np.radians(30))
    rows, columns = np.mgrid[:height, :width]
    rays = np.stack([(columns - 63.5) / focal, (rows - 47.5) / focal, np.ones((height, width))], axis=-1)
    seen = rays @ normal < -0.05
    depth = np.where(seen, -1 / np.where(seen, rays @ normal, 1), 0)
    found, usable = normals_of_depth(depth, seen)
    assert normal[2] > 0 and usable.sum() > 100
    np.testing.assert_allclose(found[usable], np.broadcast_to(normal, found[usable].shape), atol=1e-9)
    assert fit_axes(depth, np.broadcast_to(normal, (height, width, 3)), seen).best == 0


def test_there_is_no_surface_across_an_edge_or_beside_an_invalid_pixel():
    depth = np.full(SIZE, 2.0)
    depth[:, 32:] = 2.3  # more than a tenth farther
    valid = np.full(SIZE, True)
    valid[10, 10] = False
    usable = normals_of_depth(depth, valid)[1]
    assert not usable[:, 31:33].any() and usable[5, 30] and usable[5, 33]
    assert not usable[[9, 11, 10, 10, 10], [10, 10, 9, 11, 10]].any() and usable[9, 9]
    assert not usable[[0, -1]].any() and not usable[:, [0, -1]].any()


@pytest.mark.parametrize('size', [(1, 1), (2, 64), (64, 2), (5, 640)])
def test_an_image_that_is_too_small_says_nothing(size):
    normals, usable = normals_of_depth(np.full(size, 2.0), np.full(size, True))
    assert normals.shape == (*size, 3) and not usable.any()
    assert fit_axes(np.full(size, 2.0), np.full((*size, 3), 0.6), np.full(size, True)) is None


def test_the_steps_of_real_depth_are_bridged():
    """A wall at an angle of 45 degrees, measured in centimetres: neighbours of 640 pixels are often equally deep."""
    columns = (np.mgrid[:480, :640][1] - 319.5) / (320 / np.tan(np.radians(30)))
    depth = (2 / (1 - columns)).round(2)
    normal = np.array([1, 0, -1]) / np.sqrt(2)
    found, usable = normals_of_depth(depth, np.full(depth.shape, True))
    degrees = np.degrees(np.arccos(np.clip(found[usable] @ normal, -1, 1)))
    assert usable.mean() > 0.9 and degrees.mean() < 10


def test_pixels_are_compared_all_over_the_image():
    """In the lower half of a wall all normals point away: the mean angle is halfway between 0 and 180 degrees."""
    normal = np.zeros((96, 128, 3))
    normal[:48, :, 2], normal[48:, :, 2] = -1, 1
    fit = fit_axes(np.full((96, 128), 2.0), normal, np.full((96, 128), True))
    assert fit.pixels == 4000 and abs(fit.mean_angle(0) - 90) < 1


def test_words_for_a_convention():
    assert describe(0) == 'x = 1st, y = 2nd, z = 3rd'
    assert describe(CONVENTIONS.index(((2, 1, 0), (1, -1, -1)))) == 'x = 3rd, y = -2nd, z = -1st'
