"""What learners predict, beside the truth: a picture of pictures."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lhl.atomic import atomic_write
from lhl.tasks import Task


class View(NamedTuple):
    """One image with its truth and what each run predicts for it."""

    image: np.ndarray  #: ``(H, W, 3)`` in [0, 1]
    targets: Mapping[str, np.ndarray]  #: per task, int ``(H, W)`` or float ``(C, H, W)``
    valid: Mapping[str, np.ndarray]  #: per task, ``(H, W)`` bool
    predictions: Mapping[str, Mapping[str, np.ndarray]]  #: per run and task, of the target's form


def draw_panel(views: Sequence[View], tasks: Mapping[str, Task], path: str | Path) -> None:
    """Write a picture with one row per view and task: the image, the truth, and each run's prediction.

    Truth and predictions of a row share their colour scale; pixels without a valid target are black in the truth.

    Args:
        views: At least one view; all have the same runs.
        tasks: The tasks to draw.
        path: The picture to write.
    """
    runs = list(views[0].predictions)
    height, width = views[0].image.shape[:2]
    num_rows, num_columns = len(views) * len(tasks), 2 + len(runs)
    cell = 2.0  # inches
    figure = Figure(figsize=(cell * num_columns, cell * num_rows * height / width + 0.4), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(num_rows, num_columns, squeeze=False)
    for column, title in enumerate(['image', 'ground truth', *runs]):
        axes[0, column].set_title(title, fontsize=11)
    for ax in axes.flat:
        ax.set_axis_off()
    for number, view in enumerate(views):
        for offset, (name, task) in enumerate(tasks.items()):
            row = axes[number * len(tasks) + offset]
            target, valid = view.targets[name], view.valid[name]
            value_range = None
            if np.issubdtype(target.dtype, np.floating) and valid.any():
                value_range = float(target[..., valid].min()), float(target[..., valid].max())
            if offset == 0:
                row[0].imshow(view.image)
            row[1].imshow(task.draw(target, valid, value_range))
            for column, run in enumerate(runs, start=2):
                row[column].imshow(task.draw(view.predictions[run][name], None, value_range))
            row[0].text(-0.02, 0.5, name, rotation=90, ha='right', va='center', transform=row[0].transAxes,
                        fontsize=11)
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:] or 'png', dpi=110)
