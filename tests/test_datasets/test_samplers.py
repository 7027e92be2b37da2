from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from lhl.datasets import EpochSampler, NYUv2, SampleKey, collate_samples, share_batches

from .nyuv2_files import TASKS

RANDOM_PIPELINE = [dict(type='RandomScaleCrop'), dict(type='RandomHorizontalFlip'), dict(type='PackSample')]


def sampler_of_rank(rank, world_size, length, **options):
    with mock.patch('lhl.datasets.samplers.get_dist_info', return_value=(rank, world_size)):
        return EpochSampler(range(length), **options)


def at_epoch(sampler, epoch):
    sampler.set_epoch(epoch)
    return list(sampler)


lengths, worlds, epochs = st.integers(1, 40), st.integers(1, 5), st.integers(0, 1000)


@given(length=lengths, epoch=epochs, seed=st.integers(0, 2**31))
def test_an_epoch_draws_every_sample_once_and_names_the_epoch(length, epoch, seed):
    keys = at_epoch(EpochSampler(range(length), seed=seed), epoch)
    assert sorted(key.index for key in keys) == list(range(length))
    assert {key.epoch for key in keys} == {epoch}


@given(length=lengths, epoch=epochs)
def test_a_fresh_sampler_resumes_at_any_epoch(length, epoch):
    used = EpochSampler(range(length), seed=3)
    for earlier in range(2):
        at_epoch(used, earlier)
    assert at_epoch(used, epoch) == at_epoch(EpochSampler(range(length), seed=3), epoch) == list(used)


@given(length=lengths, epoch=epochs, position=st.integers(0, 50))
def test_an_epoch_can_begin_in_its_middle(length, epoch, position):
    sampler = EpochSampler(range(length), seed=3)
    whole = at_epoch(sampler, epoch)
    sampler.start_at(position)
    assert at_epoch(sampler, epoch) == whole[position:] and len(sampler) == length


def test_epochs_and_seeds_give_different_orders():
    orders = [tuple(key.index for key in at_epoch(EpochSampler(range(50), seed=seed), epoch))
              for seed in range(4) for epoch in range(4)]
    assert len(set(orders)) == 16


@given(length=lengths, world_size=worlds, epoch=epochs, shuffle=st.booleans())
def test_ranks_interleave_to_the_order_of_one_process(length, world_size, epoch, shuffle):
    alone = at_epoch(EpochSampler(range(length), shuffle=shuffle), epoch)
    ranks = [at_epoch(sampler_of_rank(rank, world_size, length, shuffle=shuffle, round_up=False), epoch)
             for rank in range(world_size)]
    assert [ranks[position % world_size][position // world_size] for position in range(length)] == alone
    assert sum(map(len, ranks)) == length


@given(batch=st.integers(1, 4), batches=st.integers(1, 5), epoch=epochs)
def test_the_batches_of_two_ranks_are_the_global_batches_of_one_process(batch, batches, epoch):
    length = 2 * batch * batches
    alone = at_epoch(EpochSampler(range(length)), epoch)
    first, second = (at_epoch(sampler_of_rank(rank, 2, length), epoch) for rank in range(2))
    for number in range(batches):
        local = slice(number * batch, (number + 1) * batch)
        assert set(first[local] + second[local]) == set(alone[2 * number * batch:2 * (number + 1) * batch])


@given(length=lengths, world_size=worlds, batch=st.integers(1, 4), epoch=epochs)
def test_ranks_that_drop_the_last_batch_have_the_batches_of_one_process_that_does(length, world_size, batch, epoch):
    ranks = []
    for rank in range(world_size):
        sampler = sampler_of_rank(rank, world_size, length)
        share_batches(DataLoader(range(length), batch, sampler=sampler, drop_last=True))
        ranks.append(at_epoch(sampler, epoch))
        assert len(ranks[-1]) == len(sampler)
    alone, whole = at_epoch(EpochSampler(range(length)), epoch), batch * world_size
    assert {len(keys) // batch for keys in ranks} == {length // whole}
    for number in range(length // whole):
        together = [key for keys in ranks for key in keys[number * batch:(number + 1) * batch]]
        assert sorted(together) == sorted(alone[number * whole:(number + 1) * whole])


@given(length=lengths, world_size=worlds, round_up=st.booleans())
def test_the_length_is_the_number_of_keys(length, world_size, round_up):
    for rank in range(world_size):
        sampler = sampler_of_rank(rank, world_size, length, round_up=round_up)
        assert len(sampler) == len(list(sampler))


@given(length=lengths, world_size=worlds)
def test_rounding_up_gives_equal_shares_that_cover_all_samples(length, world_size):
    ranks = [list(sampler_of_rank(rank, world_size, length)) for rank in range(world_size)]
    assert len({len(keys) for keys in ranks}) == 1
    assert {key.index for keys in ranks for key in keys} == set(range(length))


def test_without_shuffling_the_order_is_kept_and_an_evaluation_stays_at_epoch_zero():
    sampler = EpochSampler(range(4), shuffle=False)
    assert list(sampler) == list(sampler) == [SampleKey(index, 0) for index in range(4)]
    assert at_epoch(sampler, 2) == [SampleKey(index, 2) for index in range(4)]


# ---- with a data set -------------------------------------------------------------------------------------------


def batches(root, epoch, num_workers=0, persistent=False, sampler=None):
    dataset = NYUv2(data_root=root, split='train', tasks=TASKS, pipeline=RANDOM_PIPELINE)
    loader = DataLoader(dataset, batch_size=2, sampler=sampler or EpochSampler(dataset), num_workers=num_workers,
                        collate_fn=collate_samples, persistent_workers=persistent)
    for earlier in range(epoch if persistent else 0):
        loader.sampler.set_epoch(earlier)
        list(loader)
    loader.sampler.set_epoch(epoch)
    return list(loader)


def same(first, second):
    return [batch['meta'] for batch in first] == [batch['meta'] for batch in second] and all(
        torch.equal(one['inputs'], other['inputs'])
        and all(torch.equal(one[field][name], other[field][name]) for field in ('targets', 'valid') for name in TASKS)
        for one, other in zip(first, second, strict=True))


def test_workers_change_nothing(nyuv2_root):
    assert same(batches(nyuv2_root, epoch=1), batches(nyuv2_root, epoch=1, num_workers=2))


def test_a_resumed_run_sees_the_batches_that_the_first_would_have_seen(nyuv2_root):
    assert same(batches(nyuv2_root, epoch=2, num_workers=2, persistent=True), batches(nyuv2_root, epoch=2))


def test_epochs_differ_in_order_and_augmentation(nyuv2_root):
    first, second = batches(nyuv2_root, epoch=0), batches(nyuv2_root, epoch=1)
    inputs = [{meta['index']: batch['inputs'][place] for batch in epoch for place, meta in enumerate(batch['meta'])}
              for epoch in (first, second)]
    assert [batch['meta'] for batch in first] != [batch['meta'] for batch in second]
    assert not all(torch.equal(inputs[0][index], inputs[1][index]) for index in range(6))


def test_mmengine_builds_the_data_loader_from_a_config(nyuv2_root):
    """The collate function needs its scope: mmengine looks functions up in its own registry."""
    with DefaultScope.overwrite_default_scope('lhl'):
        loader = Runner.build_dataloader(dict(
            batch_size=2, num_workers=0, collate_fn=dict(type='lhl.collate_samples'),
            sampler=dict(type='EpochSampler'),
            dataset=dict(type='NYUv2', data_root=str(nyuv2_root), split='train', tasks=TASKS,
                         pipeline=RANDOM_PIPELINE)), seed=0)
        assert same(list(loader), batches(nyuv2_root, epoch=0))


@pytest.mark.parametrize('length, world_size, drop_last, shuffle, repeated', [
    (10, 4, False, True, 2), (10, 4, True, True, 0), (12, 4, False, True, 0), (10, 4, False, False, 0),
    (10, 1, False, True, 0)])
def test_training_that_repeats_images_says_how_many(length, world_size, drop_last, shuffle, repeated):
    with mock.patch('lhl.datasets.samplers.print_log') as log:
        sampler = sampler_of_rank(0, world_size, length, shuffle=shuffle)
        share_batches(DataLoader(range(length), 2, sampler=sampler, drop_last=drop_last))
    told = [call.args[0] for call in log.call_args_list]
    assert len(told) == bool(repeated)
    assert not told or f'so {repeated} of them are drawn twice' in told[0]
    ranks = [list(sampler_of_rank(rank, world_size, length, shuffle=shuffle)) for rank in range(world_size)]
    assert drop_last or sum(map(len, ranks)) - length == (repeated if shuffle else -length % world_size)
