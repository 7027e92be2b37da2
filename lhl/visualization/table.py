"""The results of some runs as a table, to read or to paste."""
from collections.abc import Mapping, Sequence
from typing import Literal

from lhl.evaluation import Results, average_accuracy, average_forgetting, averaged_metrics, forgetting

from .labels import all_metrics, all_tasks, all_units, decimals, markdown_text, metric_label, number, run_names

_COLUMNS = ('learned', 'final', 'forgotten')
_LEGEND = ('learned: right after the phase of the task; final: after the last phase of the stream; '
           'forgotten: how much worse final is than learned; -: not measured.')
_AVERAGES = 'A and F'
_LEGEND_OF_AVERAGES = (f' {_AVERAGES}: the mean of all tasks, and that of how far each earlier one is below its '
                       'highest value.')


def results_table(runs: Sequence[Results], format: Literal['text', 'markdown'] = 'text',
                  names: Sequence[str] = ()) -> str:
    """Set the metrics of some runs side by side.

    There is one row per task and metric, with an arrow that points to where it is better, and three columns per run:
    right after the task was learned, after the last phase of the stream, and forgetting, which is positive where the
    last phase is worse. Accuracies that tasks have in common are averaged below. What was not measured is shown as
    ``-``.

    Args:
        runs: The results of at least one run.
        format: ``'text'`` for a terminal, ``'markdown'`` for a document.
        names: What to call them; by default :func:`~lhl.visualization.labels.run_names`.

    Returns:
        The table and a line that explains it, without a final line break.

    Raises:
        ValueError: If there is no run, or the format is unknown.
    """
    if not runs:
        raise ValueError('found no results to tabulate, expected those of at least one run')
    if format not in ('text', 'markdown'):
        raise ValueError(f"found format={format!r}, expected 'text' or 'markdown'")
    rows = _rows(runs)
    legend = _LEGEND + (_LEGEND_OF_AVERAGES if any(row[0] == _AVERAGES for row in rows) else '')
    write = _text if format == 'text' else _markdown
    return write(names or run_names(runs), rows, legend)


def metrics_table(metrics: Mapping[str, Mapping[str, float]], units: Mapping[str, Mapping[str, str]]) -> str:
    """Set the metrics of one learner below each other for a terminal.

    Args:
        metrics: ``{task: {metric: value}}``.
        units: ``{task: {metric: unit}}``; a metric that is not in it is printed without one.
    """
    rows = []
    for task, values in metrics.items():
        for metric, value in values.items():
            unit = units.get(task, {}).get(metric, '')
            rows.append((task, metric, number(value, decimals(unit)), unit))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return '\n'.join(f'{task.ljust(widths[0])}  {metric.ljust(widths[1])}  {value.rjust(widths[2])} {unit}'.rstrip()
                     for task, metric, value, unit in rows)


def _rows(runs: Sequence[Results]) -> list[list[str]]:
    """Write out task, metric and three cells per run, for every task and metric."""
    rows = []
    for task in all_tasks(runs):
        units = all_units(runs, task)
        for metric, better in all_metrics(runs, task).items():
            unit = units.get(metric, '')
            cells = [cell for run in runs for cell in _cells(run, task, metric, decimals(unit))]
            rows.append([task, metric_label(metric, better, unit), *cells])
    directions = {task: all_metrics(runs, task) for task in all_tasks(runs)}
    for metric, (task, *_) in averaged_metrics(directions).items():
        unit = all_units(runs, task).get(metric, '')
        cells = [cell for run in runs for cell in _average_cells(run, metric, decimals(unit))]
        rows.append([_AVERAGES, metric_label(metric, directions[task][metric], unit), *cells])
    return rows


def _cells(run: Results, task: str, metric: str, places: int) -> tuple[str, str, str]:
    learned = next((phase.metrics.get(task, {}).get(metric) for phase in run.phases if task in phase.tasks), None)
    final = run.phases[-1].metrics.get(task, {}).get(metric) if run.finished else None
    forgotten = forgetting(run).get(task, {}).get(metric)
    return number(learned, places), number(final, places), number(forgotten, places, '+')


def _average_cells(run: Results, metric: str, places: int) -> tuple[str, str, str]:
    """Write out A and F of a finished run, where all tasks with the metric were scored."""
    tasks = [task for task in run.learned_tasks if metric in run.higher_is_better.get(task, {})]
    if not (tasks and run.finished and all(metric in run.phases[-1].metrics.get(task, {}) for task in tasks)):
        return '-', '-', '-'
    accuracy, fall = average_accuracy(run, metric), average_forgetting(run, metric)
    return '-', number(accuracy, places), number(fall, places, '+')


def _text(names: Sequence[str], rows: list[list[str]], legend: str) -> str:
    """Align the columns, and group those of each run under its name."""
    titles = ['task', 'metric', *_COLUMNS * len(names)]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for run, name in enumerate(names):
        first = 2 + len(_COLUMNS) * run
        widths[first] += max(0, len(name) - sum(widths[first:first + len(_COLUMNS)]) - 2 * (len(_COLUMNS) - 1))

    def line(cells: Sequence[str]) -> str:
        groups = ['  '.join(cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True))]
        for first in range(2, len(cells), len(_COLUMNS)):
            part = slice(first, first + len(_COLUMNS))
            groups.append('  '.join(cell.rjust(width) for cell, width in zip(cells[part], widths[part], strict=True)))
        return ' | '.join(groups)

    body, previous = [], None
    for row in rows:
        body.append(line([row[0] if row[0] != previous else '', *row[1:]]))
        previous = row[0]
    group_widths = [len(group) for group in line(titles).split(' | ')]
    header = ' | '.join(name.center(width) for name, width in zip(['', *names], group_widths, strict=True))
    rule = '-+-'.join('-' * width for width in group_widths)
    return '\n'.join(text.rstrip() for text in [header, line(titles), rule, *body, '', legend])


def _markdown(names: Sequence[str], rows: list[list[str]], legend: str) -> str:
    """Write a pipe table; Markdown has no headers that span columns, so each repeats its run."""
    titles = ['task', 'metric', *(f'{name}: {column}' for name in names for column in _COLUMNS)]
    marks = ['---', '---', *['---:'] * (len(titles) - 2)]
    escaped = [[markdown_text(cell) for cell in row] for row in [titles, marks, *rows]]
    return '\n'.join([*(f'| {" | ".join(row)} |' for row in escaped), '', legend])
