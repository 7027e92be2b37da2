"""What learners predict, beside the truth: a picture of pictures."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from lhl.atomic import atomic_write
from lhl.tasks import Task

from .labels import figure_text

IMAGE_WIDTH = 2  # of the image, in columns of the panel


class View(NamedTuple):
    """One image with its truth, of the tasks for which it has one, and what each run predicts for it."""

    image: np.ndarray  #: ``(H, W, 3)`` in [0, 1]
    targets: Mapping[str, np.ndarray]  #: per task, int ``(H, W)`` or float ``(C, H, W)``
    valid: Mapping[str, np.ndarray]  #: per task, ``(H, W)`` bool
    predictions: Mapping[str, Mapping[str, np.ndarray]]  #: per run and task, of the target's form


def draw_panel(views: Sequence[View], tasks: Mapping[str, Task], path: str | Path) -> None:
    """Write a picture that shows, for each view, the image and a row per task: the truth and each run's prediction.

    Truth and predictions of a row share their colour scale; pixels without a valid target are black in the truth. Of a
    task without truth on an image there are the predictions alone, on the scale of the first one.

    Args:
        views: At least one view; all have the same runs.
        tasks: The tasks to draw, of those that a view has predictions of.
        path: The picture to write.
    """
    runs = list(views[0].predictions)
    height, width = views[0].image.shape[:2]
    titles = ['ground truth', *map(figure_text, runs)]
    cell = 1.7  # inches
    rows = sum(name in view.predictions[runs[0]] for view in views for name in tasks)
    figure = Figure(figsize=(cell * (IMAGE_WIDTH + len(titles)), cell * rows * height / width + 0.4),
                    layout='constrained')
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows, 1 + len(titles), width_ratios=[IMAGE_WIDTH] + [1] * len(titles))
    first = 0
    for view in views:
        own = {name: task for name, task in tasks.items() if name in view.predictions[runs[0]]}
        _show(figure, grid[first:first + len(own), 0], view.image)
        for row, (name, task) in enumerate(own.items(), start=first):
            target, valid = view.targets.get(name), view.valid.get(name)
            scale, where = view.predictions[runs[0]][name] if target is None else target, valid
            if where is None:
                where = np.ones(scale.shape[-2:], bool)
            value_range = None
            if np.issubdtype(scale.dtype, np.floating) and where.any():
                value_range = float(scale[..., where].min()), float(scale[..., where].max())
            pictures = [np.full((*scale.shape[-2:], 3), 255, np.uint8) if target is None
                        else task.draw(target, valid, value_range)]
            pictures += [task.draw(view.predictions[run][name], None, value_range) for run in runs]
            for column, picture in enumerate(pictures, start=1):
                ax = _show(figure, grid[row, column], picture)
                if row == 0:
                    ax.set_title(titles[column - 1], fontsize=11)
                if column == 1:
                    ax.text(-0.04, 0.5, figure_text(name), rotation=90, ha='right', va='center',
                            transform=ax.transAxes, fontsize=10)
        first += len(own)
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:] or 'png', dpi=110)


def _show(figure: Figure, place: SubplotSpec, picture: np.ndarray) -> Axes:
    ax = figure.add_subplot(place)
    ax.imshow(picture, interpolation='nearest')
    ax.set_axis_off()
    return ax
