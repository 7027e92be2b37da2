"""Checks the data of a config: every file once, all that is wrong in one list, statistics, and how it looks."""
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lhl.atomic import atomic_write
from lhl.datasets import DenseDataset
from lhl.engine.plan import Stream
from lhl.errors import ConfigError, LHLError
from lhl.registry import DATASETS
from lhl.tasks import Task
from lhl.visualization import draw_contact_sheet

from .findings import make_report
from .reading import Reading, read_all
from .report import Problem, Report, SplitReport

__all__ = ['Problem', 'Report', 'SplitReport', 'check_dataset']

IMAGES_PER_SPLIT = 4  # of the contact sheet
#: Of a config's data set, what the engine fills in or what does not change which files are read.
NOT_READ = ('tasks', 'pipeline', 'seed', 'labels')


def check_dataset(cfg: Config, out: str | Path, workers: int | None = None) -> Report:
    """Read every image and target of a config's data once, and write what was found.

    Nothing stops at the first problem. No transform of the pipeline is applied, and the images are not divided among
    the phases. Only ``tasks``, ``phases`` and the two dataloaders of the config are used.

    Args:
        cfg: The stream's config.
        out: The folder for ``report.md``, ``report.json`` and ``contact_sheet.png``, which are written anew.
        workers: How many processes read; by default as many as there are processors, 8 at most.

    Returns:
        The report; ``report.problems`` is empty where all is well.

    Raises:
        ConfigError: If the config has no data to read.
    """
    out = Path(out)
    if workers is None:
        workers = min(8, len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1)
    problems: list[Problem] = []
    datasets = {name: build(name, config, problems) for name, config in dataset_configs(cfg).items()}
    datasets = {name: dataset for name, dataset in datasets.items() if dataset is not None}
    readings = _read(datasets, workers)
    report = make_report(Path(cfg.filename or 'config').stem, cfg, datasets, readings, problems)
    sheet = out / 'contact_sheet.png'
    samples = {f'{name}\n{Path(reading.path).stem}': datasets[name][reading.position]
               for name in datasets for reading in _spread(readings[name])}
    if samples:
        tasks = {name: task for dataset in datasets.values() for name, task in dataset.tasks.items()}
        draw_contact_sheet({label: _by_head(sample) for label, sample in samples.items()},
                           {_column(task): task for task in tasks.values()}, sheet)
        report.contact_sheet = sheet.name
    with atomic_write(out / 'report.json') as file:
        file.write((json.dumps(report.document(), indent=1) + '\n').encode())
    with atomic_write(out / 'report.md') as file:
        file.write((report.markdown() + '\n').encode())
    return report


def dataset_configs(cfg: Config) -> dict[str, dict]:
    """Give the different data sets of all phases, each with the tasks that are trained or scored on it.

    Returns:
        Config by name: ``train`` and ``val``, with their tasks in brackets where phases have data of their own.

    Raises:
        ConfigError: If a section is missing, or a phase names an unknown task.
    """
    for key in ('tasks', 'phases', 'train_dataloader', 'val_dataloader'):
        if key not in cfg:
            raise ConfigError(f'the config has no {key!r}; inherit a file of configs/_base_/datasets that defines it')
    stream = Stream.from_config(cfg, check=False)
    wanted = [('train', phase.train_dataloader, phase.new_tasks) for phase in stream.phases if phase.trained_by is None]
    wanted += [('val', phase.val_dataloader, phase.new_tasks) for phase in stream.phases
               if phase.val_dataloader is not None]
    merged: dict[str, tuple[str, dict, list[str]]] = {}
    for split, loader, tasks in wanted:
        config = {key: value for key, value in loader['dataset'].items() if key not in NOT_READ}
        key = json.dumps([split, config], sort_keys=True, default=str)
        merged.setdefault(key, (split, config, []))[2].extend(tasks)
    several = {kind: sum(split == kind for split, _, _ in merged.values()) > 1 for kind in ('train', 'val')}
    configs = stream.task_configs
    return {f'{split} ({", ".join(tasks)})' if several[split] else split: dict(
        config, pipeline=[], tasks={name: configs[name] for name in tasks})
        for split, config, tasks in merged.values()}


def build(name: str, config: Mapping, problems: list[Problem]) -> DenseDataset | None:
    """Build a data set with all tasks that it can be built with, and say what is wrong with the others."""
    try:
        return DATASETS.build(dict(config))
    except Exception as error:
        whole = Problem('data set', name, _sentence(error))
    working, found = {}, []
    for task, task_config in config['tasks'].items():
        try:
            DATASETS.build(dict(config, tasks={task: task_config}))
            working[task] = task_config
        except Exception as error:
            found.append(Problem('data set', name, _sentence(error)))
    # What is wrong with each task alone is all; what is wrong without any task is one thing.
    problems.extend(dict.fromkeys(found or [whole]))
    try:
        return DATASETS.build(dict(config, tasks=working))
    except Exception:
        return None


def _sentence(error: Exception) -> str:
    """An error as one line, with its kind where the user is not the one it was written for."""
    text = ' '.join(str(error).split())
    return text if isinstance(error, LHLError) else f'cannot be built ({type(error).__name__}: {text})'


def _read(datasets: Mapping[str, DenseDataset], workers: int) -> dict[str, list[Reading]]:
    """Read all data sets, with a bar for each."""
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('ETA'),
               TimeRemainingColumn())
    readings: dict[str, list[Reading]] = {}
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=60) as progress:
        bars = {name: progress.add_task(f'reading {name}', total=len(dataset)) for name, dataset in datasets.items()}
        for name, dataset in datasets.items():
            readings[name] = []
            for reading in read_all(dataset, min(workers, len(dataset)) if workers > 1 else 0):
                readings[name].append(reading)
                progress.advance(bars[name])
    return readings


def _spread(readings: list[Reading]) -> Iterable[Reading]:
    """Choose readable samples, evenly spread, those with many targets first."""
    good = [reading for reading in readings if not reading.problems]
    most = max((_num_targets(reading) for reading in good), default=0)
    good = [reading for reading in good if _num_targets(reading) == most]
    count = min(IMAGES_PER_SPLIT, len(good))
    return [good[round(place * (len(good) - 1) / max(count - 1, 1))] for place in range(count)]


def _column(task: Task) -> str:
    """Name the column of a task: image-level tasks that share a head have one, as an image is of one class."""
    return task.head if task.image_level else task.name


def _by_head(sample: dict) -> dict:
    """Name the targets of a sample by their columns; of several in one, the valid one counts."""
    targets, valid = {}, {}
    for name, task in sample['tasks'].items():
        if name in sample['targets'] and (_column(task) not in valid or sample['valid'][name].any()):
            targets[_column(task)], valid[_column(task)] = sample['targets'][name], sample['valid'][name]
    return dict(sample, targets=targets, valid=valid)


def _num_targets(reading: Reading) -> int:
    return sum(statistics.images for statistics in reading.targets.values())
