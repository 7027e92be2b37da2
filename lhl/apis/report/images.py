"""Chooses the validation images that a report shows, by their labels alone."""
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from mmengine.config import Config

from lhl.engine.plan import Stream
from lhl.engine.plan.mmengine_config import metric_configs
from lhl.registry import DATASETS
from lhl.tasks import Task

from ..scored_data import describe

#: Images that are looked at to choose some of them, over all validation sets.
_CANDIDATES = 16

RULE = ('How the images were chosen: of some evenly spread validation images, in as many stretches as are shown, '
        'that whose truth has the most classes, then the most labelled pixels. No prediction was looked at.')


class Candidate(NamedTuple):
    """An image of a validation set."""

    label: str  #: which image it is
    sample: dict  #: as a data set gives it


class Candidates(NamedTuple):
    """Images of the validation sets."""

    tasks: dict[str, Task]  #: of the whole stream
    shown: list[Candidate]  #: those that are shown
    looked_at: list[Candidate]  #: these and those that were not chosen
    metrics: Mapping[str, Mapping] = {}  #: what scores a picture of a task; default: its own first metric


def choose_images(cfg: Config, num_views: int) -> Candidates:
    """Choose images of each validation set: one set, unless tasks have data of their own.

    Args:
        cfg: The config of a run.
        num_views: How many images of each set.

    Raises:
        DataError: If the data are missing or impossible.
    """
    stream = Stream.from_config(cfg, check=False, method=dict(type='Vanilla'))
    configs = stream.task_configs
    first_metrics = {name: metric_configs(task, configs[name])[0] for name, task in stream.tasks.items()}
    found = Candidates(stream.tasks, [], [], first_metrics)
    groups = stream.scored_tasks(stream.tasks)
    for loader, tasks in groups if num_views else []:
        dataset = DATASETS.build({**loader['dataset'], 'tasks': {name: configs[name] for name in tasks}})
        each = max(1, _CANDIDATES // (len(groups) * num_views))
        positions = spread_positions(len(dataset), num_views * each)
        of = describe(loader['dataset'])
        samples = [Candidate(f'image {position} of {of}', dataset[position]) for position in positions]
        found.looked_at.extend(samples)
        for first in range(0, len(samples), each):
            found.shown.append(max(samples[first:first + each], key=lambda one: richness(one.sample, stream.tasks)))
    return found


def richness(sample: Mapping, tasks: Mapping[str, Task]) -> tuple[int, float]:
    """Count the classes that the truth of an image shows, and the share of its pixels that is labelled."""
    classes = 0
    shares = [0.0]
    for name, valid in sample['valid'].items():
        valid = valid.numpy()
        shares.append(float(valid.mean()))
        if tasks[name].classes:
            classes += len(np.unique(sample['targets'][name].numpy()[valid]))
    return classes, sum(shares)


def spread_positions(length: int, count: int) -> list[int]:
    """Choose ``count`` evenly spread positions of a data set, not its first and last one unless there are few."""
    return np.linspace(0, length - 1, count + 2).round().astype(int)[1:-1].tolist()
