"""iCaRL: replay of images chosen by herding (Rebuffi et al., CVPR 2017), for dense tasks of any kind."""
from typing import Literal

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather_object
from torch import Tensor
from torch.utils.data import DataLoader

from lhl.errors import ConfigError, suggest
from lhl.models import Batch, Learner
from lhl.options import Count, CountFrom0, NotNegative
from lhl.registry import METHODS

from .base import Phase
from .data_passes import each_batch_once, num_images
from .replay import SELECTION, Entry, Replay, drawn_order, turns


def herding(features: Tensor, count: int) -> list[int]:
    """Choose samples whose mean is near the mean of all, one after the other (Rebuffi et al., Algorithm 4).

    Each is the one that brings the mean of those chosen nearest to the mean of all, so every beginning of the list
    is a good choice of its length.

    Args:
        features: ``(N, C)``.
        count: How many to choose; all, where there are fewer.

    Returns:
        Row numbers, best first; of equally good rows the first is taken.
    """
    mean, chosen_sum = features.mean(dim=0), torch.zeros_like(features[0])
    left = list(range(len(features)))
    chosen: list[int] = []
    while left and len(chosen) < count:
        distances = (mean - (chosen_sum + features[left]) / (len(chosen) + 1)).norm(dim=1)
        chosen.append(left.pop(int(distances.argmin())))
        chosen_sum = chosen_sum + features[chosen[-1]]
    return chosen


@METHODS.register_module()
class ICaRL(Replay):
    """Hold the learner to its own predictions of some images of each old task, chosen by herding.

    Of the original this keeps the choice of images and the memory of fixed size, which all tasks share alike; without
    classes to tell apart there is no classifier by nearest means. As HAD has it (Sec. 5.1), the predictions are
    stored and replayed.

    Args:
        weight: Of the replay loss (HAD, Table 6).
        memory_size: How many images are stored at most, of all tasks together. With 0 this is Vanilla.
        replay_batch_size: Stored images per iteration and process.
        store: ``'predictions'`` of the learner at the end of the image's phase, in the form of targets, or the
            ``'labels'``.
        select: ``'herding'``, or ``'random'`` images.

    Raises:
        ConfigError: If an option has no such value.
    """

    balanced = True

    def __init__(self, weight: NotNegative, memory_size: CountFrom0 = 50, replay_batch_size: Count = 8,
                 store: Literal['predictions', 'labels'] = 'predictions',
                 select: Literal['herding', 'random'] = 'herding') -> None:
        super().__init__(weight, memory_size, replay_batch_size)
        for option, value, known in (('store', store, ('predictions', 'labels')),
                                     ('select', select, ('herding', 'random'))):
            if value not in known:
                raise ConfigError(f'{option}={value!r} is unknown to ICaRL; {suggest(str(value), known)}')
        self.store = store
        self.select = select

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and, from phase 2 on, the weighted mean of the task losses of a replay batch."""
        losses = super().losses(batch, features, outputs)
        if self.memory:
            losses['loss_replay'] = self.weight * self.replay(self.target_losses)
        return losses

    def end_phase(self, learner: Learner, phase: Phase, dataloader: DataLoader) -> None:
        """Shorten each old task's list to its share of the memory, and fill the new tasks'."""
        share = self.memory_size // len(phase.tasks)
        order_in_task = turns(entry.task for entry in self.memory)
        self.memory = [entry for entry, turn in zip(self.memory, order_in_task, strict=True) if turn < share]
        if not share:
            return
        learner.eval()
        with torch.no_grad():
            chosen = self.choose(learner, phase, dataloader, share)
            self.memory += self.remember(learner, phase, dataloader, chosen)
        learner.train()

    def choose(self, learner: Learner, phase: Phase, dataloader: DataLoader, count: int) -> list[int]:
        """Choose images of the phase, by their positions in the data set, the best first.

        Herding sees the globally averaged last feature map, scaled to unit length.
        """
        length = num_images(dataloader)
        if self.select == 'random':
            return drawn_order(length, phase.seed, SELECTION, phase.index)[:count]
        mine: dict[int, Tensor] = {}
        for positions, batch in each_batch_once(learner, dataloader):
            pooled = learner.extract_features(batch.inputs)[-1].double().mean(dim=(2, 3)).cpu()
            mine.update(zip(positions, pooled, strict=True))
        gathered = {position: feature for part in all_gather_object(mine) for position, feature in part.items()}
        features = torch.stack([gathered[position] for position in range(length)])
        return herding(F.normalize(features, dim=1), count)

    def remember(self, learner: Learner, phase: Phase, dataloader: DataLoader, chosen: list[int]) -> list[Entry]:
        """Make the entries of the chosen images: for each new task one, in the order of the choice."""
        mine = {}
        for positions, batch in each_batch_once(learner, dataloader, indices=chosen):
            predictions = learner.predict_tasks(
                learner.extract_features(batch.inputs), phase.new_tasks, batch.inputs.shape[-2:])
            for name in phase.new_tasks:
                targets, valid = batch.targets[name], batch.valid[name]
                if self.store == 'predictions':
                    targets, valid = learner.tasks[name].pseudo_label(predictions[name]), torch.ones_like(valid)
                for row, position in enumerate(positions):
                    mine[name, position] = Entry.of(
                        batch.inputs[row], phase.tasks.index(name), target=targets[row], valid=valid[row])
        entries = {key: entry for part in all_gather_object(mine) for key, entry in part.items()}
        return [entries[name, position] for name in phase.new_tasks for position in chosen]
