import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.datasets.transforms import RandomResizedCropPad
from lhl.datasets.transforms.resize import resize
from lhl.datasets.transforms.resized_crop_pad import crop_and_pad, largest_share, rescale
from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS
from lhl.tasks import build_tasks

from ..nyuv2_files import TASKS
from .samples import random_sample

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, size=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_every_result_has_the_size_and_its_own_valid_values(seed, size):
    np.random.seed(seed)
    sample = random_sample(seed)
    view = RandomResizedCropPad(size)(sample)
    assert view['image'].shape == (*size, 3) and view['image'].dtype == np.float32
    for name in TASKS:
        assert view['valid'][name].shape == size == view['targets'][name].shape[:2]
        assert view['targets'][name].dtype == sample['targets'][name].dtype
        assert not view['targets'][name][~view['valid'][name]].any()


@pytest.mark.parametrize('scale', [0.5, 0.8, 1.0, 1.6, 2.0])
def test_depth_is_divided_by_the_scale_whether_it_is_nearer_or_farther(scale):
    sample = random_sample(known=1.1)
    sample['targets']['depth'][:] = 4
    np.testing.assert_allclose(rescale(sample, scale)['targets']['depth'], 4 / scale, rtol=1e-6)


@pytest.mark.parametrize(('scale', 'degrees'), [(0.5, 63.434949), (1.0, 45), (2.0, 26.565051)])
def test_a_normal_of_45_degrees_turns_by_the_arc_tangent(scale, degrees):
    """(1, 0, -1) becomes (1, 0, -s): tan(angle from the axis) = 1 / s."""
    sample = random_sample(known=1.1)
    sample['targets']['normal'][:] = np.array([1, 0, -1]) / np.sqrt(2)
    x, y, z = np.moveaxis(rescale(sample, scale)['targets']['normal'], -1, 0)
    np.testing.assert_allclose(np.degrees(np.arctan2(x, -z)), degrees, rtol=1e-5)
    np.testing.assert_array_equal(y, 0)
    np.testing.assert_allclose(x**2 + z**2, 1, rtol=1e-5)


@pytest.mark.parametrize('scale', [0.5, 2.0])
@pytest.mark.parametrize('towards', [(0.3, 0.2), (-0.6, 0.1)])
def test_rescaled_normals_are_those_of_the_rescaled_depth_under_the_same_camera(scale, towards):
    """Geometry as the judge: finite differences of the points of a plane, seen at another scale."""
    height, width, focal = 41, 61, 60
    normal = np.array([*towards, -1.5]) / np.linalg.norm([*towards, -1.5])

    def rays(rows, columns):
        ys, xs = (np.linspace(-(side - 1) / 2, (side - 1) / 2, side) for side in (rows, columns))
        return np.stack([*np.meshgrid(xs / focal, ys / focal), np.ones((rows, columns))], axis=-1)

    # Sizes whose corners are exactly ``scale`` times as far apart; nearest neighbours then repeat or skip pixels.
    size = tuple(round((side - 1) * scale) + 1 for side in (height, width))
    depth = -3 / (rays(height, width) @ normal)
    sample = dict(
        image=np.zeros((height, width, 3), np.float32),
        targets=dict(depth=depth[..., None].astype(np.float32),
                     normal=np.broadcast_to(normal, (height, width, 3)).astype(np.float32)),
        valid=dict(depth=depth > 0, normal=depth > 0),
        tasks=build_tasks(dict(depth=TASKS['depth'], normal=TASKS['normal'])))
    exact = slice(None, None, max(round(scale), 1))
    resized = resize(sample, size)
    seen = {name: sample['tasks'][name].zoom_target(target, scale) for name, target in resized['targets'].items()}
    points = (seen['depth'] * rays(*size))[exact, exact].astype(np.float64)
    cross = np.cross(points[1:, :-1] - points[:-1, :-1], points[:-1, 1:] - points[:-1, :-1])
    cross /= np.linalg.norm(cross, axis=-1, keepdims=True)
    np.testing.assert_allclose(seen['normal'][exact, exact][:-1, :-1], cross, atol=5e-4)


def test_a_smaller_sample_is_padded_right_and_below_with_black_and_invalid():
    sample = random_sample(known=1.1, size=(8, 12))
    view = RandomResizedCropPad((20, 30), scale=(1.0, 1.0))(sample)
    np.testing.assert_array_equal(view['image'][:8, :12], sample['image'])
    assert not view['image'][8:].any() and not view['image'][:, 12:].any()
    for name in TASKS:
        np.testing.assert_array_equal(view['targets'][name][:8, :12], sample['targets'][name])
        assert view['valid'][name][:8, :12].all() and view['valid'][name].sum() == 96


def test_it_may_be_padded_in_one_direction_and_cropped_in_the_other():
    sample = random_sample(known=1.1, size=(8, 12))
    view = crop_and_pad(sample, (slice(0, 10), slice(3, 8)), (10, 5))
    np.testing.assert_array_equal(view['targets']['depth'][:8], sample['targets']['depth'][:, 3:8])
    assert not view['valid']['depth'][8:].any()


def test_crops_reach_every_place():
    np.random.seed(0)
    places = np.arange(54).reshape(6, 9)
    sample = dict(image=np.zeros((6, 9, 3), np.float32), targets=dict(places=places),
                  valid=dict(places=np.full((6, 9), True)),
                  tasks=build_tasks(dict(places=dict(type='SemanticSegmentation', num_classes=54))))
    transform = RandomResizedCropPad((4, 6), scale=(1.0, 1.0))
    corners = {int(transform(sample)['targets']['places'][0, 0]) for _ in range(300)}
    assert corners == {row * 9 + column for row in range(3) for column in range(4)}


def class_sample(labels, valid=None):
    return dict(image=np.zeros((*labels.shape, 3), np.float32), targets=dict(segmentation=labels),
                valid=dict(segmentation=np.full(labels.shape, True) if valid is None else valid),
                tasks=build_tasks(dict(segmentation=TASKS['segmentation'])))


def test_the_largest_share_counts_labelled_pixels_only():
    labels = np.array([[0, 0, 0, 0], [3, 3, 5, 0]])
    valid = np.array([[True, True, False, False], [True, True, True, False]])
    window = slice(0, 2), slice(0, 4)
    assert largest_share(class_sample(labels), window) == 5 / 8
    assert largest_share(class_sample(labels, valid), window) == 2 / 5
    assert largest_share(class_sample(labels, valid), (slice(0, 1), slice(2, 4))) == 1
    assert largest_share(class_sample(labels), (slice(1, 2), slice(0, 4))) == 0.5


def test_a_crop_dominated_by_one_class_is_tried_again():
    """Of 25 places, the 4 from column 21 on show 4 to 7 columns of the second class: enough for the first to share."""
    labels = np.zeros((4, 40), np.int64)
    labels[:, 33:] = 1
    np.random.seed(0)
    balanced, any_crop = (np.mean([
        0.25 <= (transform(class_sample(labels))['targets']['segmentation'] == 1).mean() <= 0.75 for _ in range(200)])
        for transform in (RandomResizedCropPad((4, 16), (1.0, 1.0), ratio) for ratio in (0.75, 1)))
    assert abs(any_crop - 4 / 25) < 4 * np.sqrt(0.16 * 0.84 / 200)
    assert abs(balanced - (1 - (21 / 25)**10)) < 4 * np.sqrt(0.82 * 0.18 / 200)


def test_a_sample_without_classes_takes_the_first_crop():
    sample = random_sample()
    sample = dict(sample, **{field: dict(depth=sample[field]['depth']) for field in ('targets', 'valid', 'tasks')})
    results = []
    for ratio in (0.1, 1):
        np.random.seed(3)
        results.append(RandomResizedCropPad((6, 6), cat_max_ratio=ratio)(sample))
    np.testing.assert_array_equal(results[0]['image'], results[1]['image'])


def test_scales_are_spread_evenly_over_their_range(monkeypatch):
    drawn = []
    monkeypatch.setattr('lhl.datasets.transforms.resized_crop_pad.rescale',
                        lambda sample, scale: drawn.append(scale) or sample)
    np.random.seed(0)
    transform = RandomResizedCropPad((4, 4), scale=(0.5, 2.0), cat_max_ratio=1)
    sample = random_sample(size=(5, 5))
    for _ in range(400):
        transform(sample)
    assert 0.5 <= min(drawn) and max(drawn) <= 2.0
    assert abs(np.mean(drawn) - 1.25) < 4 * 1.5 / np.sqrt(12 * 400)
    assert abs(np.std(drawn) - 1.5 / np.sqrt(12)) < 0.05


def test_it_is_built_by_name_and_prints_its_options():
    config = dict(type='RandomResizedCropPad', size=[4, 6], scale=[0.5, 2.0])
    assert repr(TRANSFORMS.build(config)) == (
        'RandomResizedCropPad(size=(4, 6), scale=(0.5, 2.0), cat_max_ratio=0.75)')


@pytest.mark.parametrize(('options', 'message'), [
    (dict(size=4), 'expected two whole numbers'), (dict(size=(4, 6), scale=(2.0, 0.5)), 'smallest and the largest'),
    (dict(size=(4, 6), scale=(0, 1)), 'more than 0'), (dict(size=(4, 6), scale=(1.0, )), 'smallest and the largest'),
    (dict(size=(4, 6), cat_max_ratio=0), 'from 0 to 1'), (dict(size=(4, 6), cat_max_ratio=1.2), 'from 0 to 1')])
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RandomResizedCropPad(**options)


def test_one_label_for_the_image_does_not_make_a_crop_dominated_by_a_class():
    # All attempts but the first would be drawn if it did.
    sample = dict(random_sample(), targets=dict(objects=np.array([[4]])), valid=dict(objects=np.array([[True]])),
                  tasks=build_tasks(dict(objects=dict(type='ImageClassification', num_classes=5))))
    np.random.seed(0)
    TRANSFORMS.build(dict(type='RandomResizedCropPad', size=(4, 4), scale=(1.0, 1.0), cat_max_ratio=0.5))(sample)
    drawn = np.random.rand()
    np.random.seed(0)
    np.random.uniform(1.0, 1.0), np.random.randint(13 - 4 + 1), np.random.randint(17 - 4 + 1)
    assert drawn == np.random.rand()
