"""DER and DER++: dark experience replay (Buzzega et al., NeurIPS 2020), for dense tasks of any kind."""
from collections.abc import Mapping
from itertools import product

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather_object, get_dist_info
from torch import Tensor

from lhl.errors import ConfigError
from lhl.models import Batch, Learner
from lhl.options import Count, CountFrom0, NotNegative
from lhl.registry import METHODS

from .base import Phase, Requirements
from .replay import RESERVOIR, Entry, Replay, drawn_numbers


@METHODS.register_module()
class DER(Replay):
    """Hold the heads' raw outputs to those that were stored in training, on a random sample of all images seen.

    The sample is a reservoir over the stream of training images: at any time each of the n augmented images seen is
    in it with probability ``memory_size / n``. An entry keeps the output of the head before it is upsampled and
    interpreted, as the training step that saw the image computed it.

    Args:
        weight: Alpha, the weight of the squared distance of the outputs (HAD, Table 6).
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
        """Take the outputs that may be stored: a second pass would cost more, and drop other channels."""
        self.raw = raw

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and the weighted distance of the outputs of a replay batch; then the reservoir sees the batch."""
        losses = super().losses(batch, features, outputs)
        if self.memory:
            losses.update(self.replay_losses())
        self.see(batch, self.raw)
        self.raw = {}
        return losses

    def replay_losses(self) -> dict[str, Tensor]:
        """The terms of the memory."""
        return {'loss_replay': self.weight * self.replay(self.output_losses)}

    def output_losses(self, name: str, features: tuple[Tensor, ...], rows: list[int],
                      maps: Mapping[str, Tensor]) -> Tensor:
        """Compute the squared distance to the stored outputs, averaged over the elements of each entry, ``(R,)``."""
        raw = self.learner.heads[self.learner.tasks[name].head](features).float()[rows]
        # Another backbone may have another stride; without a change of size this changes nothing.
        raw = F.interpolate(raw, size=maps['raw'].shape[-2:], mode='bilinear', align_corners=False)
        return (raw - maps['raw']).square().mean(dim=(1, 2, 3))

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
        """Make the entry of one image of this rank's batch for a new task."""
        return Entry.of(batch.inputs[row], self.phase.tasks.index(name), raw=raw[name][row])

    def state_dict(self) -> dict[str, Tensor]:
        """The entries, and how many images were seen."""
        return {**super().state_dict(), 'seen': torch.tensor(self.seen)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back the entries and the count."""
        super().load_state_dict(state)
        self.seen = int(state['seen'])


@METHODS.register_module()
class DERpp(DER):
    """Hold the learner to the labels of stored images as well, in a second replay batch.

    Args:
        weight: Alpha, the weight of the squared distance of the outputs.
        label_weight: Beta, the weight of the task losses to the stored labels. HAD does not run DER++.
        memory_size: How many images are stored at most, of all tasks together. With 0 this is Vanilla.
        replay_batch_size: Stored images per iteration, process and replay batch.

    Raises:
        ConfigError: If an option is out of range.
    """

    def __init__(self, weight: NotNegative, label_weight: NotNegative, memory_size: CountFrom0 = 50,
                 replay_batch_size: Count = 8) -> None:
        super().__init__(weight, memory_size, replay_batch_size)
        if label_weight < 0:
            raise ConfigError(f'label_weight={label_weight!r} of DERpp is negative; give 0 or more')
        self.label_weight = label_weight

    def replay_losses(self) -> dict[str, Tensor]:
        """The distance of the outputs, and the task losses of a second, independent draw."""
        losses = super().replay_losses()
        losses['loss_replay_labels'] = self.label_weight * self.replay(self.target_losses)
        return losses

    def entry(self, batch: Batch, raw: Mapping[str, Tensor], name: str, row: int) -> Entry:
        """Keep the label and its mask, too."""
        entry = super().entry(batch, raw, name, row)
        return Entry.of(entry.image, entry.task, **entry.maps, target=batch.targets[name][row],
                        valid=batch.valid[name][row])
