"""Targets derived from geometry, against closed forms and independent implementations.

Scene and camera are those of ``hand_made_rooms``: a bare far wall 5 m ahead, a focal length of 33 pixels.
"""
from dataclasses import replace

import numpy as np
import pytest
import skimage.filters
import skimage.morphology

from lhl.synthetic.rooms import CLASSES
from lhl.synthetic.rooms.geometry_targets import (
    boundary,
    edge_occlusion,
    euclidean_distance,
    principal_curvature,
    reshading,
    saliency,
)
from lhl.synthetic.rooms.renderer import render_view

from .hand_made_rooms import CAMERA, HEIGHT, MIDDLE, WIDTH, primitive, room_with, view_of

OBJECTS = CLASSES.index('objects')


def as_instance(part, instance):
    return replace(part, instance=instance)


def with_its_mirror_image(view):
    """The view again, taken by a camera whose right is left, so that its picture is the mirrored one."""
    camera = replace(view.camera, rotation=view.camera.rotation * [[-1], [1], [1]])
    return render_view(view.scene, camera, *view.depth.shape, np.random.default_rng(0))

# ---- distance --------------------------------------------------------------------------------------------------------


def test_distance_is_depth_times_the_length_of_the_ray():
    distance = euclidean_distance(view_of())
    assert distance.dtype == np.float32 and distance.shape == (HEIGHT, WIDTH)
    assert distance[MIDDLE] == pytest.approx(5, rel=1e-6)
    # Eleven pixels below the middle the ray (0, 1/3, 1) meets the floor at depth 4.5.
    assert distance[23, 16] == pytest.approx(4.5 * np.hypot(1, 1 / 3), rel=1e-6)


def test_distance_is_that_of_the_points_hit_and_never_less_than_depth(few_views):
    for view in few_views:
        distance = euclidean_distance(view)
        np.testing.assert_allclose(distance, view.depth * np.linalg.norm(view.hits.rays, axis=0), rtol=1e-6)
        assert (distance >= view.depth).all()

# ---- curvature -------------------------------------------------------------------------------------------------------


def test_rooms_and_boxes_have_no_curvature_at_all():
    assert not principal_curvature(view_of(primitive('box', (2.0, 4.0, 1.2), (0.5, 0.4, 0.3), yaw=0.4))).any()


def test_sphere_bends_by_one_over_its_radius_in_both_directions():
    view = view_of(primitive('ellipsoid', (2.2, 4.0, 1.5), (0.4, 0.4, 0.4)))
    curvature = principal_curvature(view)
    assert curvature.dtype == np.float32
    assert (view.label == OBJECTS).sum() > 50
    np.testing.assert_allclose(curvature[view.label == OBJECTS], 2.5, rtol=1e-6)
    assert not curvature[view.label != OBJECTS].any()


def test_cylinder_bends_across_its_axis_only_and_its_cap_not_at_all():
    view = view_of(primitive('cylinder', (2.0, 4.0, 0.5), (0.4, 0.4, 0.5), yaw=1.0))
    curvature, seen = principal_curvature(view), view.label == OBJECTS
    cap = seen & (np.abs(view.hits.normal[2]) > 0.99)
    side = seen & ~cap
    assert cap.sum() >= 3 and side.sum() >= 15
    assert not curvature[cap].any()
    np.testing.assert_allclose(curvature[side, 0], 2.5, rtol=1e-6)
    np.testing.assert_array_equal(curvature[side, 1], 0)


@pytest.mark.parametrize(('yaw', 'half_depth'), [(0.0, 0.2), (np.pi / 2, 0.6)])
def test_elliptic_cylinder_bends_at_its_vertices_as_an_ellipse(yaw, half_depth):
    # At the end of the half axis q, across the half axis p, the curvature of an ellipse is q / p^2.
    view = view_of(primitive('cylinder', (2.0, 4.0, 1.5), (0.6, 0.2, 0.5), yaw=yaw))
    across = 0.8 - half_depth
    np.testing.assert_allclose(principal_curvature(view)[MIDDLE], [half_depth / across**2, 0], rtol=1e-5)


def test_ellipsoid_bends_at_its_vertex_as_its_two_ellipses():
    # Half axes 0.3 toward the camera, 0.8 across and 0.5 up: 0.3 / 0.5^2 and 0.3 / 0.8^2.
    view = view_of(primitive('ellipsoid', (2.0, 4.0, 1.5), (0.8, 0.3, 0.5)))
    np.testing.assert_allclose(principal_curvature(view)[MIDDLE], [1.2, 0.46875], rtol=1e-5)


def test_ellipsoid_bends_as_its_normals_turn_from_pixel_to_pixel():
    scene = room_with(primitive('ellipsoid', (2.1, 4.0, 1.4), (0.5, 0.3, 0.35), yaw=0.6))
    view = render_view(scene, replace(CAMERA, focal=3.0), 120, 160, np.random.default_rng(0))
    curvature = principal_curvature(view)
    x, y = np.meshgrid((np.arange(160) - 79.5) / 480, (np.arange(120) - 59.5) / 480)
    points = view.depth[..., None].astype(np.float64) * np.stack([x, y, np.ones_like(x)], -1)
    checked = 0
    for row in range(10, 110, 8):
        for column in range(10, 150, 8):
            if not (view.label[row - 4:row + 5, column - 4:column + 5] == OBJECTS).all():
                continue
            # Weingarten's equation: the normal's change per metre of way is the shape operator.
            ways = np.stack([points[row, column + 3] - points[row, column - 3],
                             points[row + 3, column] - points[row - 3, column]])
            turns = np.stack([view.normal[row, column + 3] - view.normal[row, column - 3],
                              view.normal[row + 3, column] - view.normal[row - 3, column]])
            operator = np.linalg.solve(ways @ ways.T, ways @ turns.T)
            expected = np.sort(np.linalg.eigvals(operator).real)[::-1]
            np.testing.assert_allclose(curvature[row, column], expected, rtol=0.03)
            checked += 1
    assert checked > 30
    assert np.ptp(curvature[view.label == OBJECTS][:, 0]) > 1  # not everywhere the same

# ---- reshading -------------------------------------------------------------------------------------------------------


def wall_at(distance):
    return view_of(primitive('box', (2.0, 1.0 + distance + 0.05, 1.5), (1.9, 0.05, 1.4)))


@pytest.mark.parametrize(('distance', 'expected'), [(4.0, 2.5 * 8 / 24), (3.6, 2.5 * 8 / 20.96), (1.0, 1.0)])
def test_wall_straight_ahead_is_as_bright_as_blender_says(distance, expected):
    assert reshading(wall_at(distance))[MIDDLE] == pytest.approx(expected, rel=1e-5)


def test_slanted_surface_receives_less_by_the_cosine():
    view = view_of()
    # Eleven pixels below the middle the floor, 4.743 m away, is seen at 18.4 degrees, whose sine is 1 / sqrt(10).
    expected = 2.5 * 8 / (8 + 4.5**2 * 10 / 9) / np.sqrt(10)
    assert reshading(view)[23, 16] == pytest.approx(expected, rel=1e-5)


def test_reshading_fades_with_distance_and_stays_between_black_and_white(few_views):
    brightness = [reshading(wall_at(distance))[MIDDLE] for distance in np.linspace(3.5, 4.5, 9)]
    assert (np.diff(brightness) < 0).all()
    for view in few_views:
        shade = reshading(view)
        assert shade.dtype == np.float32 and shade.min() >= 0 and shade.max() <= 1

# ---- occlusion edges -------------------------------------------------------------------------------------------------


def test_occlusion_edges_are_sobel_of_the_root_of_depth(few_views):
    for view in few_views[:4]:
        root = np.sqrt(512 * view.depth.astype(np.float64)) / 256
        expected = 65535 * skimage.filters.sobel(root)
        np.testing.assert_allclose(edge_occlusion(view.depth), expected, rtol=1e-5, atol=1e-6)


def test_step_from_two_to_eight_metres_has_the_height_worked_out_by_hand():
    depth = np.full((5, 6), 2.0, np.float32)
    depth[:, 3:] = 8.0
    # sqrt(512 z) is 32 and 64; a vertical step has a Sobel magnitude of its height over the root of two.
    expected = np.zeros((5, 6))
    expected[:, 2:4] = 65535 * (64 - 32) / 256 / np.sqrt(2)
    np.testing.assert_allclose(edge_occlusion(depth), expected, rtol=1e-6)


def test_hole_in_depth_is_no_edge_and_nor_is_what_the_filter_sees_of_it():
    depth = np.full((7, 9), 3.0)
    depth[3, 4] = 100.0
    valid = np.ones((7, 9), bool)
    valid[3, 4] = False
    assert edge_occlusion(depth)[3, 3] > 0
    assert not edge_occlusion(depth, valid).any()
    depth[3, 4] = np.nan
    assert not edge_occlusion(depth, valid).any()

# ---- boundary and saliency -------------------------------------------------------------------------------------------


def test_boundary_lies_on_the_nearer_object():
    view = view_of(primitive('box', (2.0, 3.0, 1.5), (0.4, 0.2, 0.4)))
    # The front is 1.8 m away and reaches 0.4 / 1.8 * 33 = 7.3 pixels from the middle.
    frame = np.zeros((HEIGHT, WIDTH), bool)
    frame[5:20, 9:24] = True
    frame[6:19, 10:23] = False
    found = boundary(view)[4:21, 8:25]  # without the borders of the wall
    # Thinning may cut the corners and nothing else.
    assert set(map(tuple, np.argwhere(found != frame[4:21, 8:25]).tolist())) <= {(1, 1), (1, 15), (15, 1), (15, 15)}


def test_boundary_parts_two_instances_of_one_class_and_two_classes_of_one_instance():
    left = primitive('box', (1.5, 4.0, 1.5), (0.5, 0.2, 0.5), label='chair')
    for label, instance, parted in (('chair', 6, False), ('chair', 7, True), ('books', 6, True)):
        right = as_instance(primitive('box', (2.5, 3.95, 1.5), (0.5, 0.2, 0.5), label=label), instance)
        column = boundary(view_of(left, right))[12, 10:23]  # the boxes span columns 5 to 27 and meet at 16
        assert column.any() == parted


def test_boundaries_are_one_pixel_wide_but_for_a_rare_junction(few_views):
    lines = np.stack([boundary(view) for view in few_views])
    blocks = lines[:, 1:, 1:] & lines[:, 1:, :-1] & lines[:, :-1, 1:] & lines[:, :-1, :-1]
    assert lines.any((1, 2)).all()
    assert blocks.sum() < 0.002 * lines.sum()
    for line in lines:
        np.testing.assert_array_equal(skimage.morphology.thin(line), line)


def test_boundary_pixel_has_a_neighbour_of_another_class_or_instance_that_is_no_nearer(few_views):
    for view in few_views:
        instance = np.array([surface.instance for surface in view.scene.surfaces])[view.hits.surface]
        kind = np.pad(1000 * view.label.astype(int) + instance, 1, mode='edge')
        depth = np.pad(view.depth, 1, mode='edge')
        here = np.s_[1:-1, 1:-1]
        has_one = np.zeros(view.depth.shape, bool)
        for there in (np.s_[:-2, 1:-1], np.s_[2:, 1:-1], np.s_[1:-1, :-2], np.s_[1:-1, 2:]):
            has_one |= (kind[there] != kind[here]) & (depth[there] >= depth[here])
        assert not (boundary(view) & ~has_one).any()


def test_bare_room_has_no_salient_object_and_decor_is_none():
    assert not saliency(view_of()).any()
    hung = primitive('box', (2.0, 5.9, 1.5), (0.8, 0.02, 0.6), label='picture')
    assert not saliency(view_of(hung)).any()


def test_salient_object_is_the_one_that_looks_largest_with_all_its_parts():
    near = [as_instance(primitive('box', (1.6, 3.0, 1.5), (0.3, 0.1, 0.1)), 6),
            as_instance(primitive('ellipsoid', (1.6, 3.0, 1.9), (0.2, 0.2, 0.2), label='books'), 6)]
    far_and_larger = as_instance(primitive('box', (2.8, 5.5, 1.5), (0.4, 0.1, 0.2)), 7)
    view = view_of(*near, far_and_larger)
    np.testing.assert_array_equal(saliency(view), (view.hits.surface == 6) | (view.hits.surface == 7))
    assert saliency(view).any() and (view.hits.surface == 8).any()


def test_salient_object_is_one_instance_seen_in_full(few_views):
    for view in few_views:
        instance = np.array([surface.instance for surface in view.scene.surfaces])[view.hits.surface]
        found = saliency(view)
        chosen = np.unique(instance[found])
        assert len(chosen) == 1 and chosen[0] >= len(view.scene.sides)
        np.testing.assert_array_equal(found, instance == chosen[0])

# ---- mirror images ---------------------------------------------------------------------------------------------------


def test_maps_of_a_mirrored_view_are_the_mirrored_maps(few_views):
    for view in few_views[:6]:
        mirrored = with_its_mirror_image(view)
        for target in (euclidean_distance, principal_curvature, reshading, saliency):
            np.testing.assert_allclose(target(mirrored), target(view)[:, ::-1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(edge_occlusion(mirrored.depth), edge_occlusion(view.depth)[:, ::-1], atol=1e-3)
