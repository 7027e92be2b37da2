"""A memory that is a random sample of all images seen in training, of any tasks."""
from collections.abc import Mapping
from itertools import product

import torch
from mmengine.dist import all_gather_object, get_dist_info
from torch import Tensor

from lhl.errors import ConfigError
from lhl.models import Batch, Learner
from lhl.options import Count, CountFrom0, NotNegative

from .base import Phase, Requirements
from .replay import RESERVOIR, Entry, Replay, drawn_numbers


class ReservoirReplay(Replay):
    """Replay from a reservoir over the stream of training images.

    At any time each of the n augmented images seen is in the memory with probability ``memory_size / n`` (Vitter 1985).

    Args:
        weight: Of the replay loss.
        memory_size: How many images are stored at most, of all tasks together. With 0 this is Vanilla.
        replay_batch_size: Stored images per iteration and process.

    Raises:
        ConfigError: If an option is out of range.
    """

    def __init__(self, weight: NotNegative, memory_size: CountFrom0 = 50, replay_batch_size: Count = 8) -> None:
        super().__init__(weight, memory_size, replay_batch_size)
        self.requires = Requirements(stored_images=memory_size, own_first_phase=memory_size > 0)
        self.seen = 0
        self.raw: Mapping[str, Tensor] = {}

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Refuse a memory of another size.

        Raises:
            CheckpointError: If a stored map is of another task.
            ConfigError: If the memory was of another size.
        """
        super().begin_phase(learner, phase)
        if len(self.memory) != min(self.seen, self.memory_size):
            raise ConfigError(f'{type(self).__name__} stores {len(self.memory)} of {self.seen} images seen, and '
                              f'memory_size={self.memory_size}; give all phases the same')

    def observe(self, raw: Mapping[str, Tensor]) -> None:
        """Take the outputs, which may be stored: a second pass would cost more, and drop other channels."""
        self.raw = raw

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and the terms of the memory; then the reservoir sees the batch."""
        losses = super().losses(batch, features, outputs)
        if self.memory:
            losses.update(self.replay_losses())
        self.see(batch, self.raw)
        self.raw = {}
        return losses

    def replay_losses(self) -> dict[str, Tensor]:
        """The terms of the memory, which is not empty."""
        raise NotImplementedError(f'{type(self).__name__} must define replay_losses')

    def see(self, batch: Batch, raw: Mapping[str, Tensor]) -> None:
        """Let each image of the batches of all ranks, in the order of one process, try to enter the reservoir.

        The last entry of an old task stays: its head is trained in this phase, and only weight decay would act on it.
        """
        rank, world_size = get_dist_info()
        old = range(len(self.phase.old_tasks))
        tasks = [entry.task for entry in self.memory]
        accepted = {}
        candidates = list(product(range(len(batch.inputs) * world_size), self.phase.new_tasks))
        numbers = drawn_numbers(len(candidates), self.phase.seed, RESERVOIR, self.seen)
        for (image, name), number in zip(candidates, numbers, strict=True):
            self.seen += 1
            slot = self.seen - 1 if self.seen <= self.memory_size else number % self.seen
            is_last = slot < len(tasks) and tasks[slot] in old and tasks.count(tasks[slot]) == 1
            if slot < self.memory_size and not is_last:
                tasks[slot:slot + 1] = [self.phase.tasks.index(name)]
                accepted[slot] = (image, name)
        if not accepted:
            return
        mine = {slot: self.entry(batch, raw, name, image // world_size)
                for slot, (image, name) in accepted.items() if image % world_size == rank}
        entries = {slot: entry for part in all_gather_object(mine) for slot, entry in part.items()}
        for slot in sorted(entries):
            self.memory[slot:slot + 1] = [entries[slot]]

    def entry(self, batch: Batch, raw: Mapping[str, Tensor], name: str, row: int) -> Entry:
        """Make the entry of one image of this rank's batch for a new task: with its label, unless overridden."""
        return Entry.of(batch.inputs[row], self.phase.tasks.index(name), target=batch.targets[name][row],
                        valid=batch.valid[name][row])

    def state_dict(self) -> dict[str, Tensor]:
        """The entries, and how many images were seen."""
        return {**super().state_dict(), 'seen': torch.tensor(self.seen)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back the entries and the count."""
        super().load_state_dict(state)
        self.seen = int(state['seen'])
