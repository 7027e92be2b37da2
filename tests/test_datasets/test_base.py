"""What every data set shares, shown on NYUv2."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lhl.datasets import SampleKey
from lhl.datasets.base import part_indices
from lhl.datasets.nyuv2 import CLASSES, PALETTE
from lhl.errors import ConfigError, DataError

from .nyuv2_files import RANDOM_PIPELINE, TASKS, equal, nyuv2


def test_normals_stored_in_half_precision_become_unit_vectors(nyuv2_root):
    sample = nyuv2(nyuv2_root)[0]
    lengths = np.linalg.norm(sample['targets']['normal'], axis=-1)
    np.testing.assert_allclose(lengths, sample['valid']['normal'], atol=3e-7)


def test_an_image_that_exceeds_one_by_rounding_is_clipped(nyuv2_root):
    path = nyuv2_root / 'train/image/0.npy'
    image = np.load(path)
    image[0, 0] = -2e-4, 1.0002, 0.5
    np.save(path, image)
    np.testing.assert_array_equal(nyuv2(nyuv2_root)[0]['image'][0, 0], np.float32([0, 1, 0.5]))


def test_metainfo_describes_the_data_in_plain_types(nyuv2_root):
    metainfo = nyuv2(nyuv2_root, 'val').metainfo
    assert metainfo['split'] == 'val' and metainfo['tasks'] == ['segmentation', 'depth', 'normal']
    assert metainfo['classes'] == list(CLASSES) and len(CLASSES) == len(set(PALETTE)) == 13
    metainfo['classes'].clear()
    assert nyuv2(nyuv2_root).metainfo['classes'] == list(CLASSES)


def test_three_parts_of_the_training_set_have_265_images_each():
    assert [len(part_indices(795, index, 3)) for index in range(3)] == [265, 265, 265]


@given(count=st.integers(1, 12), extra=st.integers(0, 60), seed=st.integers(0, 2**32 - 1))
def test_parts_are_disjoint_even_sorted_and_together_all_images(count, extra, seed):
    parts = [part_indices(count + extra, index, count, seed) for index in range(count)]
    assert sorted(sum(parts, [])) == list(range(count + extra))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(part == sorted(part) for part in parts)


def test_another_seed_cuts_other_parts():
    assert part_indices(795, 0, 3, seed=0) != part_indices(795, 0, 3, seed=1)


def test_several_parts_are_all_their_images():
    assert part_indices(20, [0, 2], 3) == sorted(part_indices(20, 0, 3) + part_indices(20, 2, 3))
    with pytest.raises(ConfigError, match='part index 3 does not exist'):
        part_indices(20, [0, 3], 3)


def test_with_the_labels_of_its_own_part_an_image_is_labelled_for_one_task(nyuv2_root):
    names = list(TASKS)
    parts = dict(index=list(range(len(names))), count=len(names))
    everything = nyuv2(nyuv2_root, part=parts)
    divided = nyuv2(nyuv2_root, part=parts, labels='own_part')
    seen = {name: [] for name in names}
    for position, index in enumerate(divided.indices):
        sample, labelled = divided[position], everything[position]
        task, = [name for name in names if sample['valid'][name].any()]
        seen[task].append(index)
        assert (sample['valid'][task] == labelled['valid'][task]).all()
        assert (sample['targets'][task] == labelled['targets'][task]).all()
        assert all((sample['targets'][name] == 0).all() for name in names if name != task)
    assert [seen[name] for name in names] == [
        part_indices(len(everything), index, len(names)) for index in range(len(names))]


@pytest.mark.parametrize('part', [None, dict(index=0, count=3), dict(index=[0, 1], count=3)])
def test_labels_of_the_own_part_need_a_part_for_every_task(nyuv2_root, part):
    with pytest.raises(ConfigError, match="labels='own_part' needs as many parts as tasks"):
        nyuv2(nyuv2_root, part=part, labels='own_part')


def test_an_image_is_augmented_the_same_in_a_part_as_in_the_whole(nyuv2_root):
    whole = nyuv2(nyuv2_root, pipeline=RANDOM_PIPELINE)
    part = nyuv2(nyuv2_root, pipeline=RANDOM_PIPELINE, part=dict(index=1, count=2))
    assert len(part) == 3
    for position, index in enumerate(part.indices):
        assert part[position]['meta']['index'] == index
        assert equal(part[SampleKey(position, 4)], whole[SampleKey(index, 4)])


def test_a_sample_depends_on_seed_epoch_and_image_and_on_nothing_else(nyuv2_root):
    dataset = nyuv2(nyuv2_root, pipeline=RANDOM_PIPELINE)
    first = [dataset[SampleKey(position, 3)] for position in range(6)]
    again = [dataset[SampleKey(position, 3)] for position in reversed(range(6))][::-1]
    assert all(equal(one, other) for one, other in zip(first, again, strict=True))
    other_epoch = [dataset[SampleKey(position, 4)] for position in range(6)]
    assert not all(equal(one, other) for one, other in zip(first, other_epoch, strict=True))
    other_seed = nyuv2(nyuv2_root, pipeline=RANDOM_PIPELINE, seed=1)
    assert not all(equal(sample, other_seed[SampleKey(position, 3)]) for position, sample in enumerate(first))


def test_a_plain_index_means_epoch_zero(nyuv2_root):
    dataset = nyuv2(nyuv2_root, pipeline=RANDOM_PIPELINE)
    assert all(equal(dataset[position], dataset[SampleKey(position, 0)]) for position in range(6))


def test_loading_leaves_the_random_state_of_the_process_alone(nyuv2_root):
    import random

    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    expected = draw()
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    nyuv2(nyuv2_root, pipeline=RANDOM_PIPELINE)[0]
    assert draw() == expected


def test_a_split_that_does_not_exist_is_refused(nyuv2_root):
    with pytest.raises(ConfigError, match="no split 'trian'; did you mean 'train'"):
        nyuv2(nyuv2_root, 'trian')


@pytest.mark.parametrize(('part', 'message'), [
    (dict(index=3, count=3), 'part index 3 does not exist; the 3 parts are numbered from 0 to 2'),
    (dict(index=-1, count=3), 'part index -1 does not exist'),
    (dict(index=0, count=7), '6 images cannot be cut into 7 parts; ask for at most 6')])
def test_a_part_that_does_not_exist_is_refused(nyuv2_root, part, message):
    with pytest.raises(ConfigError, match=message):
        nyuv2(nyuv2_root, part=part)


def test_a_transform_that_rejects_an_image_is_refused(nyuv2_root):
    dataset = nyuv2(nyuv2_root)
    dataset.pipeline.transforms = [lambda sample: None]
    with pytest.raises(DataError, match=r"gave None for '.*train/image/0\.npy'"):
        dataset[0]
