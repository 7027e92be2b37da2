"""How good each task is after every phase, as curves."""
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from lhl.atomic import atomic_write
from lhl.evaluation import Results

from .labels import all_metrics, all_tasks, all_units, figure_text, metric_label, run_names
from .style import COLOURS, GRID, LINE, TEXT

# Runs that share a colour, because there are more of them than colours, differ in line and marker.
_LINES = (('-', 'o'), ('--', 's'), (':', '^'))
_SHADE = '#EEEEEE'
# Inches that a character takes at the 10 points of the labels, rounded up.
_CHARACTER = 0.085
# What the axis of a metric spans at least, as a share of the metric's largest value.
_LEAST_SPAN = 1 / 3


def draw_curves(runs: Sequence[Results], path: str | Path, names: Sequence[str] = ()) -> None:
    """Write the picture of :func:`curves_figure`, whole or not at all.

    Args:
        runs: The results of at least one run.
        path: The picture to write; its suffix is the format, such as ``.png`` or ``.pdf``.
        names: As for :func:`curves_figure`.

    Raises:
        ValueError: If there is no run, or the format is unknown.
    """
    path = Path(path)
    figure = curves_figure(runs, names)
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix[1:] or 'png', dpi=150)


def curves_figure(runs: Sequence[Results], names: Sequence[str] = ()) -> Figure:
    """Draw one panel per task: its first metric after each phase, one line per run.

    A large marker shows where the task was learned, the arrow in the title where the metric is better, and the shade
    the phases in which no run has learned the task yet. Runs are set a little apart sideways, so that equal values
    do not hide each other. Phases carry the names of their tasks where all streams agree on them.

    Args:
        runs: The results of at least one run.
        names: What to call them; by default :func:`~lhl.visualization.labels.run_names`.

    Returns:
        A figure that belongs to no window and no global state.

    Raises:
        ValueError: If there is no run.
    """
    if not runs:
        raise ValueError('found no results to draw, expected those of at least one run')
    tasks = all_tasks(runs)
    phases = _phase_labels(runs)
    rows = 1 if len(tasks) <= 3 else max(2, math.ceil(len(tasks) / 5))
    columns = math.ceil(len(tasks) / rows)
    # Wide enough for a title, and for phase names that are slanted.
    panel_width = max(3.9, 0.38 * len(phases))
    handles = _legend_handles(names or run_names(runs))
    legend_rows = _legend_rows([str(handle.get_label()) for handle in handles], columns * panel_width)
    height = rows * 2.7 + 0.8 + 0.25 * legend_rows

    figure = Figure(figsize=(columns * panel_width, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08))
    FigureCanvasAgg(figure)
    for index, task in enumerate(tasks):
        panel = figure.add_subplot(rows, columns, index + 1)
        draw_curve(panel, runs, task)
        if index >= (rows - 1) * columns:
            _name_phases(panel, phases, panel_width)
    figure.legend(handles=handles, loc='outside lower center', frameon=False, fontsize=10, labelcolor=TEXT,
                  ncols=math.ceil(len(handles) / legend_rows), handlelength=3.2)
    return figure


def draw_curve(panel: Axes, runs: Sequence[Results], task: str) -> None:
    """Draw the first metric of one task after each phase, one line per run."""
    metric, better = next(iter(all_metrics(runs, task).items()), ('no metric', True))
    title = [figure_text(task), figure_text(metric_label(metric, better, all_units(runs, task).get(metric, '')))]
    panel.set_title((': ' if len(': '.join(title)) <= 34 else ':\n').join(title), fontsize=12, color=TEXT)
    step = min(0.06, 0.3 / len(runs))
    drawn = False
    for number, run in enumerate(runs):
        shift = (number - (len(runs) - 1) / 2) * step
        values = [phase.metrics.get(task, {}).get(metric, math.nan) for phase in run.phases]
        panel.plot([phase.phase + shift for phase in run.phases], values, linewidth=2, markersize=4, **look(number))
        for phase, value in zip(run.phases, values, strict=True):
            if task in phase.tasks:
                panel.plot(phase.phase + shift, value, markersize=9, markeredgecolor='white', zorder=3, **look(number))
        drawn |= any(map(math.isfinite, values))
    if drawn:
        first = min(number for run in runs for number, tasks in enumerate(_phases(run), start=1) if task in tasks)
        panel.axvspan(0, first - 0.5, color=_SHADE, linewidth=0)
        _widen(panel, [value for run in runs for phase in run.phases
                       if math.isfinite(value := phase.metrics.get(task, {}).get(metric, math.nan))])
        panel.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    else:
        panel.set_yticks([])
        panel.text(0.5, 0.5, 'no value yet', transform=panel.transAxes, ha='center', color=LINE, fontsize=11)
    _style(panel, max(len(_phases(run)) for run in runs))


def _widen(panel: Axes, values: Sequence[float]) -> None:
    """Let the axis span at least a third of the largest value, so that a small change looks small."""
    low, high = min(values), max(values)
    least = _LEAST_SPAN * max(abs(low), abs(high))
    if 0 < high - low < least or least and high == low:
        room = (least - (high - low)) / 2
        panel.set_ylim(low - room, high + room)


def _style(panel: Axes, num_phases: int) -> None:
    """Number the phases, and remove the frame."""
    panel.margins(y=0.12)
    panel.set_xlim(0.5, num_phases + 0.5)
    panel.set_xticks(range(1, num_phases + 1))
    panel.tick_params(labelsize=10, labelcolor=TEXT, color=LINE)
    panel.grid(axis='y', color=GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[['top', 'right']].set_visible(False)
    panel.spines[['left', 'bottom']].set_color(LINE)


def _phase_labels(runs: Sequence[Results]) -> list[str]:
    """Give the number of each phase, with its task where no stream contradicts; to learn all at once is no order."""
    streams = [_phases(run) for run in runs]
    longest = max(streams, key=len)
    agree = all(stream == longest[:len(stream)] or len(stream) == 1 for stream in streams)
    return [f'{phase} {first}{f" + {len(others)}" if others else ""}' if agree else str(phase)
            for phase, (first, *others) in enumerate(longest, start=1)]


def _phases(run: Results) -> list[list[str]]:
    """List the tasks of each phase; of phases that are not completed yet it is not known that they have several."""
    return [phase.tasks for phase in run.phases] + [[task] for task in run.stream[len(run.learned_tasks):]]


def _name_phases(panel: Axes, phases: Sequence[str], panel_width: float) -> None:
    """Label the phases, slanted where there is no room side by side; 0.6 inches are left to the other axis."""
    panel.set_xlabel('after phase', fontsize=10, color=TEXT)
    panel.set_xticks(range(1, len(phases) + 1), phases)
    longest = max(map(len, phases)) - len('1 ')
    if longest * _CHARACTER * len(phases) <= panel_width - 0.6:
        panel.set_xticklabels([label.replace(' ', '\n', 1) for label in phases])
    else:
        panel.set_xticklabels(phases, rotation=35, ha='right', rotation_mode='anchor')


def look(number: int) -> dict[str, Any]:
    """Choose colour, line and marker of the run with this number."""
    line, marker = _LINES[number // len(COLOURS) % len(_LINES)]
    return dict(color=COLOURS[number % len(COLOURS)], linestyle=line, marker=marker)


def _legend_rows(labels: Sequence[str], width: float) -> int:
    """Count the rows that the legend needs in so many inches; entries of several rows are aligned in columns."""
    widths = [0.9 + _CHARACTER * len(label) for label in labels]
    return 1 if sum(widths) <= width else math.ceil(len(labels) / max(1, int(width / max(widths))))


def _legend_handles(names: Sequence[str]) -> list[Artist]:
    """One entry per run, then what the large marker and the shade mean."""
    handles: list[Artist] = [Line2D([], [], label=figure_text(name), linewidth=2, markersize=6, **look(number))
                             for number, name in enumerate(names)]
    handles.append(Line2D([], [], label='task learned', color=LINE, linestyle='', marker='o', markersize=9))
    handles.append(Patch(label='not learned yet', color=_SHADE, linewidth=0))
    return handles
