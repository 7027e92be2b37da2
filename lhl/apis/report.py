"""Turns runs into what a person looks at: a table, the curves, and a panel of predictions."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lhl.atomic import atomic_write
from lhl.engine.phase_config import phase_config, task_names
from lhl.errors import RunError
from lhl.evaluation import Results
from lhl.registry import DATASETS
from lhl.visualization import View, draw_curves, draw_panel, results_table
from lhl.visualization.labels import run_names

from .inference import load_learners, predict, stored_config


def write_report(runs: Sequence[str | Path], out: str | Path, num_views: int = 2) -> str:
    """Write ``table.md``, ``curves.png`` and ``predictions.png`` for finished runs of one stream.

    Args:
        runs: The runs' folders.
        out: The folder to write to.
        num_views: How many images of the validation set the panel shows.

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
    """Draw evenly spread images of the first run's validation set."""
    cfg, index = stored_config(runs[0])
    data = phase_config(cfg, index).val_dataloader.dataset.to_dict()
    dataset = DATASETS.build({**data, 'tasks': {name: cfg.tasks[name].to_dict() for name in task_names(cfg)}})
    learners = {name: load_learners(run) for name, run in zip(names, runs, strict=True)}
    views = []
    for position in np.linspace(0, len(dataset) - 1, num_views + 2).round().astype(int)[1:-1].tolist():
        sample = dataset[position]
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
    draw_panel(views, dataset.tasks, path)
