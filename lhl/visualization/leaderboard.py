"""How methods stand against each other and what they cost: a ranked table, the bare numbers, and a picture."""
import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lhl.atomic import atomic_write
from lhl.evaluation import PhaseResults, Results, parameter_overhead, relative_improvement, task_improvements

from .comparison import Spread
from .labels import number
from .style import COLOURS, GRID, LINE, TEXT

Role = Literal['reference', 'method', 'upper bound']
_LEGEND = (
    'Ranked by Δ, the mean improvement over {reference} with the same seed; † is no lifelong method and not ranked. '
    'time and memory: seconds per step and peak memory from phase 2 on (of the only phase, where there is but one), as '
    'multiples of {reference}; state and images: the most that is carried from one phase to the next, the teacher '
    'aside; parameters: those needed to predict all tasks, more than {reference}; ± sample standard deviation over '
    'the seeds.')
_MARKERS = 'osD^vPX'
_BARS: dict[Role, str] = {'method': COLOURS[4], 'reference': LINE, 'upper bound': '#D9D9D9'}
# Below this many percent bars and dots are cut off; their numbers are written beside them.
_FLOOR = -100.0
# From this many percent on the axis of the tasks is logarithmic, outside of so many percent around zero.
_WIDE, _LINEAR = 150.0, 10.0


@dataclass
class Contestant:
    """A method in a comparison.

    Args:
        name: Its name in the table.
        role: Whether the others are measured against it, and whether it is ranked.
        runs: The results of its finished runs by seed.
    """

    name: str
    role: Role
    runs: dict[int, Results] = field(default_factory=dict)


class Cost(NamedTuple):
    """What a run cost."""

    seconds_per_iteration: float  #: from phase 2 on; of phase 1, if there is no other; NaN without iterations
    peak_memory_mib: float  #: of the same phases
    method_state_mib: float  #: the most after any phase
    stored_images: int  #: the most after any phase

    @classmethod
    def of(cls, results: Results) -> 'Cost':
        """Sum up the phases of a finished run."""
        phases: Sequence[PhaseResults] = results.phases[1:] or results.phases
        iterations = sum(phase.iterations for phase in phases)
        seconds = math.fsum(phase.seconds for phase in phases)
        return cls(seconds / iterations if iterations else math.nan, max(phase.peak_memory_mib for phase in phases),
                   max(phase.method_state_mib for phase in results.phases),
                   max(phase.stored_images for phase in results.phases))


@dataclass
class Standing:
    """How a contestant stands against the reference: a row of the leaderboard.

    Args:
        name: Its name in the table.
        role: As in :class:`Contestant`.
        improvements: Delta in percent by seed, of the seeds that the reference has, too.
        tasks: The improvement of each task in percent.
        time: Seconds per iteration, as a multiple of the reference's.
        memory: Peak memory, as a multiple of the reference's.
        state_mib: What the method carries, in MiB.
        stored_images: The images among it.
        parameters: How many more parameters are needed than for the reference, in percent.
        rank: The place among all but the upper bounds, from 1; those have None.
    """

    name: str
    role: Role
    improvements: dict[int, float]
    tasks: dict[str, Spread]
    time: Spread
    memory: Spread
    state_mib: Spread
    stored_images: Spread
    parameters: Spread
    rank: int | None = None

    @property
    def improvement(self) -> Spread:
        """Delta in percent, over the seeds."""
        return Spread.of(list(self.improvements.values()))

    @property
    def label(self) -> str:
        """The name with the mark of an upper bound."""
        return f'{self.name} †' if self.role == 'upper bound' else self.name


def standings(contestants: Sequence[Contestant]) -> list[Standing]:
    """Measure contestants against the reference among them, seed by seed, and rank them.

    Args:
        contestants: Methods that learned the same tasks, one of them the reference.

    Returns:
        The contestants that have a seed in common with the reference, best first; NaN comes last, and equal ones share
        the better rank. A seed that some have not finished yet is left out for all; where they share none, nobody is
        ranked.
    """
    reference = next(contestant for contestant in contestants if contestant.role == 'reference')
    shared = shared_seeds(contestants)
    rows = []
    for each in contestants:
        seeds = sorted(each.runs.keys() & (reference.runs if each.role == 'upper bound' or not shared else shared))
        rows += [_standing(each, reference, seeds)] if seeds else []
    rows.sort(key=lambda row: (math.isnan(row.improvement.mean), -row.improvement.mean))
    ranked = [row for row in rows if row.role != 'upper bound'] if shared else []
    for place, row in enumerate(ranked, start=1):
        before = ranked[place - 2] if place > 1 else None
        row.rank = before.rank if before and before.improvement.mean == row.improvement.mean else place
    return rows


def shared_seeds(contestants: Sequence[Contestant]) -> set[int]:
    """Find the seeds that all who are ranked have finished, those aside that have finished none.

    The reference's seed moves all improvements together, so that one over other seeds cannot be ranked among them.
    """
    reference = next(contestant for contestant in contestants if contestant.role == 'reference')
    finished = [each.runs.keys() & reference.runs.keys() for each in contestants if each.role != 'upper bound']
    return set.intersection(*(seeds for seeds in finished if seeds)) if reference.runs else set()


def _standing(contestant: Contestant, reference: Contestant, seeds: Sequence[int]) -> Standing:
    pairs = [(contestant.runs[seed], reference.runs[seed]) for seed in seeds]
    metrics = [(run.phases[-1].metrics, base.phases[-1].metrics, base.higher_is_better) for run, base in pairs]
    by_task = [task_improvements(*of_one) for of_one in metrics]
    costs = [(Cost.of(run), Cost.of(base)) for run, base in pairs]
    return Standing(
        contestant.name, contestant.role,
        {seed: relative_improvement(*of_one) for seed, of_one in zip(seeds, metrics, strict=True)},
        {task: Spread.of([improvements[task] for improvements in by_task]) for task in by_task[0]},
        Spread.of([_ratio(own.seconds_per_iteration, base.seconds_per_iteration) for own, base in costs]),
        Spread.of([_ratio(own.peak_memory_mib, base.peak_memory_mib) for own, base in costs]),
        Spread.of([own.method_state_mib for own, _ in costs]),
        Spread.of([own.stored_images for own, _ in costs]),
        Spread.of([parameter_overhead(run, base) for run, base in pairs]))


def _ratio(value: float, base: float) -> float:
    return value / base if base else math.nan


def leaderboard_table(contestants: Sequence[Contestant]) -> str:
    """Rank contestants in a Markdown table: Delta, the improvement of each task, and the costs.

    Args:
        contestants: As for :func:`standings`.

    Returns:
        The table and a line that explains it, without a final line break.
    """
    rows = standings(contestants)
    if not rows:
        return 'No run can be compared with the reference yet.'
    reference = next(contestant.name for contestant in contestants if contestant.role == 'reference')
    tasks = list(rows[0].tasks)
    titles = ['rank', 'method', 'seeds', 'Δ ↑ (%)', *(f'{task} ↑ (%)' for task in tasks), 'time ↓', 'memory ↓',
              'state ↓ (MiB)', 'images ↓', 'parameters ↓ (%)']
    marks = ['---:', '---', *['---:'] * (len(titles) - 2)]
    cells = [[
        '' if row.rank is None else str(row.rank), row.label, str(len(row.improvements)), _spread(row.improvement, '+'),
        *(_spread(row.tasks[task], '+') for task in tasks), f'{_spread(row.time)} x', f'{_spread(row.memory)} x',
        number(row.state_mib.mean, 1), number(row.stored_images.mean, 0), number(row.parameters.mean, 1, '+')]
        for row in rows]
    escaped = [[cell.replace('|', r'\|') for cell in line] for line in [titles, marks, *cells]]
    return '\n'.join([*(f'| {" | ".join(line)} |' for line in escaped), '', _LEGEND.format(reference=reference)])


def _spread(spread: Spread, sign: Literal['', '+'] = '') -> str:
    return number(spread.mean, 2, sign) + ('' if spread.std is None else f' ± {number(spread.std, 2)}')


def leaderboard_csv(groups: Mapping[str, Sequence[Contestant]]) -> str:
    """Write the numbers of every finished run with all their digits, one line per run.

    Args:
        groups: For each group of a suite its contestants.

    Returns:
        The text of the file. What cannot be compared, because the reference lacks the seed, is empty.
    """
    runs = [(group, contestant, seed, contestant.runs[seed]) for group, contestants in groups.items()
            for contestant in contestants for seed in sorted(contestant.runs)]
    references = {group: next(contestant for contestant in contestants if contestant.role == 'reference')
                  for group, contestants in groups.items()}
    metrics = list(dict.fromkeys((task, metric) for _, _, _, run in runs for task, directions
                                 in run.higher_is_better.items() for metric in directions))
    tasks = list(dict.fromkeys(task for task, _ in metrics))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['group', 'method', 'role', 'seed', 'Delta', *(f'Delta {task}' for task in tasks),
                     *(f'{task}/{metric}' for task, metric in metrics), 'seconds per iteration', 'time', 'memory',
                     'peak memory MiB', 'state MiB', 'stored images', 'parameters', 'parameter overhead'])
    for group, contestant, seed, run in runs:
        cost, final = Cost.of(run), run.phases[-1]
        row = None
        if seed in references[group].runs:
            row = _standing(contestant, references[group], [seed])
        by_task = row.tasks if row else {}
        writer.writerow([
            group, contestant.name, contestant.role, seed, row and row.improvements[seed],
            *(by_task[task].mean if task in by_task else None for task in tasks),
            *(final.metrics.get(task, {}).get(metric) for task, metric in metrics), cost.seconds_per_iteration,
            row and row.time.mean, row and row.memory.mean, cost.peak_memory_mib, cost.method_state_mib,
            cost.stored_images, final.parameters, row and row.parameters.mean])
    return text.getvalue()


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
