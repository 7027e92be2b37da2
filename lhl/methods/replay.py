"""What replay methods share: entries that keep an image, and the loss over a batch of them."""
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from mmengine.dist import get_dist_info
from torch import Tensor

from lhl.errors import CheckpointError, ConfigError, DataError
from lhl.models import Learner
from lhl.options import Count, CountFrom0, NotNegative
from lhl.tasks import Task

from .base import Method, Phase, Requirements

#: What a number was drawn for, so that no two purposes share one.
RESERVOIR, REPLAY_BATCH, SELECTION, INVERSION, INVERSION_LABELS = range(5)


class Entry(NamedTuple):
    """An image as the learner saw it, normalised and augmented, with what is kept about it; all on the CPU."""

    image: Tensor  #: ``(3, H, W)`` float32
    task: int  #: Position of its task in the stream.
    #: ``target`` in the task's target form, its mask ``valid``, or the head's ``raw`` output ``(C, h, w)`` float32.
    maps: dict[str, Tensor]

    @classmethod
    def of(cls, image: Tensor, task: int, **maps: Tensor) -> 'Entry':
        """Copy an image and its maps out of their batch, of which a view would keep all in memory and in files."""
        return cls(_own_copy(image), task, {key: _own_copy(value) for key, value in maps.items()})


def _own_copy(tensor: Tensor) -> Tensor:
    return torch.clone(tensor.detach().cpu(), memory_format=torch.contiguous_format)


def drawn_numbers(count: int, *counters: int) -> list[int]:
    """Draw whole numbers in [0, 2^63) that depend on counters alone: the same on all ranks and after a resume."""
    return (np.random.SeedSequence(counters).generate_state(count, np.uint64) >> np.uint64(1)).tolist()


def drawn_order(length: int, *counters: int) -> list[int]:
    """Draw an order of ``range(length)`` that depends on counters alone."""
    return torch.randperm(length, generator=torch.Generator().manual_seed(*drawn_numbers(1, *counters))).tolist()


def turns(tasks: Iterable[int]) -> list[int]:
    """Count, for each element, the equal ones before it."""
    before: Counter[int] = Counter()
    result = []
    for task in tasks:
        result.append(before[task])
        before[task] += 1
    return result


def image_means(loss_map: Tensor, valid: Tensor) -> Tensor:
    """Average a loss map ``(B, H, W)`` over the valid pixels of each image, ``(B,)``; 0 where no pixel is valid."""
    total = torch.where(valid, loss_map, torch.zeros_like(loss_map)).sum(dim=(1, 2))
    return total / valid.sum(dim=(1, 2)).clamp(min=1)


class Replay(Method):
    """Add losses over stored images, which run through the learner as a batch of their own.

    This batch is normalised by its own statistics, as the batch of new images is by theirs, and both move the running
    ones. A head runs on all of its images and learns from those of its task, so that no head normalises over a single
    image, and every head that learns gets a gradient on every rank.

    Args:
        weight: Of the replay loss.
        memory_size: How many images are stored at most, of all tasks together. With 0 this is Vanilla.
        replay_batch_size: Stored images per iteration and process, drawn without replacement; where fewer are stored,
            some are repeated. At least 2, because heads normalise over them.

    Raises:
        ConfigError: If the weight is negative or a size is too small.
    """

    #: Whether every task has the same share of a replay batch, however many of its images are stored.
    balanced: ClassVar[bool] = False
    #: Whether stored labels are smoothed as those of new images are.
    smooth_labels: bool = False

    def __init__(self, weight: NotNegative, memory_size: CountFrom0 = 50, replay_batch_size: Count = 8) -> None:
        name = type(self).__name__
        if weight < 0:
            raise ConfigError(f'weight={weight!r} of {name} is negative; give 0 or more')
        for option, value, least in (('memory_size', memory_size, 0), ('replay_batch_size', replay_batch_size, 2)):
            if not isinstance(value, int) or value < least:
                raise ConfigError(f'{option}={value!r} of {name} is not a number of images; give a whole number of at '
                                  f'least {least}')
        self.requires = Requirements(stored_images=memory_size)
        self.weight = weight
        self.memory_size = memory_size
        self.replay_batch_size = replay_batch_size
        self.memory: list[Entry] = []
        self.draws = 0

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """The new heads, and those of the old tasks with a stored image: on any other, only weight decay would act."""
        stored = self.stored_tasks()
        return [name for index, name in enumerate(phase.tasks) if name in phase.new_tasks or index in stored]

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Refuse a memory that does not fit the tasks or the options.

        Raises:
            CheckpointError: If a stored map is of another task.
            ConfigError: If more is stored than ``memory_size``.
        """
        super().begin_phase(learner, phase)
        tasks = [learner.tasks[name] for name in phase.tasks]
        for number, entry in enumerate(self.memory):
            _check(number, entry, tasks)
        if len(self.memory) > self.memory_size:
            raise ConfigError(f'{type(self).__name__} stores {len(self.memory)} images of earlier phases, and '
                              f'memory_size={self.memory_size}; give all phases the same')

    def stored_tasks(self) -> list[int]:
        """The positions in the stream of the tasks of which an image is stored."""
        return sorted({entry.task for entry in self.memory})

    def replay(self, entry_losses: Callable[[str, tuple[Tensor, ...], list[int], Mapping[str, Tensor]], Tensor]
               ) -> Tensor:
        """Average a loss over a batch drawn from the memory.

        Args:
            entry_losses: Gives the losses ``(R,)`` of one task's R entries, from the task's name, the backbone's
                features of the whole batch, the entries' rows in the batch, and their stacked maps. R may be 0; the
                gradients are 0 then, but they are there, as distributed training expects.

        Returns:
            A scalar, the mean over the batch.
        """
        entries = self.draw()
        device = next(self.learner.parameters()).device
        features = self.learner.extract_features(_stack([entry.image for entry in entries]).to(device))
        total = torch.zeros((), device=device)
        for index in self.stored_tasks():
            rows = [row for row, entry in enumerate(entries) if entry.task == index]
            example = next(entry for entry in self.memory if entry.task == index)
            maps = {key: _stack([entries[row].maps[key] for row in rows] or [value])[:len(rows)].to(device)
                    for key, value in example.maps.items()}
            total = total + entry_losses(self.phase.tasks[index], features, rows, maps).sum()
        return total / len(entries)

    def replayable(self) -> list[int]:
        """The numbers of the entries that are drawn from: all of them."""
        return list(range(len(self.memory)))

    def draw(self) -> list[Entry]:
        """Draw this rank's share of the next replay batch, which is drawn alike on all ranks."""
        entries = self.replayable()
        order = [entries[i] for i in drawn_order(len(entries), self.phase.seed, REPLAY_BATCH, self.draws)]
        self.draws += 1
        if self.balanced:
            turn = dict(zip(order, turns(self.memory[index].task for index in order), strict=True))
            order.sort(key=turn.__getitem__)
        rank, world_size = get_dist_info()
        share = np.resize(order, self.replay_batch_size * world_size)[rank::world_size]
        return [self.memory[index] for index in share]

    def target_losses(self, name: str, features: tuple[Tensor, ...], rows: list[int],
                      maps: Mapping[str, Tensor]) -> Tensor:
        """Compute the task loss to the stored targets, averaged over the valid pixels of each image, ``(R,)``."""
        prediction = self.learner.predict_tasks(features, [name], maps['valid'].shape[-2:])[name]
        task = self.learner.tasks[name]
        loss_map = task.label_loss_map if self.smooth_labels else task.loss_map
        return image_means(loss_map(prediction[rows], maps['target']), maps['valid'])

    def state_dict(self) -> dict[str, Tensor]:
        """The entries, and how often was drawn from them."""
        state = {'draws': torch.tensor(self.draws)}
        for number, entry in enumerate(self.memory):
            fields = dict(image=entry.image, task=torch.tensor(entry.task), **entry.maps)
            state.update({f'memory.{number}.{field}': value for field, value in fields.items()})
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back the entries and the count."""
        self.draws = int(state['draws'])
        entries: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
        for key, value in state.items():
            if key.startswith('memory.'):
                _, number, field = key.split('.')
                entries[int(number)][field] = value.cpu()
        self.memory = [Entry(fields.pop('image'), int(fields.pop('task')), fields)
                       for _, fields in sorted(entries.items())]

    def num_stored_images(self) -> int:
        """Count the entries."""
        return len(self.memory)


def _check(number: int, entry: Entry, tasks: list[Task]) -> None:
    """Refuse an entry whose maps are not of its task's form."""
    if entry.task >= len(tasks):
        raise CheckpointError(f"the stored 'memory.{number}.task' is {entry.task}, expected a task below {len(tasks)}; "
                              f'use the config it was trained with')
    task = tasks[entry.task]
    target = task.pseudo_label(torch.zeros(1, task.out_channels, 1, 1))[0]
    channels = dict(valid=(), target=target.shape[:-2], raw=(task.out_channels, ))
    for key, value in entry.maps.items():
        expected = (*channels[key], *value.shape[-2:])
        if value.shape != expected:
            raise CheckpointError(f"the stored 'memory.{number}.{key}' of task {task.name!r} is of another "
                                  f'architecture or task list: found {tuple(value.shape)}, expected {expected}; use '
                                  f'the config it was trained with')


def _stack(tensors: list[Tensor]) -> Tensor:
    """Stack images or maps, of which a batch needs one size."""
    sizes = sorted({tuple(tensor.shape[-2:]) for tensor in tensors})
    if len(sizes) > 1:
        raise DataError(f'a replay batch needs images of one size but the memory holds {sizes[0]} and {sizes[1]} '
                        f'(height, width); crop to the same size in all phases')
    return torch.stack(tensors)
