import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from lhl.datasets.transforms import RandomScaleCrop
from lhl.datasets.transforms.flip import flip
from lhl.datasets.transforms.scale_crop import bilinear, crop_size, resize_bilinear, zoom
from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS
from lhl.tasks import build_tasks

from ..nyuv2_files import TASKS
from .samples import assert_same, random_sample, random_zoom, seeds, zooms


@given(seed=seeds, chosen=zooms)
def test_zoom_and_flip_commute(seed, chosen):
    """Flip equivariance: zooming into the mirrored place of the mirrored sample mirrors the result."""
    sample = random_sample(seed, size=(13, 16))
    scale, vertical, _ = chosen
    height, width = crop_size((13, 16), scale)
    top, left = round(vertical * (13 - height)), 2
    zoomed_then_flipped = flip(zoom(sample, scale, top, left))
    flipped_then_zoomed = zoom(flip(sample), scale, top, 16 - width - left)
    np.testing.assert_allclose(zoomed_then_flipped['image'], flipped_then_zoomed['image'], atol=1e-6)
    both = {name: zoomed_then_flipped['valid'][name] & flipped_then_zoomed['valid'][name] for name in TASKS}
    for name in ('depth', 'segmentation'):
        np.testing.assert_array_equal(zoomed_then_flipped['valid'][name], flipped_then_zoomed['valid'][name])
        np.testing.assert_array_equal(zoomed_then_flipped['targets'][name], flipped_then_zoomed['targets'][name])
    np.testing.assert_allclose(zoomed_then_flipped['targets']['normal'][both['normal']],
                               flipped_then_zoomed['targets']['normal'][both['normal']], atol=2e-6)


def test_a_crop_of_288_by_384_has_the_sizes_of_the_original_augmentation():
    assert [crop_size((288, 384), scale) for scale in (1.0, 1.2, 1.5)] == [(288, 384), (240, 320), (192, 256)]


def test_zoom_by_one_gives_the_sample_back():
    assert_same(zoom(random_sample(), 1.0, 0, 0), random_sample())


def test_zoom_by_hand():
    """A crop of 2 x 3 to 3 x 5: odd pixels are means of their neighbours, corners stay."""
    tasks = build_tasks(dict(depth=TASKS['depth']))
    image = np.zeros((3, 5, 3), np.float32)
    image[1:, 1:4] = np.array([[0, 2, 4], [8, 6, 4]], np.float32)[..., None] / 8
    depth = np.full((3, 5, 1), 7, np.float32)
    depth[1:, 1:4, 0] = [[3, 6, 9], [12, 15, 18]]
    sample = dict(image=image, targets=dict(depth=depth), valid=dict(depth=np.full((3, 5), True)), tasks=tasks)
    zoomed = zoom(sample, 1.6, 1, 1)
    assert crop_size((3, 5), 1.6) == (2, 3)
    np.testing.assert_allclose(zoomed['image'][..., 0] * 8, [[0, 1, 2, 3, 4], [4, 4, 4, 4, 4], [8, 7, 6, 5, 4]])
    np.testing.assert_allclose(zoomed['targets']['depth'][::2, ::2, 0] * 1.6, [[3, 6, 9], [12, 15, 18]], rtol=1e-6)
    assert set(np.round(zoomed['targets']['depth'].ravel() * 1.6, 4)) == {3, 6, 9, 12, 15, 18}


@given(seed=seeds, chosen=zooms)
def test_zoom_keeps_classes_whole_divides_depth_and_keeps_normals_unit(seed, chosen):
    sample = random_sample(seed)
    zoomed = random_zoom(sample, chosen)
    assert set(zoomed['targets']['segmentation'].ravel()) <= set(sample['targets']['segmentation'].ravel())
    depths = sample['targets']['depth'] / np.float32(chosen[0])
    assert np.isin(zoomed['targets']['depth'], depths).all()
    lengths = np.linalg.norm(zoomed['targets']['normal'], axis=-1)
    np.testing.assert_allclose(lengths, zoomed['valid']['normal'], atol=1e-6)


@given(seed=seeds, chosen=zooms)
def test_zoom_keeps_shapes_and_types(seed, chosen):
    sample = random_sample(seed)
    zoomed = random_zoom(sample, chosen)
    assert zoomed['image'].shape == sample['image'].shape and zoomed['image'].dtype == np.float32
    for name in TASKS:
        for field in ('targets', 'valid'):
            assert zoomed[field][name].shape == sample[field][name].shape
            assert zoomed[field][name].dtype == sample[field][name].dtype


@given(seed=seeds, chosen=zooms)
def test_what_invalid_pixels_hold_changes_no_valid_pixel(seed, chosen):
    """The proof that nothing bleeds: other garbage below the mask gives the same result above it."""
    sample, garbage = random_sample(seed), random_sample(seed)
    for name, target in garbage['targets'].items():
        target[~garbage['valid'][name]] = 9
    zoomed, zoomed_garbage = random_zoom(sample, chosen), random_zoom(garbage, chosen)
    for name in TASKS:
        np.testing.assert_array_equal(zoomed['valid'][name], zoomed_garbage['valid'][name])
        np.testing.assert_array_equal(zoomed['targets'][name], zoomed_garbage['targets'][name])
        assert not zoomed['targets'][name][~zoomed['valid'][name]].any()


def test_a_bilinear_pixel_is_valid_only_if_all_that_it_mixes_are():
    target = np.arange(3, dtype=np.float32).reshape(1, 3, 1)
    mixed, valid = resize_bilinear(target, np.array([[True, True, False]]), (1, 5))
    np.testing.assert_array_equal(valid, [[True, True, True, False, False]])
    np.testing.assert_array_equal(mixed[0, :3, 0], [0, 0.5, 1])


@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_the_values_do_not_depend_on_the_number_of_threads(threads, channels):
    """A loader's worker has one thread, and without workers the main process may have several."""
    array = np.random.default_rng(0).random((24, 32, channels), np.float32)
    together = torch.from_numpy(array).permute(2, 0, 1)[None]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = bilinear(array, (30, 45))
        expected = F.interpolate(together, (30, 45), mode='bilinear', align_corners=True)[0].permute(1, 2, 0).numpy()
    finally:
        torch.set_num_threads(before)
    alone = [bilinear(array[..., [channel]], (30, 45))[..., 0] for channel in range(channels)]
    np.testing.assert_array_equal(found, np.stack(alone, -1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2.5e-7)


def test_an_array_of_a_mapped_file_is_resized_without_a_warning(recwarn):
    array = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    expected = bilinear(array, (3, 3))
    array.flags.writeable = False
    torch.set_warn_always(True)
    try:
        np.testing.assert_array_equal(bilinear(array, (3, 3)), expected)
    finally:
        torch.set_warn_always(False)
    assert [str(warning.message) for warning in recwarn] == []


def test_nearest_targets_and_bilinear_image_are_sampled_at_the_same_places():
    """An image of column numbers and a map of the same numbers never differ by more than half a pixel."""
    columns = np.broadcast_to(np.arange(24), (18, 24))
    sample = dict(
        image=np.repeat(columns[..., None], 3, -1).astype(np.float32) / 24,
        targets=dict(columns=columns.copy()), valid=dict(columns=np.full((18, 24), True)),
        tasks=build_tasks(dict(columns=dict(type='SemanticSegmentation', num_classes=24))))
    zoomed = zoom(sample, 1.5, 2, 5)
    assert np.abs(zoomed['image'][..., 0] * 24 - zoomed['targets']['columns']).max() <= 0.5 + 1e-5


@given(towards=st.tuples(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9)),
       chosen=st.sampled_from([(1.5, (49, 61), 3), (1.2, (37, 61), 6)]), focal=st.floats(50, 200))
def test_zoomed_normals_are_those_of_the_zoomed_depth_under_the_same_camera(towards, chosen, focal):
    """Geometry as the judge: a plane n . P = d, zoomed about the centre, is the surface that its normals describe.

    The sizes make the magnification exactly s and every ``period``-th pixel fall on a pixel of the crop, so depth is
    exact there and finite differences of the points give the plane's normal.
    """
    scale, (height, width), period = chosen
    normal = np.array([*towards, -1.5]) / np.linalg.norm([*towards, -1.5])
    rows, columns = np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2
    rays = np.stack([columns / focal, rows / focal, np.ones((height, width))], axis=-1)
    depth = -3 / (rays @ normal)
    seen = depth > 0
    sample = dict(
        image=np.zeros((height, width, 3), np.float32),
        targets=dict(depth=depth[..., None].astype(np.float32),
                     normal=np.broadcast_to(normal, rays.shape).astype(np.float32)),
        valid=dict(depth=seen.copy(), normal=seen.copy()),
        tasks=build_tasks(dict(depth=TASKS['depth'], normal=TASKS['normal'])))
    crop_height, crop_width = crop_size((height, width), scale)
    assert (height - 1) / (crop_height - 1) == pytest.approx(scale)
    zoomed = zoom(sample, scale, (height - crop_height) // 2, (width - crop_width) // 2)

    exact = slice(None, None, period), slice(None, None, period)
    points = (zoomed['targets']['depth'] * rays)[exact].astype(np.float64)
    valid = zoomed['valid']['depth'][exact]
    downwards, rightwards = points[1:, :-1] - points[:-1, :-1], points[:-1, 1:] - points[:-1, :-1]
    measured = np.cross(downwards, rightwards)
    usable = valid[1:, :-1] & valid[:-1, 1:] & valid[:-1, :-1] & zoomed['valid']['normal'][exact][:-1, :-1]
    measured = measured[usable] / np.linalg.norm(measured[usable], axis=-1, keepdims=True)
    given_normals = zoomed['targets']['normal'][exact][:-1, :-1][usable]
    assert usable.any()
    np.testing.assert_allclose(given_normals, measured, atol=2e-4)


def test_zoom_by_one_and_a_half_turns_a_normal_of_45_degrees_to_33_7():
    size = 4, 6
    sample = dict(
        image=np.zeros((*size, 3), np.float32),
        targets=dict(normal=np.full((*size, 3), [np.sqrt(0.5), 0, -np.sqrt(0.5)], np.float32)),
        valid=dict(normal=np.full(size, True)), tasks=build_tasks(dict(normal=TASKS['normal'])))
    x, y, z = np.moveaxis(zoom(sample, 1.5, 0, 1)['targets']['normal'], -1, 0)
    np.testing.assert_allclose(np.degrees(np.arctan2(x, -z)), 33.690067, rtol=1e-6)
    np.testing.assert_array_equal(y, 0)


def test_crops_reach_every_corner_and_every_scale():
    np.random.seed(0)
    size, places = (6, 9), np.arange(54).reshape(6, 9)
    sample = dict(image=np.zeros((*size, 3), np.float32), targets=dict(places=places),
                  valid=dict(places=np.full(size, True)),
                  tasks=build_tasks(dict(places=dict(type='SemanticSegmentation', num_classes=54))))
    transform = RandomScaleCrop()
    crops = {(int(crop[0, 0]), int(crop[-1, -1])) for crop in
             (transform(sample)['targets']['places'] for _ in range(400))}
    whole = {(0, 53)}
    by_1_2 = {(top * 9 + left, (top + 4) * 9 + left + 7) for top in range(2) for left in range(2)}
    by_1_5 = {(top * 9 + left, (top + 3) * 9 + left + 5) for top in range(3) for left in range(4)}
    assert crops == whole | by_1_2 | by_1_5


def test_it_is_built_by_name_and_prints_its_options():
    transform = TRANSFORMS.build(dict(type='RandomScaleCrop', scales=(1.0, 2.0)))
    assert repr(transform) == 'RandomScaleCrop(scales=(1.0, 2.0))'


@pytest.mark.parametrize(('options', 'message'), [
    (dict(scales=(0.5, 1.0)), 'of at least 1'),
    (dict(scales=()), 'one or more')])
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RandomScaleCrop(**options)
