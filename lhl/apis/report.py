"""Turns runs into what a person looks at: a table, the curves, and a panel of predictions."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lhl.atomic import atomic_write
from lhl.engine.phase_config import scored_tasks, task_names
from lhl.errors import RunError
from lhl.evaluation import Results
from lhl.registry import DATASETS
from lhl.tasks import build_tasks
from lhl.visualization import View, draw_curves, draw_panel, results_table
from lhl.visualization.labels import run_names

from .inference import load_learners, predict, stored_config


def write_report(runs: Sequence[str | Path], out: str | Path, num_views: int = 2) -> str:
    """Write ``table.md``, ``curves.png`` and ``predictions.png`` for finished runs of one stream.

    Args:
        runs: The runs' folders.
        out: The folder to write to.
        num_views: How many images of each validation set the panel shows; without any there is no panel.

    Returns:
        The table as text.

    Raises:
        RunError: If a run is not finished or learned another stream.
    """
    results = [Results.load(run) for run in runs]
    for run, result in zip(runs, results, strict=True):
        if not result.finished:
            raise RunError(f'the run in {run} has finished {len(result.phases)} of {len(result.stream)} phases; '
                           f'continue it with tools/train.py --resume')
        if result.stream != results[0].stream:
            raise RunError(f'{run} learned {result.stream} but {runs[0]} learned {results[0].stream}; report them '
                           f'separately')
    out = Path(out)
    with atomic_write(out / 'table.md') as file:
        file.write((results_table(results, 'markdown') + '\n').encode())
    draw_curves(results, out / 'curves.png')
    _draw_predictions(runs, run_names(results), out / 'predictions.png', num_views)
    return results_table(results)


def _draw_predictions(runs: Sequence[str | Path], names: Sequence[str], path: Path, num_views: int) -> None:
    """Draw evenly spread images of the first run's validation sets: one set, unless tasks have data of their own."""
    cfg, _ = stored_config(runs[0])
    configs = cfg.to_dict()['tasks']
    datasets = [DATASETS.build({**loader['dataset'], 'tasks': {name: configs[name] for name in names}})
                for loader, names in scored_tasks(cfg, task_names(cfg))]
    if not datasets:
        return
    learners = {name: load_learners(run) for name, run in zip(names, runs, strict=True)}
    views = []
    for sample in (dataset[position] for dataset in datasets for position in _spread(len(dataset), num_views)):
        predictions = {
            name: {task: prediction[0].numpy() for learner in several
                   for task, prediction in predict(learner, sample['inputs'][None]).items()}
            for name, several in learners.items()
        }
        views.append(View(
            image=sample['inputs'].permute(1, 2, 0).numpy(),
            targets={task: target.numpy() for task, target in sample['targets'].items()},
            valid={task: valid.numpy() for task, valid in sample['valid'].items()},
            predictions=predictions))
    draw_panel(views, build_tasks({name: configs[name] for name in task_names(cfg)}), path)


def _spread(length: int, count: int) -> list[int]:
    """Choose so many positions of a data set, away from its ends."""
    return np.linspace(0, length - 1, count + 2).round().astype(int)[1:-1].tolist()
