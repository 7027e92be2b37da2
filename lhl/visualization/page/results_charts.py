"""The charts that are made of results alone: the matrix of metrics, curves, Delta and MR, forgetting, cost."""
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from lhl.errors import RunError
from lhl.evaluation import Results, mean_rank, relative_forgetting, relative_improvement, task_improvements
from lhl.evaluation.directions import mean

from ..curves import curves_figure, draw_curve, look
from ..labels import all_metrics, all_tasks, all_units, decimals, figure_text, metric_label, number
from ..style import COLOURS, LINE, TEXT
from .elements import Chart, Mark, Panel, style
from .number_tables import Row

#: Where the colours of the matrix end, in percent.
FULL_COLOUR = 50.0
#: From worse to better; the colour-blind can tell the ends apart, and both from the middle.
_WORSE_TO_BETTER = LinearSegmentedColormap.from_list('change', [COLOURS[1], '#FFFFFF', COLOURS[0]])
#: An axis of percentages is at least so wide in each direction, so that a small change does not look large.
_LEAST_RANGE = 10.0


def run_marks(names: Sequence[str]) -> list[Mark]:
    """Give each run its line."""
    return [Mark(name, style['color'], style['linestyle'], style['marker'])
            for name, style in zip(names, map(look, range(len(names))), strict=True)]


def matrix_chart(runs: Sequence[Results], names: Sequence[str]) -> Chart:
    """Draw each metric after each phase; the colour is how far it is from where it was when its task was learned."""
    table: list[Row] = [['run', 'task', 'metric', 'unit', 'learned in phase', 'after phase', 'value',
                         'change since learned (%, positive is better)']]
    panels = []
    for run, name in zip(runs, names, strict=True):
        rows = _matrix_rows(run)
        num_phases = len(run.phases)
        for task, metric, unit, cells in rows:
            table += [[name, task, metric, unit, learned, phase, value, change]
                      for phase, (value, change, learned) in enumerate(cells, start=1) if value is not None]
        panels.append(Panel(partial(_draw_matrix, run=run, name=name, rows=rows),
                            2.1 + 0.72 * max(2, num_phases), 1.0 + 0.27 * max(1, len(rows))))
    return Chart('matrix', 'Every task after every phase',
                 'A row is a metric of a task (arrow: where it is better), a column the learner after a phase. A frame '
                 'marks where the task was learned. Colour is the change since then, relative to the value there: '
                 f'orange is worse, blue is better, white is no change; it is full at {FULL_COLOUR:g} %.', panels,
                 table)


def curves_chart(runs: Sequence[Results], names: Sequence[str]) -> Chart:
    """Draw the first metric of each task after each phase."""
    table: list[Row] = [['run', 'task', 'metric', 'unit', 'after phase', 'value']]
    for run, name in zip(runs, names, strict=True):
        for phase in run.phases:
            table += [[name, task, metric, run.units.get(task, {}).get(metric, ''), phase.phase, value]
                      for task, values in phase.metrics.items() for metric, value in values.items()]
    return Chart('curves', 'How good each task is after every phase',
                 'One panel per task, its first metric. The large marker is where the task was learned; the shade, '
                 'where it was not learned yet. The axis spans at least a third of the values, so that a small change '
                 'looks small.', [Panel(partial(_draw_curve, runs=runs, task=task)) for task in all_tasks(runs)],
                 table, run_marks(names), figure=partial(curves_figure, runs, names))


def improvement_chart(runs: Sequence[Results], names: Sequence[str], references: Sequence[Results]) -> Chart | None:
    """Draw Delta over the reference and MR after each phase, over the tasks learned so far; None without any."""
    table: list[Row] = [['run', 'seed', 'after phase', 'Delta (%)', 'MR']]
    delta: dict[int, list[float]] = {}
    rank: dict[int, list[float]] = {}
    for place, (run, name) in enumerate(zip(runs, names, strict=True)):
        reference = next((one for one in references if one.seed == run.seed and one is not run), None)
        if reference is None and run not in references:
            continue
        peers = {str(number): other for number, other in enumerate(runs) if other.seed == run.seed}
        for phase in range(1, len(run.phases) + 1):
            delta.setdefault(place, []).append(_delta(run, reference or run, phase))
            rank.setdefault(place, []).append(_rank(peers, str(place), phase))
            table.append([name, run.seed, phase, delta[place][-1], rank[place][-1]])
    if not any(math.isfinite(value) for place, values in delta.items() if runs[place] not in references
               for value in values):
        return None
    against = references[0].method
    panels = [Panel(partial(_draw_lines, values=delta, title=f'Δ over {against} ↑ (%)', least=_LEAST_RANGE)),
              Panel(partial(_draw_lines, values=rank, title='mean rank ↓', least=None))]
    return Chart('improvement', f'Improvement over {against}, phase by phase',
                 f'After each phase, over the tasks learned so far: Δ, the mean relative improvement over {against} '
                 'with the same seed (Eq. 11 of HAD), and MR, the mean rank among the runs of that seed on this page.',
                 panels, table, [mark for place, mark in enumerate(run_marks(names)) if place in delta])


def forgetting_chart(runs: Sequence[Results], names: Sequence[str]) -> Chart | None:
    """Draw how much worse each earlier task is at the end; None where no run is finished or has an earlier task."""
    lost = list(map(relative_forgetting, runs))
    values = {task: {place: mean(list(of_run[task].values())) for place, of_run in enumerate(lost) if of_run.get(task)}
              for task in all_tasks(runs)}
    values = {task: by_run for task, by_run in values.items() if by_run}
    if not values:
        return None
    table: list[Row] = [['run', 'task', 'forgotten (%)']]
    table += [[names[place], task, value] for task, by_run in values.items() for place, value in by_run.items()]
    return Chart('forgetting', 'What was forgotten',
                 'How much worse a task is at the end than right after it was learned, in percent of the value then, '
                 'averaged over its metrics. To the right is worse; left of 0 the later tasks helped.',
                 [_bars_panel(values, 'forgotten (%)')], table,
                 _box_marks(names, {place for by_run in values.values() for place in by_run}))


def separate_chart(runs: Sequence[Results], names: Sequence[str], separate: Sequence[Results]) -> Chart | None:
    """Draw each task in the stream against a model of its own (HAD, Fig. 4); None where there are no such models."""
    table: list[Row] = [['run', 'task', 'when learned (%)', 'at the end (%)']]
    learned: dict[str, dict[int, float]] = {}
    final: dict[str, dict[int, float]] = {}
    for place, (run, name) in enumerate(zip(runs, names, strict=True)):
        models = next((one for one in separate if one.seed == run.seed), None)
        if models is None or run in separate or not run.finished:
            continue
        base = _when_learned(models)
        tasks = {task: run.higher_is_better[task] for task in run.learned_tasks if base.get(task)}
        try:
            before, after = (task_improvements(metrics, base, tasks)
                             for metrics in (_when_learned(run), run.phases[-1].metrics))
        except RunError:  # it was not scored on all of them
            continue
        for task in tasks:
            learned.setdefault(task, {})[place], final.setdefault(task, {})[place] = before[task], after[task]
            table.append([name, task, before[task], after[task]])
    if not final:
        return None
    return Chart('separate', 'One network against separate models',
                 'How much better (right) or worse (left) a task is than in a model that learned nothing else, in '
                 'percent, averaged over its metrics: right after it was learned, and at the end of the stream.',
                 [_bars_panel(learned, 'when learned (%)'), _bars_panel(final, 'at the end (%)')], table,
                 _box_marks(names, {place for by_run in final.values() for place in by_run}))


def cost_chart(runs: Sequence[Results], names: Sequence[str]) -> Chart:
    """Draw time per iteration and memory of each phase."""
    table: list[Row] = [['run', 'phase', 'tasks', 'seconds', 'iterations', 'ms per iteration', 'peak memory (MiB)',
                         'parameters', 'method state (MiB)', 'stored images']]
    time: dict[int, list[float]] = {}
    memory: dict[int, list[float]] = {}
    for place, (run, name) in enumerate(zip(runs, names, strict=True)):
        for phase in run.phases:
            each = 1000 * phase.seconds / phase.iterations if phase.iterations else math.nan
            time.setdefault(place, []).append(each)
            memory.setdefault(place, []).append(phase.peak_memory_mib)
            table.append([name, phase.phase, ', '.join(phase.tasks), phase.seconds, phase.iterations, each,
                          phase.peak_memory_mib, phase.parameters, phase.method_state_mib, phase.stored_images])
    return Chart('cost', 'Time and memory',
                 'Training time per iteration, what a method does at the beginning and end of a phase included, and '
                 'peak memory: of the GPU or, without one, of the process.',
                 [Panel(partial(_draw_lines, values=time, title='ms per iteration ↓', least='zero')),
                  Panel(partial(_draw_lines, values=memory, title='peak memory ↓ (MiB)', least='zero'))], table,
                 run_marks(names))


def _matrix_rows(run: Results) -> list[tuple[str, str, str, list[tuple[float | None, float, int]]]]:
    """For each metric: task, metric, unit and, per phase, value, change in percent, and where it was learned."""
    learned = {task: phase.phase for phase in run.phases for task in phase.tasks}
    rows = []
    for task in run.learned_tasks:
        units = all_units([run], task)
        for metric, better in all_metrics([run], task).items():
            base = run.phases[learned[task] - 1].metrics.get(task, {}).get(metric, math.nan)
            cells = []
            for phase in run.phases:
                value = phase.metrics.get(task, {}).get(metric)
                change = math.nan
                if value is not None and phase.phase >= learned[task] and base:
                    change = 100 * (value - base if better else base - value) / abs(base)
                cells.append((value, change, learned[task]))
            rows.append((task, metric, units.get(metric, ''), cells))
    return rows


def _draw_matrix(panel: Axes, run: Results, name: str, rows: list) -> None:
    panel.set_title(figure_text(name), fontsize=11, color=TEXT)
    if not rows:
        _draw_nothing(panel)
        return
    labels = []
    for y, (task, metric, unit, cells) in enumerate(rows):
        labels.append(f'{task}  {metric_label(metric, run.higher_is_better[task][metric], unit)}')
        for x, (value, change, learned) in enumerate(cells, start=1):
            if value is None:
                continue
            share = 0.0 if math.isnan(change) else max(-1.0, min(1.0, change / FULL_COLOUR))
            colour = _WORSE_TO_BETTER(0.5 + share / 2)
            panel.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor='white', linewidth=1))
            if x == learned:
                panel.add_patch(Rectangle((x - 0.47, y - 0.44), 0.94, 0.88, fill=False, edgecolor=TEXT, linewidth=1.2,
                                          zorder=3))
            panel.text(x, y, number(value, decimals(unit)), ha='center', va='center', fontsize=8,
                       color='white' if _brightness(colour) < 0.3 else TEXT)
    panel.set_xlim(0.5, max(2, len(run.phases)) + 0.5)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xticks(range(1, len(run.phases) + 1))
    panel.set_xlabel('after phase', fontsize=9, color=TEXT)
    panel.set_yticks(range(len(rows)), map(figure_text, labels))
    panel.tick_params(labelsize=8, labelcolor=TEXT, length=0)
    panel.spines[:].set_visible(False)


def _draw_curve(panel: Axes, runs: Sequence[Results], task: str) -> None:
    draw_curve(panel, runs, task)
    panel.set_xlabel('after phase', fontsize=9, color=TEXT)


def _draw_lines(panel: Axes, values: Mapping[int, Sequence[float]], title: str, least: float | str | None) -> None:
    """Draw a line per run over the phases.

    Args:
        panel: Where to draw.
        values: Of each run, by its place in the list of runs.
        title: Of the panel.
        least: What the axis spans at least on both sides of 0; ``'zero'`` lets it begin there; None is for ranks.
    """
    panel.set_title(figure_text(title), fontsize=11, color=TEXT)
    for place, of_run in values.items():
        panel.plot(range(1, len(of_run) + 1), of_run, linewidth=2, markersize=5, **look(place))
    finite = [value for of_run in values.values() for value in of_run if math.isfinite(value)]
    style(panel)
    panel.set_xlabel('after phase', fontsize=9, color=TEXT)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not finite:
        _draw_nothing(panel)
    elif least == 'zero':
        panel.set_ylim(0, 1.12 * max(finite) or 1)
    elif least is None:
        panel.set_ylim(max(1.0, max(finite)) + 0.2, 0.8)
        panel.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 5, 10], prune='upper'))
    else:
        room = 0.06 * (max(finite) - min(finite))
        panel.set_ylim(min(-float(least), min(finite)) - room, max(float(least), max(finite)) + room)
        panel.axhline(0, color=LINE, linewidth=1)


def _bars_panel(values: Mapping[str, Mapping[int, float]], title: str) -> Panel:
    bars = sum(len(by_run) for by_run in values.values())
    return Panel(partial(_draw_bars, values=values, title=title), 4.4, 0.9 + 0.22 * bars + 0.2 * len(values))


def _draw_bars(panel: Axes, values: Mapping[str, Mapping[int, float]], title: str) -> None:
    """Draw a group of horizontal bars per task, one for each run."""
    panel.set_title(title, fontsize=11, color=TEXT)
    finite = [value for by_run in values.values() for value in by_run.values() if math.isfinite(value)]
    low, high = min([-_LEAST_RANGE, *finite]), max([_LEAST_RANGE, *finite])
    room = 0.16 * (high - low)
    panel.set_xlim(low - room, high + room)
    y, ticks = 0.0, []
    for by_run in values.values():
        ticks.append(y + (len(by_run) - 1) / 2)
        for place, value in by_run.items():
            length = value if math.isfinite(value) else 0.0
            panel.barh(y, length, height=0.85, color=COLOURS[place % len(COLOURS)])
            panel.annotate(number(value, 1, '+').replace('-', '−'), (length, y), (3 if length >= 0 else -3, 0),
                           textcoords='offset points', ha='left' if length >= 0 else 'right', va='center', fontsize=8,
                           color=TEXT)
            y += 1
        y += 0.8
    panel.set_yticks(ticks, map(figure_text, values))
    panel.set_ylim(y - 1.2, -0.6)
    style(panel, 'x')
    panel.spines['left'].set_visible(False)
    panel.tick_params(axis='y', length=0)
    panel.axvline(0, color=LINE, linewidth=1)


def _draw_nothing(panel: Axes) -> None:
    panel.set_yticks([])
    panel.text(0.5, 0.5, 'no value yet', transform=panel.transAxes, ha='center', color=LINE, fontsize=10)


def _delta(run: Results, reference: Results, phase: int) -> float:
    """Delta over the tasks learned by then that are scored; NaN where the two cannot be compared."""
    if phase > len(reference.phases):
        return math.nan
    own, base = run.phases[phase - 1].metrics, reference.phases[phase - 1].metrics
    return _or_nan(lambda: relative_improvement(own, base, _directions(run, phase)))


def _rank(peers: Mapping[str, Results], name: str, phase: int) -> float:
    metrics = {other: run.phases[phase - 1].metrics for other, run in peers.items()
               if phase <= len(run.phases) and _directions(run, phase).keys() == _directions(peers[name], phase).keys()
               and _directions(run, phase).keys() <= run.phases[phase - 1].metrics.keys()}
    return _or_nan(lambda: mean_rank(metrics, _directions(peers[name], phase))[name]) if name in metrics else math.nan


def _directions(run: Results, phase: int) -> dict[str, dict[str, bool]]:
    return {task: run.higher_is_better[task] for earlier in run.phases[:phase] for task in earlier.tasks
            if run.higher_is_better.get(task)}


def _or_nan(value: Callable[[], float]) -> float:
    try:
        return value()
    except RunError:
        return math.nan


def _when_learned(run: Results) -> dict[str, dict[str, float]]:
    return {task: phase.metrics[task] for phase in run.phases for task in phase.tasks if task in phase.metrics}


def _box_marks(names: Sequence[str], places: Iterable[int]) -> list[Mark]:
    return [Mark(names[place], COLOURS[place % len(COLOURS)]) for place in sorted(places)]


def _brightness(colour: tuple[float, ...]) -> float:
    """The relative luminance of an RGB colour in [0, 1], as WCAG defines it."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
