"""What a model predicts for one image: a picture of each task, with the names of its classes or a scale."""
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

#: Classes in a legend, those with the most pixels first.
MOST_CLASSES = 12
_CELL = 3.0  # inches


def draw_prediction(image: np.ndarray, outputs: Mapping[str, np.ndarray], tasks: Mapping[str, Task],
                    path: str | Path) -> None:
    """Write a picture of an image beside what is predicted for it.

    Args:
        image: ``(H, W, 3)`` in [0, 1].
        outputs: By task, ``(H, W)`` class indices, or ``(H, W)`` or ``(H, W, C)`` numbers.
        tasks: The tasks by name.
        path: The picture to write.
    """
    figure = _figure(image, outputs, tasks, len(outputs) + 1, {})
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:] or 'png')


def render_prediction(image: np.ndarray, outputs: Mapping[str, np.ndarray], tasks: Mapping[str, Task], columns: int,
                      ranges: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """Give the same picture as pixels, ``(H, W, 3)`` uint8.

    Args:
        image: As for :func:`draw_prediction`, as are the next two.
        outputs: By task.
        tasks: By name.
        columns: How many pictures stand side by side.
        ranges: By task, the lowest and the highest number of its scale. Default: those of the output.
    """
    canvas = FigureCanvasAgg(_figure(image, outputs, tasks, columns, ranges))
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _figure(image: np.ndarray, outputs: Mapping[str, np.ndarray], tasks: Mapping[str, Task], columns: int,
            ranges: Mapping[str, tuple[float, float]]) -> Figure:
    height, width = image.shape[:2]
    columns = min(columns, len(outputs) + 1)
    rows = -(-(len(outputs) + 1) // columns)
    figure = Figure(figsize=(_CELL * columns, (_CELL * height / width + 0.9) * rows), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    _show(axes[0], image, 'image')
    for ax, (name, output) in zip(axes[1:], outputs.items(), strict=False):
        _draw_output(ax, output, name, tasks[name], ranges.get(name))
    for ax in axes[len(outputs) + 1:]:
        ax.set_axis_off()
    return figure


def as_target(output: np.ndarray) -> np.ndarray:
    """Give an output in the form in which tasks draw targets: int ``(H, W)`` or float ``(C, H, W)``."""
    if np.issubdtype(output.dtype, np.integer):
        return output
    return output[None] if output.ndim == 2 else np.moveaxis(output, -1, 0)


def _draw_output(ax: Axes, output: np.ndarray, name: str, task: Task, ends: tuple[float, float] | None) -> None:
    target = as_target(output)
    if task.classes:
        _show(ax, task.draw(target), name)
        _add_legend(ax, output, task)
    elif len(target) == 1 and not task.image_level:
        low, high = ends or (float(output.min()), float(output.max()))
        _show(ax, task.draw(target, None, (low, high)), name)
        _add_scale(ax, task, low, high)
    else:
        _show(ax, task.draw(target), name)


def _add_legend(ax: Axes, output: np.ndarray, task: Task) -> None:
    """Name the classes that are seen, with the share of the pixels that each has."""
    found, counts = np.unique(output, return_counts=True)
    largest = np.argsort(-counts, kind='stable')[:MOST_CLASSES]
    patches = [Patch(color=task.palette[found[i]] / 255,
                     label=figure_text(f'{task.classes[found[i]]} {100 * counts[i] / output.size:.0f} %'))
               for i in largest]
    ax.legend(handles=patches, loc='upper center', bbox_to_anchor=(0.5, -0.02), ncols=3, fontsize=6, frameon=False,
              handlelength=1, columnspacing=1)


def _add_scale(ax: Axes, task: Task, low: float, high: float) -> None:
    """Draw the colours of a task's numbers from the lowest to the highest."""
    ramp = np.linspace(low, high, 256, dtype=np.float32)[None, None]
    scale = ax.inset_axes((0.1, -0.1, 0.8, 0.05))
    scale.imshow(task.draw(ramp, None, (low, high)), aspect='auto', extent=(0, 1, 0, 1))
    scale.set_yticks([])
    values = low, (low + high) / 2, high
    scale.set_xticks([0, 0.5, 1], [f'{value:.3g} {task.unit}'.rstrip() for value in values], fontsize=7)
    scale.tick_params(length=2)


def _show(ax: Axes, picture: np.ndarray, title: str) -> None:
    ax.imshow(picture, interpolation='nearest')
    ax.set_axis_off()
    ax.set_title(figure_text(title), fontsize=10)
