"""How methods stand against each other, as a picture: bars, dots and a row of tasks."""
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lhl.atomic import atomic_write

from .labels import number
from .ranking import Contestant, Role, Standing, standings
from .style import COLOURS, GRID, LINE, TEXT

_MARKERS = 'osD^vPX'
_BARS: dict[Role, str] = {'method': COLOURS[4], 'reference': LINE, 'upper bound': '#D9D9D9'}
# Below this many percent bars and dots are cut off; their numbers are written beside them.
_FLOOR = -100.0
# From this many percent on the axis of the tasks is logarithmic, outside of so many percent around zero.
_WIDE, _LINEAR = 150.0, 10.0


def draw_leaderboard(groups: Mapping[str, Sequence[Contestant]], path: str | Path) -> None:
    """Write the picture of :func:`leaderboard_figure`, whole or not at all.

    Args:
        groups: As for :func:`leaderboard_figure`.
        path: The picture to write; its suffix is the format, such as ``.png`` or ``.pdf``.
    """
    path = Path(path)
    figure = leaderboard_figure(groups)
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix[1:] or 'png', dpi=150)


def leaderboard_figure(groups: Mapping[str, Sequence[Contestant]]) -> Figure:
    """Draw how contestants stand, best on top: Delta as bars with a dot per seed, and beside it each task's mean.

    What is worse than -100 % is cut off there; the means are written at the edge.

    Args:
        groups: For each group of a suite its contestants; they are drawn below each other.

    Returns:
        A figure that belongs to no window and no global state.
    """
    boards = {group: standings(contestants) for group, contestants in groups.items()}
    boards = {group: rows for group, rows in boards.items() if rows}
    tasks = list(dict.fromkeys(task for rows in boards.values() for row in rows for task in row.tasks))
    heights = [0.27 * len(rows) + 1.2 for rows in boards.values()]
    figure = Figure(figsize=(11.5, sum(heights) + 0.5), layout='constrained')
    FigureCanvasAgg(figure)
    if not boards:
        figure.text(0.5, 0.5, 'no run can be compared with the reference yet', ha='center', va='center', color=LINE)
        return figure
    for part, (group, rows) in zip(figure.subfigures(len(boards), 1, height_ratios=heights, squeeze=False)[:, 0],
                                   boards.items(), strict=True):
        _draw_group(part, rows, tasks, group,
                    next(contestant.name for contestant in groups[group] if contestant.role == 'reference'))
    _add_legend(figure, boards, tasks)
    return figure


def _draw_group(part: SubFigure, rows: Sequence[Standing], tasks: Sequence[str], group: str, reference: str) -> None:
    """Draw the two panels of a group, which share their rows."""
    overall, by_task = part.subplots(1, 2, sharey=True, width_ratios=[1.25, 1])
    if group:
        part.suptitle(group, fontsize=13, color=TEXT, fontweight='bold')
    overall.set_title(f'Δ over {reference} (%)', fontsize=12, color=TEXT)
    for place, row in enumerate(rows):
        _draw_row(overall, by_task, place, row, tasks)
    overall.set_yticks(range(len(rows)), [row.label if row.rank is None else f'{row.label}  {row.rank:2d}'
                                          for row in rows])
    overall.set_ylim(len(rows) - 0.4, -0.6)
    values = [value for row in rows for value in row.improvements.values()]
    _scale(overall, values, room_for_numbers=True)
    _scale(by_task, [spread.mean for row in rows for spread in row.tasks.values()])
    by_task.set_title(f'each task over {reference} (%)', fontsize=12, color=TEXT)
    if by_task.get_xscale() == 'symlog':
        by_task.set_xlabel(f'logarithmic beyond ±{_LINEAR:g}', fontsize=10, color=TEXT)


def _draw_row(overall: Axes, by_task: Axes, place: int, row: Standing, tasks: Sequence[str]) -> None:
    mean = row.improvement.mean
    if math.isfinite(mean):
        overall.barh(place, max(mean, _FLOOR), height=0.62, color=_BARS[row.role], linewidth=0, zorder=2)
    seeds = [max(value, _FLOOR) for value in row.improvements.values()]
    if len(seeds) > 1:
        overall.plot(seeds, [place] * len(seeds), linestyle='', marker='o', markersize=4, color=TEXT,
                     markeredgecolor='white', markeredgewidth=0.6, zorder=3)
    overall.annotate(f'{number(mean, 1, "+")}', (1, place), (-4, 0), xycoords=overall.get_yaxis_transform(),
                     textcoords='offset points', ha='right', va='center', fontsize=9, color=TEXT)
    means = [max(spread.mean, _FLOOR) for spread in row.tasks.values()]
    finite = [value for value in means if math.isfinite(value)]
    if finite:
        by_task.plot([min(finite), max(finite)], [place] * 2, color='#CCCCCC', linewidth=2, zorder=1)
    for task, value in zip(row.tasks, means, strict=True):
        by_task.plot(value, place, linestyle='', markersize=6.5, markeredgecolor='white', markeredgewidth=0.6, zorder=3,
                     clip_on=False, **_look(tasks.index(task)))


def _scale(panel: Axes, values: Sequence[float], room_for_numbers: bool = False) -> None:
    """Fit the axis to the values, mark zero, and remove the frame."""
    finite = [max(value, _FLOOR) for value in values if math.isfinite(value)] or [0.0]
    low, high = min(0.0, *finite), max(0.0, *finite)
    room = (high - low or 1.0) * 0.05
    panel.set_xlim(low - room, high + room * (4.5 if room_for_numbers else 1))
    if not room_for_numbers and high > _WIDE:
        panel.set_xscale('symlog', linthresh=_LINEAR, linscale=0.7)
        panel.set_xlim(low * 1.3 - 1, high * 1.3)
        panel.set_xticks([tick for tick in (-100, -10, 0, 10, 100, 1000, 10000) if low * 1.3 <= tick <= high * 1.3])
        panel.xaxis.set_minor_locator(MaxNLocator(1))
    else:
        panel.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(
        lambda value, _: ('≤ ' if value == _FLOOR and any(v < _FLOOR for v in values) else '')
        + (f'{value:+g}' if value else '0').replace('-', '−')))
    panel.axvline(0, color=LINE, linewidth=1, zorder=2.5)
    panel.tick_params(labelsize=10, labelcolor=TEXT, color=LINE)
    panel.tick_params(axis='y', length=0)
    panel.grid(axis='x', color=GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[['top', 'right', 'left']].set_visible(False)
    panel.spines['bottom'].set_color(LINE)


def _look(number: int) -> dict[str, Any]:
    """Choose colour and marker of the task with this number."""
    return dict(color=COLOURS[number % len(COLOURS)], marker=_MARKERS[number // len(COLOURS) % len(_MARKERS)])


def _add_legend(figure: Figure, boards: Mapping[str, Sequence[Standing]], tasks: Sequence[str]) -> None:
    """Explain the bars, the dots and the colours."""
    rows = [row for board in boards.values() for row in board]
    roles = dict.fromkeys(row.role for row in rows)
    names = {'method': 'method', 'upper bound': 'upper bound †, not ranked'}
    handles: list[Artist] = [Patch(label=name, color=_BARS[role], linewidth=0)
                             for role, name in names.items() if role in roles]
    if any(len(row.improvements) > 1 for row in rows):
        handles.append(Line2D([], [], label='one seed', linestyle='', marker='o', markersize=4, color=TEXT))
    handles += [Line2D([], [], label=task, linestyle='', markersize=6.5, **_look(index))
                for index, task in enumerate(tasks)]
    figure.legend(handles=handles, loc='outside lower center', frameon=False, fontsize=10, labelcolor=TEXT,
                  ncols=min(len(handles), 7))
