"""In which order samples are drawn: a function of (seed, epoch), so that a resumed run sees the same batches."""
import logging
import math
from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from torch.utils.data import DataLoader, Sampler

from lhl.registry import DATA_SAMPLERS

from .base import SampleKey


@DATA_SAMPLERS.register_module()
class EpochSampler(Sampler[SampleKey]):
    """Draw every sample once per epoch, each rank its share, and tell the data set the epoch.

    Like mmengine's ``DefaultSampler``, rank r takes every ``world_size``-th sample from r on, so the ranks' batches
    together are those of one process with as large a batch. No generator is kept: after ``set_epoch(e)`` a new
    sampler gives exactly epoch e. The epoch of an evaluation is never advanced, so its samples never change.

    Args:
        dataset: What is sampled; only its length is used.
        shuffle: Draw a new order in every epoch; otherwise keep the data set's.
        seed: Of the order, the same on all ranks. ``None`` counts as 0.
        round_up: Repeat the first samples until all ranks have equally many; the metrics of lhl drop the repeated
            ones again.

    Attributes:
        drop_last: Leave out the last samples instead, of which not all ranks can have one, see :func:`share_batches`.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = 0, round_up: bool = True) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed = seed or 0
        self.round_up = round_up
        self.drop_last = False
        self.epoch = 0
        self.position = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives."""
        self.epoch = epoch

    def start_at(self, position: int) -> None:
        """Choose the sample of this rank, from 0, with which the next iterations begin, in the middle of an epoch."""
        self.position = position

    def __iter__(self) -> Iterator[SampleKey]:
        order = np.arange(len(self.dataset))
        if self.shuffle:
            # RandomState, not default_rng: its stream is frozen across versions of numpy.
            state = np.random.SeedSequence((self.seed, self.epoch)).generate_state(4)
            order = np.random.RandomState(state).permutation(order)
        if self.drop_last or self.round_up:
            order = np.resize(order, len(self) * self.world_size)
        own = order[self.rank::self.world_size].tolist()
        return iter([SampleKey(index, self.epoch) for index in own[self.position:]])

    def __len__(self) -> int:
        """The number of samples of this rank."""
        if self.drop_last:
            return len(self.dataset) // self.world_size
        left = len(self.dataset) - (0 if self.round_up else self.rank)
        return math.ceil(left / self.world_size)


def share_batches(loader: DataLoader) -> None:
    """Let all ranks together have the batches that one process would have.

    Where the loader drops the last batch, so does the sampler. Where training keeps it and the ranks cannot have equal
    shares, some samples are repeated, and a warning says so.

    Args:
        loader: One with another sampler than :class:`EpochSampler` stays as it is.
    """
    sampler = loader.sampler
    if not isinstance(sampler, EpochSampler):
        return
    sampler.drop_last = loader.drop_last
    repeated = -len(sampler.dataset) % sampler.world_size
    if sampler.shuffle and sampler.round_up and repeated and not loader.drop_last:
        print_log(f'{sampler.world_size} processes cannot share the {len(sampler.dataset)} images of an epoch evenly, '
                  f'so {repeated} of them are drawn twice; set train_dataloader.drop_last=True to learn what one '
                  f'process would', logger='current', level=logging.WARNING)
