"""Corners of things, on scenes whose corners are known."""
from dataclasses import replace

import numpy as np
import pytest

from lhl.synthetic.rooms import render
from lhl.synthetic.rooms.camera import look_at
from lhl.synthetic.rooms.keypoints3d import keypoints3d
from lhl.synthetic.rooms.renderer import render_view

from .hand_made_rooms import CAMERA, room_with
from .keypoint_scores import BOX, HEIGHT, WIDTH, scores


def test_bare_wall_has_no_keypoints():
    found = scores(camera=replace(CAMERA, focal=2.5))  # so narrow a view shows the far wall only
    assert found.shape == (HEIGHT, WIDTH)
    assert not found.any()


def test_corner_of_a_box_scores_high_and_the_middle_of_its_edges_nothing(box_scores):
    for row in (48 - 26, 47 + 26):
        for column in (64 - 32, 63 + 32):
            assert box_scores[row - 4:row + 5, column - 4:column + 5].max() > 0.45  # the least that PCL reports
    assert not box_scores[40:56, 25:39].any()
    assert not box_scores[15:30, 56:72].any()


def test_middle_of_a_face_has_no_keypoints(box_scores):
    # A corner is told up to 0.15 m away, which is 9.6 pixels at 2 m.
    assert not box_scores[48 - 14:48 + 14, 64 - 20:64 + 20].any()


def test_point_on_an_edge_is_less_stable_than_one_a_quarter_of_the_radius_inside(box_scores):
    inward = np.array([box_scores[22 + step, 32 + step] for step in range(10)])  # from the corner along the diagonal
    assert inward[0] < inward.max()
    assert 1 <= inward.argmax() <= 5
    assert (np.diff(inward[inward.argmax():]) <= 0).all()


def test_far_side_of_a_jump_is_no_change_itself():
    # The wall behind the box is 3 m beyond its front: nothing there is near the box's outline.
    view = render_view(room_with(BOX), CAMERA, HEIGHT, WIDTH, np.random.default_rng(0))
    behind = (view.depth > 4.9) & (np.abs(np.arange(WIDTH) - 63.5) < 40)
    behind[np.abs(np.arange(HEIGHT) - 47.5) > 33] = False  # without the wall's own edges
    assert behind.sum() > 500
    assert not keypoints3d(view)[behind].any()


@pytest.mark.parametrize('roll', np.linspace(0, np.pi / 2, 7))
def test_straight_edge_scores_far_less_than_a_corner_however_it_runs(roll):
    # The far wall meets the ceiling in the middle of the picture, and nothing else is seen.
    camera = look_at(np.array([2.0, 2.0, 1.5]), np.array([2.0, 6.0, 3.0]), roll=roll, focal=1.6)
    found = scores(camera=camera)
    assert found.mean() < 0.002
    assert found.max() < 0.36


def test_corner_where_three_room_sides_meet_is_a_keypoint():
    camera = look_at(np.array([2.0, 2.0, 1.5]), np.array([4.0, 6.0, 3.0]), focal=1.6)
    found = scores(camera=camera)
    assert found[42:54, 58:70].max() > 0.3
    assert found[42:54, 58:70].max() == found.max()


def test_support_radius_is_a_length_in_the_room():
    near, far = scores(BOX, support_radius=0.05), scores(BOX, support_radius=0.2)
    assert 2 < (far > 0.1).sum() / (near > 0.1).sum() < 25  # an area: sixteen times where nothing is in the way


@pytest.mark.slow
def test_larger_picture_has_the_same_keypoints():
    correlations = []
    for seed in (7, 20, 21, 22, 23, 24):
        small, large = (keypoints3d(render(seed, *size)) for size in ((96, 128), (192, 256)))
        halved = large.reshape(96, 2, 128, 2).mean((1, 3))
        correlations.append(np.corrcoef(small.ravel(), halved.ravel())[0, 1])
    assert np.mean(correlations) > 0.75  # what is thinner than a few pixels of the small picture differs


def test_scores_are_sixteen_bit_counts_of_which_few_are_high():
    found = np.stack([keypoints3d(render(seed, HEIGHT, WIDTH)) for seed in range(12)])
    assert found.dtype == np.float32 and found.min() == 0 and found.max() <= 65535
    assert 0.03 < (found / 65535).mean() < 0.15
    assert 0.01 < (found / 65535 > 0.45).mean() < 0.15


@pytest.mark.parametrize(('axis', 'signs'), [(1, (-1, 1, 1)), (0, (1, -1, 1))])
def test_map_of_a_mirrored_view_is_the_mirrored_map(axis, signs):
    for seed in range(4):
        view = render(seed, 48, 64)
        camera = replace(view.camera, rotation=view.camera.rotation * np.array(signs)[:, None])
        mirrored = keypoints3d(render_view(view.scene, camera, 48, 64, np.random.default_rng(0)))
        expected = np.flip(keypoints3d(view), axis)
        # A direction on the border of two bins may fall into either by rounding.
        assert np.isclose(mirrored, expected, rtol=1e-3, atol=1).mean() > 0.98
