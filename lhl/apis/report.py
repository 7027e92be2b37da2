"""Turns runs into what a person looks at: a table, the curves, and a panel of predictions."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config

from lhl.atomic import atomic_write
from lhl.config_files import import_custom_modules
from lhl.engine.checkpoint import stored_config
from lhl.engine.plan import Stream
from lhl.errors import ConfigError, RunError
from lhl.evaluation import Results
from lhl.models import Learner
from lhl.registry import DATASETS
from lhl.tasks import Task
from lhl.trust import trusting_configs
from lhl.visualization import View, draw_curves, draw_panel, results_table
from lhl.visualization.labels import run_names

from .given_names import given_names
from .inference import load_learners, predict
from .scored_data import check_same_data, scored_data


def write_report(runs: Sequence[str | Path], out: str | Path, num_views: int = 2, trust_config: bool = False,
                 names: Mapping[str | Path, str] | None = None) -> str:
    """Write ``table.md``, ``curves.png`` and ``predictions.png`` for finished runs of one stream.

    Args:
        runs: The runs' folders.
        out: The folder to write to.
        num_views: How many images of each validation set the panel shows; with 0 there is no panel.
        trust_config: Let the configs inside the runs name code and import modules. Otherwise it may name
            registered components only.
        names: What to call the methods of runs instead, as for :func:`~lhl.apis.compare_runs`.

    Returns:
        The table as text.

    Raises:
        RunError: If there is no run, or one is not finished, learned another stream than the first one or was scored
            on other data.
    """
    if num_views < 0:
        raise ConfigError(f'`views` is {num_views}, expected a number of images from 0 on')
    if not runs:
        raise RunError('found no run to report; give the folders of finished runs')
    results = [Results.load(run) for run in runs]
    for run, result in zip(runs, results, strict=True):
        if not result.finished:
            raise RunError(f'the run in {run} has finished {len(result.phases)} of {len(result.stream)} phases; '
                           f'continue it with `resume=True`')
        if result.stream != results[0].stream:
            raise RunError(f'{run} learned {", ".join(result.stream)} but {runs[0]} learned '
                           f'{", ".join(results[0].stream)}; report them separately')
    with trusting_configs(trust_config):
        return _write(runs, results, run_names(results, given_names(runs, names)), Path(out), num_views)


def _write(runs: Sequence[str | Path], results: Sequence[Results], names: Sequence[str], out: Path,
           num_views: int) -> str:
    for run in runs:
        import_custom_modules(run)
    configs = [stored_config(run)[0] for run in runs]
    check_same_data(zip(map(str, runs), map(scored_data, configs), strict=True))
    with atomic_write(out / 'table.md') as file:
        file.write((results_table(results, 'markdown', names) + '\n').encode())
    draw_curves(results, out / 'curves.png', names)
    draw_predictions(runs, configs[0], names, out / 'predictions.png', num_views)
    return results_table(results, names=names)


def draw_predictions(runs: Sequence[str | Path], cfg: Config, names: Sequence[str], path: Path,
                      num_views: int) -> None:
    """Draw evenly spread images of the validation sets: one set, unless tasks have data of their own."""
    stream = Stream.from_config(cfg, check=False, method=dict(type='Vanilla'))
    configs = stream.task_configs
    datasets = [DATASETS.build({**loader['dataset'], 'tasks': {name: configs[name] for name in tasks}})
                for loader, tasks in stream.scored_tasks(stream.tasks)]
    if not datasets or not num_views:
        return
    learners = {name: load_learners(run) for name, run in zip(names, runs, strict=True)}
    views = [view_of(dataset[position], stream.tasks, learners)
             for dataset in datasets for position in spread_positions(len(dataset), num_views)]
    draw_panel(views, {task.head: task for task in stream.tasks.values()}, path)


def view_of(sample: dict, tasks: Mapping[str, Task], learners: Mapping[str, Sequence[Learner]]) -> View:
    """Predict all tasks of an image; tasks that share a head have one row, with the target of the one that has it."""
    predictions = {
        run: {task: prediction[0].numpy() for learner in several
              for task, prediction in predict(learner, sample['inputs'][None]).items()}
        for run, several in learners.items()
    }
    shown = {}
    for name, task in tasks.items():
        if task.head not in shown or (name in sample['valid'] and sample['valid'][name].any()):
            shown[task.head] = name
    known = {head: name for head, name in shown.items() if name in sample['targets']}
    return View(
        image=sample['inputs'].permute(1, 2, 0).numpy(),
        targets={head: sample['targets'][name].numpy() for head, name in known.items()},
        valid={head: sample['valid'][name].numpy() for head, name in known.items()},
        predictions={run: {head: of_run[name] for head, name in shown.items()} for run, of_run in predictions.items()})


def spread_positions(length: int, count: int) -> list[int]:
    """Choose ``count`` evenly spread positions of a data set, not its first and last one unless there are few."""
    return np.linspace(0, length - 1, count + 2).round().astype(int)[1:-1].tolist()
