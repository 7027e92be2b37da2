"""What is left of each task: the image, the truth, when it was learned, and each run at the end."""
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lhl.atomic import atomic_write
from lhl.tasks import Task

from .labels import figure_text
from .style import LINE, TEXT
from .views import View, has_scale, ramp_of, seen_classes

_CELL = 1.9  # inches
_LEGEND_COLUMNS = 7


def draw_panel(views: Sequence[View], tasks: Mapping[str, Task], path: str | Path, rule: str = '') -> None:
    """Write a picture: of each view and task the image, the truth, what the first run learned, and each run at the end.

    All pictures of a row share their colour scale, whose range stands below the truth; below a prediction stands its
    score. Pixels without a valid target are black in the truth. The classes that are seen are named at the bottom.

    Args:
        views: At least one view; all have the same runs.
        tasks: By row.
        path: The picture to write.
        rule: How the images were chosen, to be written below.
    """
    runs = list(views[0].frames)
    rows = [(view, row) for view in views for row in view.rows(tasks)]
    proportions = [view.image.shape[0] / view.image.shape[1] for view, _ in rows]
    legends = {row: seen_classes(views, row, task) for row, task in tasks.items()}
    columns = 3 + len(runs)
    told = textwrap.fill(rule, int(16 * _CELL / 2 * columns))
    lines = sum(-(-len(classes) // _LEGEND_COLUMNS) for classes in legends.values()) + len(told.splitlines())
    height = sum(_CELL * proportion + 0.22 for proportion in proportions) + 0.5 + 0.2 * lines
    figure = Figure(figsize=(_CELL * columns + 0.3, height), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), columns, squeeze=False, height_ratios=proportions)
    learned = 'when learned' if len(runs) == 1 else f'when learned\n({runs[0]})'
    titles = ['image', 'truth', learned, *(f'{run}\nat the end' for run in runs)]
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(figure_text(title), fontsize=10, color=TEXT)
    for of_row, (view, row) in zip(axes, rows, strict=True):
        _draw_row(of_row, view, row, tasks[row], runs)
    handles = [Patch(color=tasks[row].palette[index] / 255, label=figure_text(tasks[row].classes[index]))
               for row, classes in legends.items() for index in classes]
    figure.legend(handles=handles, loc='outside lower center', ncols=_LEGEND_COLUMNS, fontsize=8, frameon=False,
                  labelcolor=TEXT, title=figure_text(told), title_fontsize=8)
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:] or 'png', dpi=110)


def _draw_row(axes: np.ndarray, view: View, row: str, task: Task, runs: Sequence[str]) -> None:
    value_range = view.value_range(row)
    _show(axes[0], view.image)
    axes[0].text(-0.04, 0.5, figure_text(row), rotation=90, ha='right', va='center', transform=axes[0].transAxes,
                 fontsize=9, color=TEXT)
    if row in view.targets:
        _show(axes[1], task.draw(view.targets[row], view.valid[row], value_range))
    else:
        _say(axes[1], 'no truth')
    if value_range and has_scale(task):
        _add_scale(axes[1], task, value_range)
    frames = [view.frames[run].get(row, {}) for run in runs]
    shown = [(frames[0], min), *((of_run, max) for of_run in frames)]
    for ax, (of_run, choose) in zip(axes[2:], shown, strict=True):
        if of_run:
            frame = of_run[choose(of_run)]
            _show(ax, task.draw(frame.prediction, None, value_range))
            _write_below(ax, frame.score)
        else:
            _say(ax, 'not learned yet')


def _add_scale(ax: Axes, task: Task, value_range: tuple[float, float]) -> None:
    """Draw the colours below, between the lowest and the highest number."""
    low, high = (f'{value:.3g}' for value in value_range)
    scale = ax.inset_axes((0.2, -0.13, 0.5, 0.07))
    scale.imshow(ramp_of(task, value_range), aspect='auto')
    scale.set_axis_off()
    for x, align, text in ((0.18, 'right', low), (0.72, 'left', f'{high} {task.unit}'.rstrip())):
        ax.text(x, -0.095, text, ha=align, va='center', transform=ax.transAxes, fontsize=8, color=TEXT)


def _write_below(ax: Axes, text: str) -> None:
    ax.text(0.5, -0.03, figure_text(text), ha='center', va='top', transform=ax.transAxes, fontsize=8, color=TEXT)


def _show(ax: Axes, picture: np.ndarray) -> None:
    ax.imshow(picture, interpolation='nearest')
    ax.set_axis_off()


def _say(ax: Axes, text: str) -> None:
    ax.text(0.5, 0.5, text, ha='center', va='center', transform=ax.transAxes, fontsize=8, color=LINE)
    ax.set_axis_off()
