"""Decoded samples that are kept: the same to the bit, read once, without a trace, given up where that is not safe."""
import errno
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lhl.datasets import EpochSampler, NYUv2, SampleKey, SynthObjects
from lhl.datasets.collate import collate_samples
from lhl.datasets.decoded_cache import DecodedCache, UnsuitableError, checked_gib, encoded, from_levels, image_levels
from lhl.datasets.transforms import RandomHorizontalFlip
from lhl.errors import ConfigError
from lhl.models import DensePreprocessor

from .nyuv2_files import TASKS, nyuv2

FLIP, PACK, CROP = dict(type='RandomHorizontalFlip'), dict(type='PackSample'), dict(type='RandomScaleCrop')
PIPELINES = dict(flip=[FLIP, PACK], crop=[CROP, FLIP, PACK], resize=[dict(type='Resize', size=(5, 7)), FLIP, PACK],
                 colours=[dict(type='PhotometricDistortion'), dict(type='RandomPaddedCrop', padding=2), PACK])


@pytest.fixture
def eight_bits(nyuv2_root):
    """Images as pictures hold them: some hundredths are not, 7 / 255 is."""
    for path in nyuv2_root.glob('*/image/*.npy'):
        np.save(path, (np.load(path) * 255).astype(np.uint8).astype(np.float32) / 255)
    return nyuv2_root


def batch(dataset, epoch):
    return DensePreprocessor()(collate_samples([dataset[SampleKey(place, epoch)] for place in range(len(dataset))]))


def bits(tensor):
    return tensor.contiguous().view(torch.uint8 if tensor.dtype == torch.bool else torch.int32)


def assert_same(first, second):
    assert first['meta'] == second['meta']
    assert torch.equal(bits(first['inputs']), bits(second['inputs']))
    for name in TASKS:
        for part in ('targets', 'valid'):
            assert first[part][name].dtype == second[part][name].dtype
            assert torch.equal(bits(first[part][name]), bits(second[part][name]))


@pytest.mark.parametrize('pipeline', PIPELINES)
@pytest.mark.parametrize('root', ['nyuv2_root', 'eight_bits'])
def test_kept_samples_are_the_same_to_the_bit(root, pipeline, tmp_path, request):
    root = request.getfixturevalue(root)
    decoding, keeping = (nyuv2(root, pipeline=PIPELINES[pipeline], part=dict(index=1, count=2)) for _ in range(2))
    keeping.keep_decoded(tmp_path, 1)
    for epoch in (0, 1, 2, 1):
        assert_same(batch(decoding, epoch), batch(keeping, epoch))


def test_kept_channels_lie_apart_as_a_batch_needs_them(nyuv2_root, tmp_path):
    dataset = nyuv2(nyuv2_root, pipeline=PIPELINES['flip'])
    decoded = dataset._decoded(0)
    dataset.keep_decoded(tmp_path, 1)
    dataset[0]
    kept = dataset._decoded(0)
    for before, after in ((decoded['image'], kept['image']), (decoded['targets']['normal'], kept['targets']['normal'])):
        assert np.array_equal(before, after) and np.moveaxis(after, -1, 0).flags.c_contiguous


def test_small_types_travel_where_no_transform_minds(eight_bits, tmp_path):
    dataset = nyuv2(eight_bits, pipeline=PIPELINES['flip'])
    dataset.keep_decoded(tmp_path, 1)
    sample = dataset[0]
    assert sample['inputs'].dtype == sample['targets']['segmentation'].dtype == torch.uint8
    dataset = nyuv2(eight_bits, pipeline=PIPELINES['crop'])
    dataset.keep_decoded(tmp_path, 1)
    sample = dataset[0]
    assert sample['inputs'].dtype == torch.float32 and sample['targets']['segmentation'].dtype == torch.uint8


def test_the_levels_of_an_image_are_exact_or_left_alone():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = levels.astype(np.float32) / 255
    assert np.array_equal(image_levels(image), levels) and np.array_equal(from_levels(levels), image)
    off = image.copy()
    off[3, 4] = np.nextafter(off[3, 4], np.float32(1))
    assert image_levels(off) is off
    negative_zero = image.copy()
    negative_zero[0, 0] = -0.0  # equal, but not to the bit
    assert image_levels(negative_zero) is negative_zero


def test_the_preprocessor_divides_levels_as_pictures_are_read():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16).repeat(3, axis=1)
    first = DensePreprocessor()(dict(inputs=torch.from_numpy(levels)))['inputs']
    second = DensePreprocessor()(dict(inputs=torch.from_numpy(levels.astype(np.float32) / 255)))['inputs']
    assert torch.equal(first, second)


@pytest.mark.parametrize('low, high, kind', [(0, 255, np.uint8), (-1, 7, np.int16), (0, 256, np.int16),
                                             (0, 32768, np.int32), (0, 2**31, np.int64)])
def test_class_indices_take_the_smallest_type_that_holds_them(low, high, kind):
    labels = np.array([[low, high]])
    sample = dict(image=np.zeros((1, 2, 3), np.float32), targets=dict(a=labels), valid=dict(a=labels > 0))
    assert encoded(sample)['targets', 'a'].dtype == kind
    assert np.array_equal(encoded(sample)['targets', 'a'], labels)


def test_files_are_read_once_by_all_workers_together(nyuv2_root, tmp_path):
    whole, dataset = (nyuv2(nyuv2_root, pipeline=PIPELINES['crop']) for _ in range(2))
    expected = batch(whole, 4)
    dataset.keep_decoded(tmp_path, 1)
    loader = DataLoader(dataset, 1, sampler=EpochSampler(dataset), num_workers=2, collate_fn=collate_samples)
    assert len(list(loader)) == 6
    shutil.rmtree(nyuv2_root)
    assert_same(expected, batch(dataset, 4))  # in this process, which has decoded the first only
    loader.sampler.set_epoch(4)
    found = {one['meta'][0]['index']: one for one in map(DensePreprocessor(), loader)}  # in new workers
    assert torch.equal(expected['inputs'], torch.cat([found[index]['inputs'] for index in range(6)]))


def test_nothing_lies_in_the_folder(nyuv2_root, tmp_path):
    folder = tmp_path / 'kept'
    folder.mkdir()
    dataset = nyuv2(nyuv2_root, pipeline=PIPELINES['flip'])
    dataset.keep_decoded(folder, 1)
    batch(dataset, 0)
    assert not list(folder.iterdir())


def test_a_process_that_is_not_forked_decodes(nyuv2_root, tmp_path):
    dataset = nyuv2(nyuv2_root, pipeline=PIPELINES['flip'])
    expected = batch(dataset, 0)
    dataset.keep_decoded(tmp_path, 1)
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.cache is None
    assert_same(expected, batch(copy, 0))


def test_a_full_disk_is_said_once_and_samples_are_decoded(nyuv2_root, tmp_path, monkeypatch):
    decoding, keeping = (nyuv2(nyuv2_root, pipeline=PIPELINES['crop']) for _ in range(2))
    keeping.keep_decoded(tmp_path, 1)
    said, write, room = [], os.pwrite, [2]

    def pwrite(file, content, offset):
        if offset >= keeping.cache.start:  # the table is on the disk already
            room[0] -= 1
            if room[0] < 0:
                raise OSError(errno.ENOSPC, 'No space left on device')
        return write(file, content, offset)

    monkeypatch.setattr(os, 'pwrite', pwrite)
    monkeypatch.setattr('lhl.datasets.decoded_cache.print_log', lambda text, **kwargs: said.append(text))
    for epoch in (0, 1):
        assert_same(batch(decoding, epoch), batch(keeping, epoch))
    assert said == ['no further decoded image is kept (No space left on device): the others are decoded in every epoch']


def test_a_worker_that_dies_while_it_writes_leaves_an_empty_place(tmp_path, monkeypatch):
    arrays = {('image', ''): np.ones((2, 3, 3), np.float32)}
    cache = DecodedCache(tmp_path, arrays, 2)
    write = os.pwrite

    def pwrite(file, content, offset):
        if offset < cache.start:
            raise KeyboardInterrupt
        return write(file, content, offset)

    monkeypatch.setattr(os, 'pwrite', pwrite)
    with pytest.raises(KeyboardInterrupt):
        cache.put(1, arrays)
    assert cache.get(1) is None
    monkeypatch.undo()
    cache.put(1, arrays)
    assert cache.get(0) is None and np.array_equal(cache.get(1)['image', ''], arrays['image', ''])


def test_what_the_disk_has_lost_is_decoded_again(nyuv2_root, tmp_path):
    decoding, keeping = (nyuv2(nyuv2_root, pipeline=PIPELINES['crop']) for _ in range(2))
    keeping.keep_decoded(tmp_path, 1)
    batch(keeping, 0)
    cache = keeping.cache
    os.pwrite(cache.file, b'\x55', cache.start + 2 * cache.slot + 17)  # a byte of an image
    os.pwrite(cache.file, bytes(cache.slot), cache.start + 4 * cache.slot)
    assert [cache.get(place) is not None for place in range(6)] == [True, True, False, True, False, True]
    assert_same(batch(decoding, 1), batch(keeping, 1))
    assert all(cache.get(place) is not None for place in range(6))


def test_what_is_of_another_size_or_type_is_not_kept(eight_bits, tmp_path):
    wide = np.random.default_rng(0).random((12, 16, 3), np.float32)
    np.save(eight_bits / 'train/image/3.npy', wide)
    decoding, keeping = (nyuv2(eight_bits, pipeline=PIPELINES['flip']) for _ in range(2))
    keeping.keep_decoded(tmp_path, 1)
    for epoch in (0, 1):  # the batch mixes images of 8 bits with one that is not
        assert_same(batch(decoding, epoch), batch(keeping, epoch))
    assert [keeping.cache.get(place) is not None for place in range(6)] == [True, True, True, False, True, True]


class _Brightening(RandomHorizontalFlip):
    """Derived from a transform that only moves pixels, it computes, in place."""

    def transform(self, sample):
        assert sample['image'].dtype == np.float32 and sample['targets']['segmentation'].dtype == np.int64
        sample['image'] *= np.float32(0.5)
        sample['targets']['segmentation'] += 1000
        return sample


def test_a_transform_that_says_nothing_of_itself_gets_what_is_promised(eight_bits, tmp_path):
    dataset = nyuv2(eight_bits)
    dataset.pipeline.transforms = [_Brightening()]
    dataset.keep_decoded(tmp_path, 1)
    plain = nyuv2(eight_bits)[0]
    for _ in range(2):
        sample = dataset[0]
        np.testing.assert_array_equal(sample['image'], plain['image'] * np.float32(0.5))
        np.testing.assert_array_equal(sample['targets']['segmentation'], plain['targets']['segmentation'] + 1000)



def test_what_takes_too_much_is_refused(nyuv2_root, tmp_path, monkeypatch):
    dataset = nyuv2(nyuv2_root, pipeline=PIPELINES['flip'])
    # A pixel has 12 bytes of the image, 1 of a class, 4 of depth, 12 of a normal and 3 masks: 32, times 192 and 6.
    assert dataset.keep_decoded(tmp_path, 1) == 6 * 192 * 32 == 36864
    with pytest.raises(UnsuitableError, match=r'more than env_cfg.decoded_cache_gib=3e-05'):
        dataset.keep_decoded(tmp_path, 3e-5)  # 32212 bytes
    dataset.keep_decoded(tmp_path, 4e-5)
    with pytest.raises(UnsuitableError, match='decoded_cache_gib=4e-05'):
        dataset.keep_decoded(tmp_path, 4e-5, num_processes=2)
    monkeypatch.setattr(shutil, 'disk_usage', lambda folder: shutil._ntuple_diskusage(10**6, 0, 2 * 36864 - 1))
    with pytest.raises(UnsuitableError, match='0.0 GiB that are free'):
        dataset.keep_decoded(tmp_path, 1)


def test_images_without_files_are_not_kept(tmp_path):
    dataset = SynthObjects('train', dict(a=dict(type='ImageClassification', num_classes=10)), [PACK])
    with pytest.raises(UnsuitableError, match='is no file of its own'):
        dataset.keep_decoded(tmp_path, 1)


@pytest.mark.parametrize('draw', [np.random.rand, lambda: torch.rand(1).item()])
def test_a_data_set_that_draws_while_it_loads_is_not_kept(nyuv2_root, tmp_path, draw):
    class Noisy(NYUv2):
        def load_image(self, sample):
            return super().load_image(sample) * np.float32(draw())

    with pytest.raises(UnsuitableError, match='Noisy draws at random'):
        Noisy(nyuv2_root, 'train', TASKS, [PACK]).keep_decoded(tmp_path, 1)


@pytest.mark.parametrize('gib', [-1, 'much', True, float('nan'), float('inf'), None])
def test_what_is_no_amount_is_refused(gib):
    with pytest.raises(ConfigError, match='env_cfg.decoded_cache_gib=.* is impossible'):
        checked_gib(gib)


def test_a_sample_says_which_it_is_and_whether_it_is_mirrored(nyuv2_root, tmp_path):
    dataset = nyuv2(nyuv2_root, pipeline=PIPELINES['flip'], part=dict(index=0, count=2))
    plain = nyuv2(nyuv2_root, part=dict(index=0, count=2))
    dataset.keep_decoded(tmp_path, 1)
    flips = set()
    for place, epoch in [(place, epoch) for place in range(3) for epoch in range(5)]:
        sample = dataset[SampleKey(place, epoch)]
        image = torch.from_numpy(plain[place]['image']).permute(2, 0, 1)
        assert sample['meta']['index'] == dataset.indices[place]
        assert torch.equal(sample['inputs'], image.flip(-1) if sample['meta']['flip'] else image)
        flips.add(sample['meta']['flip'])
    assert flips == {True, False}
