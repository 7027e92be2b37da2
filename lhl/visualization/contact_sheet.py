"""Some samples of a data set at a glance: a row per image, a column per task."""
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lhl.atomic import atomic_write
from lhl.tasks import Task

from .labels import figure_text
from .style import TEXT

CELL = 2.4  # inches


def draw_contact_sheet(samples: Mapping[str, dict], tasks: Mapping[str, Task], path: str | Path) -> None:
    """Write a picture that shows each sample's image and targets, as their tasks draw them.

    All targets of a column share their colour scale, whose range is written above; invalid pixels are black. The
    colours of the classes that occur are explained below.

    Args:
        samples: At least one, as :class:`~lhl.datasets.base.DenseDataset` describes them, by the text beside it.
        tasks: The columns. A sample may lack some.
        path: The picture to write.
    """
    proportions = [sample['image'].shape[0] / sample['image'].shape[1] for sample in samples.values()]
    ranges = {name: _value_range(samples, name) for name in tasks}
    legends = [name for name, task in tasks.items() if _seen_classes(samples, name, task)]
    lines = sum(-(-len(_seen_classes(samples, name, tasks[name])) // _legend_columns(tasks)) for name in legends)
    width, height = CELL * (1 + len(tasks)) + 0.9, CELL * sum(proportions) + 0.5 + 0.25 * (lines + len(legends))
    figure = Figure(figsize=(width, height), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(samples), 1 + len(tasks), squeeze=False, height_ratios=proportions)
    for row, (label, sample) in zip(axes, samples.items(), strict=True):
        _show(row[0], sample['image'])
        row[0].text(-0.04, 0.5, label, rotation=90, ha='right', va='center', transform=row[0].transAxes, fontsize=8,
                    color=TEXT)
        for ax, (name, task) in zip(row[1:], tasks.items(), strict=True):
            _show_target(ax, sample, name, task, ranges[name])
    for ax, title in zip(axes[0], ['image', *(_title(name, ranges[name]) for name in tasks)], strict=True):
        ax.set_title(title, fontsize=9, color=TEXT)
    handles = [handle for name in legends for handle in _legend(samples, name, tasks[name])]
    if handles:
        figure.legend(handles=handles, loc='outside lower center', ncols=_legend_columns(tasks), fontsize=8,
                      frameon=False)
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:] or 'png', dpi=110)


def _show_target(ax: Axes, sample: dict, name: str, task: Task, value_range: tuple[float, float] | None) -> None:
    """Show a target, or write that it is missing."""
    if name not in sample['targets'] or not sample['valid'][name].any():
        _show(ax, np.full((*sample['image'].shape[:2], 3), 235, np.uint8))
        ax.text(0.5, 0.5, 'no target', ha='center', va='center', transform=ax.transAxes, fontsize=9, color=TEXT)
        return
    target = sample['targets'][name]
    _show(ax, task.draw(target if target.ndim == 2 else np.moveaxis(target, -1, 0), sample['valid'][name], value_range))


def _show(ax: Axes, picture: np.ndarray) -> None:
    ax.imshow(picture)
    ax.set_axis_off()


def _value_range(samples: Mapping[str, dict], name: str) -> tuple[float, float] | None:
    """The smallest and the largest valid number of a task with one number per pixel; None for others."""
    values = [sample['targets'][name][sample['valid'][name]] for sample in samples.values()
              if name in sample['targets'] and sample['targets'][name].shape[2:] == (1, )]
    values = [value for value in values if value.size]
    return (float(min(map(np.min, values))), float(max(map(np.max, values)))) if values else None


def _title(name: str, value_range: tuple[float, float] | None) -> str:
    return f'{name}\n{value_range[0]:.3g} to {value_range[1]:.3g}' if value_range else name


def _seen_classes(samples: Mapping[str, dict], name: str, task: Task) -> list[int]:
    """The classes that the targets of a task show; none of a task without classes."""
    if not task.classes:
        return []
    seen = [np.unique(sample['targets'][name][sample['valid'][name]]) for sample in samples.values()
            if name in sample['targets']]
    return np.unique(np.concatenate(seen)).tolist() if seen else []


def _legend(samples: Mapping[str, dict], name: str, task: Task) -> list[Patch]:
    return [Patch(color=task.palette[index] / 255, label=figure_text(task.classes[index]))
            for index in _seen_classes(samples, name, task)]


def _legend_columns(tasks: Mapping[str, Task]) -> int:
    return 2 * (1 + len(tasks))
