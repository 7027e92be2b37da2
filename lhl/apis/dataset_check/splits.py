"""Which data sets a config trains and validates on, and which tasks are read from each."""
import json
from typing import NamedTuple

from mmengine.config import Config

from lhl.datasets import DenseDataset
from lhl.engine.plan import Stream
from lhl.errors import ConfigError, LHLError
from lhl.registry import DATASETS

from .report import Problem

#: Of a config's data set, what the engine fills in or what does not change which files are read.
NOT_READ = ('tasks', 'pipeline', 'seed', 'labels')


class SplitConfig(NamedTuple):
    """A data set of the config that is read once."""

    is_training: bool  #: False where tasks are validated on it
    config: dict  #: of the data set, with all tasks that are read from it and without a pipeline


class Split(NamedTuple):
    """A data set that could be built."""

    is_training: bool
    dataset: DenseDataset


def split_configs(cfg: Config) -> dict[str, SplitConfig]:
    """Find the different data sets of all phases, each with all tasks that are read from it.

    Data that a phase was trained on elsewhere is not read, as it need not be on this machine.

    Args:
        cfg: The stream's config.

    Returns:
        The data sets by name: ``train`` and ``val``, with their tasks in parentheses where there are several of a kind.

    Raises:
        ConfigError: If a section is missing, or a phase names an unknown task.
    """
    for key in ('tasks', 'phases', 'train_dataloader', 'val_dataloader'):
        if key not in cfg:
            raise ConfigError(f'the config has no {key!r}; inherit a file of configs/_base_/datasets that defines it')
    stream = Stream.from_config(cfg, check=False, method=dict(type='Vanilla'))
    wanted = [(True, phase.train_dataloader, phase.new_tasks) for phase in stream.phases if phase.trained_by is None]
    wanted += [(False, loader, tuple(names)) for loader, names in stream.scored_tasks(stream.tasks)]
    merged: dict[str, tuple[bool, dict, list[str]]] = {}
    for is_training, loader, names in wanted:
        config = {key: value for key, value in loader['dataset'].items() if key not in NOT_READ}
        key = json.dumps([is_training, config], sort_keys=True, default=str)
        merged.setdefault(key, (is_training, config, []))[2].extend(names)
    splits, configs = {}, stream.task_configs
    for is_training, config, own in merged.values():
        name = 'train' if is_training else 'val'
        if sum(other is is_training for other, _, _ in merged.values()) > 1:
            name = f'{name} ({", ".join(own)})'
        splits[name] = SplitConfig(is_training, dict(config, pipeline=[], tasks={task: configs[task] for task in own}))
    return splits


def build_split(name: str, split: SplitConfig, problems: list[Problem]) -> Split | None:
    """Build a data set with all tasks that it can be built with.

    Args:
        name: What the data set is called.
        split: Its config.
        problems: Is extended by what is wrong with the data set or some of its tasks.

    Returns:
        None where it cannot be built with any task.
    """
    try:
        return Split(split.is_training, DATASETS.build(dict(split.config)))
    except Exception as error:  # whatever a data set raises belongs in the list
        whole = Problem('data set', name, _sentence(error))
    working, found = {}, []
    for task, task_config in split.config['tasks'].items():
        try:
            DATASETS.build(dict(split.config, tasks={task: task_config}))
            working[task] = task_config
        except Exception as error:
            found.append(Problem('data set', name, _sentence(error)))
    # If each problem shows with one task alone, these are all; what is wrong without any task is one thing.
    problems.extend(dict.fromkeys(found or [whole]))
    try:
        return Split(split.is_training, DATASETS.build(dict(split.config, tasks=working)))
    except Exception:
        return None


def _sentence(error: Exception) -> str:
    """Write an error as one line, with its class where the message was not written for users."""
    text = ' '.join(str(error).split())
    return text if isinstance(error, LHLError) else f'cannot be built ({type(error).__name__}: {text})'
