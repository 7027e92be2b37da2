import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.datasets.transforms import Resize
from lhl.datasets.transforms.resize import resize, resize_image
from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS
from lhl.tasks import build_tasks

from ..nyuv2_files import TASKS
from .samples import random_sample

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(seed=st.integers(0, 2**32 - 1), size=sizes)
def test_all_that_belongs_to_a_sample_gets_the_size(seed, size):
    resized = Resize(size)(random_sample(seed))
    assert resized['image'].shape == (*size, 3) and resized['image'].dtype == np.float32
    assert 0 <= resized['image'].min() and resized['image'].max() <= 1
    shapes = dict(segmentation=size, depth=(*size, 1), normal=(*size, 3))
    for name in TASKS:
        assert resized['targets'][name].shape == shapes[name] and resized['valid'][name].shape == size
        assert not resized['targets'][name][~resized['valid'][name]].any()
    lengths = np.linalg.norm(resized['targets']['normal'], axis=-1)[resized['valid']['normal']]
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


@given(seed=st.integers(0, 2**32 - 1), size=sizes)
def test_depth_and_classes_are_never_mixed_or_changed(seed, size):
    """More or fewer pixels of the same scene from the same place: no distance changes, unlike under a zoom."""
    sample = random_sample(seed)
    resized = resize(sample, size)
    for name in ('depth', 'segmentation'):
        values = resized['targets'][name][resized['valid'][name]]
        assert np.isin(values, sample['targets'][name][sample['valid'][name]]).all()


def test_the_same_size_changes_nothing():
    sample = random_sample()
    assert resize(sample, (13, 17)) is sample


def test_every_second_pixel_of_a_target_is_taken_when_it_is_halved():
    sample = random_sample(size=(13, 17))
    resized = resize(sample, (7, 9))
    np.testing.assert_array_equal(resized['targets']['segmentation'], sample['targets']['segmentation'][::2, ::2])
    np.testing.assert_array_equal(resized['valid']['depth'], sample['valid']['depth'][::2, ::2])


@pytest.mark.parametrize('size', [(24, 36), (31, 47), (192, 288), (24, 288), (192, 36)])
def test_image_and_targets_are_sampled_at_the_same_places(size):
    """An image of column numbers and a map of the same numbers: also far from the centre, and antialiased."""
    columns = np.broadcast_to(np.arange(144), (96, 144))
    sample = dict(
        image=np.repeat(columns[..., None], 3, -1).astype(np.float32) / 143,
        targets=dict(columns=columns.copy()), valid=dict(columns=np.full((96, 144), True)),
        tasks=build_tasks(dict(columns=dict(type='SemanticSegmentation', num_classes=144))))
    resized = resize(sample, size)
    inner = slice(4, -4)  # beyond, the blur mirrors the image
    found = resized['image'][:, inner, 0] * 143
    assert np.abs(found - np.linspace(0, 143, size[1])[inner]).max() < 0.02
    assert np.abs(found - resized['targets']['columns'][:, inner]).max() <= 0.52


@pytest.mark.parametrize('axis', [0, 1, None])
def test_a_pattern_finer_than_the_result_becomes_grey_and_no_pattern(axis):
    places = np.indices((96, 144))
    pattern = (places.sum(axis=0) if axis is None else places[axis]) % 2
    image = np.repeat(pattern[..., None], 3, -1).astype(np.float32)
    small = resize_image(image, (24, 36))
    assert np.abs(small[2:-2, 2:-2] - 0.5).max() < 0.02
    assert np.abs(image[::4, ::4] - 0.5).min() == 0.5  # as it would be without a blur


def test_only_the_direction_that_shrinks_is_blurred():
    stripes = np.repeat((np.arange(40) % 2)[:, None], 160, axis=1)
    image = np.repeat(stripes[..., None], 3, -1).astype(np.float32)
    np.testing.assert_allclose(resize_image(image, (40, 40)), image[:, :40], atol=1e-6)


def test_an_image_of_one_colour_keeps_it():
    image = np.full((30, 40, 3), [0.2, 0.5, 0.9], np.float32)
    for size in ((7, 9), (60, 80), (1, 1), (60, 9)):
        np.testing.assert_allclose(resize_image(image, size), np.broadcast_to([0.2, 0.5, 0.9], (*size, 3)), atol=1e-6)


def test_it_is_built_by_name_and_prints_its_options():
    assert repr(TRANSFORMS.build(dict(type='Resize', size=[288, 384]))) == 'Resize(size=(288, 384))'


@pytest.mark.parametrize('size', [256, (256, ), (0, 4), (2.5, 4), (1, 2, 3)])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(ConfigError, match='expected two whole numbers'):
        Resize(size)
