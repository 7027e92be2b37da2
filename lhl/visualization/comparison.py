"""Methods against each other, as the table that a paper prints."""
import csv
import io
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .labels import decimals, markdown_text, metric_label, number, spreadsheet_text, with_unit

_UPPER_BOUND = '†'
_LATEX = str.maketrans({
    '\\': r'\textbackslash{}', '~': r'\textasciitilde{}', '^': r'\textasciicircum{}',
    **{character: f'\\{character}' for character in '&%$#_{}'},
    '↑': r'$\uparrow$', '↓': r'$\downarrow$', 'Δ': r'$\Delta$', '°': r'$^\circ$', '±': r'$\pm$', '†': r'$^\dagger$'})


class Spread(NamedTuple):
    """A number measured with several seeds."""

    mean: float  #: over the seeds
    std: float | None  #: the sample standard deviation, with one less than the seeds in the denominator; None for one
    num_seeds: int  #: how many there are

    @classmethod
    def of(cls, values: Sequence[float]) -> 'Spread':
        """Summarise at least one value; no order of the values changes the outcome."""
        mean = math.fsum(values) / len(values)
        if len(values) == 1:
            return cls(mean, None, 1)
        return cls(mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)), len(values))


@dataclass
class ComparedMethod:
    """What a method reached: a row of the table.

    Args:
        name: Its name in the table.
        seeds: The seeds of its runs, ascending.
        metrics: Each task's metrics after the last phase.
        improvement: Delta, over the reference's run with the same seed, in percent; None without a reference.
        mean_rank: MR, among the methods that have a run with the same seed.
        forgetting: How much worse the tasks of earlier phases are at the end than when they were learned, in percent;
            None where there is no earlier phase.
        plasticity: How much better each task was when it was learned than a separate model, in percent; None without
            separate models.
        upper_bound: Whether it learns all tasks at once or a separate model for each, as no lifelong method can.
        accuracy: A after the last phase, of each accuracy that tasks have in common, in percent.
        fall: F likewise, in points of percent; without those of which there is no earlier phase.
    """

    name: str
    seeds: list[int]
    metrics: dict[str, dict[str, Spread]]
    improvement: Spread | None
    mean_rank: Spread
    forgetting: Spread | None
    plasticity: Spread | None
    upper_bound: bool
    accuracy: dict[str, Spread] = field(default_factory=dict)
    fall: dict[str, Spread] = field(default_factory=dict)


@dataclass
class Comparison:
    """Methods that learned the same stream.

    Args:
        higher_is_better: For each task of the stream its metrics, in the order in which they are printed.
        units: For each task the units of its metrics, of those that have one.
        methods: The upper bounds, then the reference, then the others.
        reference: Name of the method that Delta refers to, if any.
        compatibility: Which deviation of a published table Delta repeats, if any.
        averaged: The accuracies that are averaged over tasks, and over which.
        every_task: Whether those of the single tasks are printed, too; in CSV they always are.
        with_improvement: Whether Delta has a column, which it need not where another table has it.
    """

    higher_is_better: Mapping[str, Mapping[str, bool]]
    units: Mapping[str, Mapping[str, str]]
    methods: list[ComparedMethod]
    reference: str | None
    compatibility: str | None = None
    averaged: Mapping[str, Sequence[str]] = field(default_factory=dict)
    every_task: bool = False
    with_improvement: bool = True

    @property
    def has_improvement(self) -> bool:
        """Whether any row has a Delta: where the reference is at 0 in a metric, none has."""
        return any(method.improvement is not None and not math.isnan(method.improvement.mean)
                   for method in self.methods)

    @property
    def has_forgetting(self) -> bool:
        """Whether any row forgets something that F does not cover."""
        said = set().union(*self.averaged.values())
        return any(method.forgetting is not None for method in self.methods) and not said >= {*self.higher_is_better}

    @property
    def notes(self) -> list[str]:
        """What a reader has to know about the numbers, a few remarks."""
        first, *others = self.methods
        if any(method.seeds != first.seeds for method in others):
            seeds = '; '.join(f'{method.name} {_listed(method.seeds)}' for method in self.methods)
            notes = [f'seeds differ ({seeds}): mean ± sample standard deviation over those of the row, and MR ranks at '
                     f'each seed only the rows that have it']
        elif len(first.seeds) == 1:
            notes = [f'seed {first.seeds[0]}']
        else:
            notes = [f'mean ± sample standard deviation over seeds {_listed(first.seeds)}']
        if self.averaged:
            notes.append('A: mean accuracy of all tasks at the end; F: mean over earlier tasks of how far it is below '
                         'its highest value; class_il: among all classes; task_il: among those of the task')
        if self.averaged and not self.every_task:
            count = len(set().union(*self.averaged.values()))
            notes.append(f'the accuracies of the {count} single tasks are left out')
        if self.reference is not None and self.with_improvement:
            notes.append(f'Δ: mean over tasks of the improvement over {self.reference} with the same seed' if
                         self.has_improvement else f'Δ does not exist: a metric of {self.reference} is 0 or no number')
        notes.append('MR: mean over tasks of the rank among all rows')
        if self.has_forgetting:
            notes.append('forgotten: mean over earlier tasks of how much worse they are at the end than when learned; '
                         '-: there is no earlier task')
        if any(method.plasticity is not None for method in self.methods):
            notes.append('plasticity: mean over tasks of how much better they were when learned than separate models')
        if any(method.upper_bound for method in self.methods):
            notes.append(f'{_UPPER_BOUND}: learns all tasks at once or separate models; ranked, never bold')
        if self.compatibility:
            notes.append(f'Δ repeats the deviation {self.compatibility} of a published table and is no result')
        return notes


class _Column(NamedTuple):
    """A column of numbers: its name, how it is printed, and its numbers, one per row."""

    task: str
    key: str
    label: str
    unit: str
    higher_is_better: bool
    places: int
    sign: str
    spreads: list[Spread | None]


#: Key, symbol, whether higher is better, unit, sign and numbers of a column that is of no single task.
_Summary = tuple[str, str, bool, str, str, list[Spread | None]]


class _Cell(NamedTuple):
    """A cell as it is printed, without the marks of the format."""

    text: str
    deviation: str = ''
    best: bool = False


def comparison_table(comparison: Comparison, format: Literal['markdown', 'latex', 'csv'] = 'markdown') -> str:
    """Set methods below each other as the tables of the HAD paper do.

    Columns are the metrics of each task, with an arrow to where they are better, then the averages of accuracies that
    tasks have in common, in place of their columns unless all are asked for, then Delta, MR and what else was
    measured. The best mean of a column is bold, equal ones all of them, but those of upper bounds, which stand first,
    above a rule where the format has one.

    Args:
        comparison: The methods.
        format: ``'markdown'`` for a pipe table, ``'latex'`` for one with booktabs, ``'csv'`` for the bare numbers with
            all their digits, below titles such as ``depth/AbsErr (m) mean``.

    Returns:
        The table, without a final line break.

    Raises:
        ValueError: If there is no such format.
    """
    formats = dict(markdown=_markdown, latex=_latex, csv=_csv)
    if format not in formats:
        raise ValueError(f"found format={format!r}, expected 'markdown', 'latex' or 'csv'")
    return formats[format](comparison, _columns(comparison, comparison.every_task or format == 'csv'))


def _columns(comparison: Comparison, every_task: bool) -> list[_Column]:
    """Lay out the columns, without those that no row has a value for."""
    methods, columns = comparison.methods, []
    for task, directions in comparison.higher_is_better.items():
        for metric, better in directions.items():
            if task in comparison.averaged.get(metric, ()) and not every_task:
                continue
            unit = comparison.units.get(task, {}).get(metric, '')
            columns.append(_Column(task, f'{task}/{metric}', metric_label(metric, better, unit), unit, better,
                                   decimals(unit), '', [method.metrics[task][metric] for method in methods]))
    averages: list[_Summary] = []
    for metric in comparison.averaged:
        for symbol, better, values in (('A', True, [method.accuracy.get(metric) for method in methods]),
                                       ('F', False, [method.fall.get(metric) for method in methods])):
            averages.append((f'{symbol} {metric}', f'{symbol} {metric}', better, '%', '', values))
    summaries: list[_Summary] = [
        *averages,
        ('Delta', 'Δ', True, '%', '+', [method.improvement for method in methods
                                        if comparison.has_improvement and comparison.with_improvement]),
        ('MR', 'MR', False, '', '', [method.mean_rank for method in methods]),
        ('forgotten', 'forgotten', False, '%', '+', [method.forgetting for method in methods
                                                     if comparison.has_forgetting]),
        ('plasticity', 'plasticity', True, '%', '+', [method.plasticity for method in methods])]
    for key, symbol, better, unit, sign, values in summaries:
        if any(value is not None for value in values):
            columns.append(_Column('', key, metric_label(symbol, better, unit), unit, better, 2, sign, values))
    return columns


def _best(comparison: Comparison, column: _Column) -> float | None:
    """Find the best mean of a column among the methods that are no upper bounds."""
    means = [spread.mean for spread, method in zip(column.spreads, comparison.methods, strict=True)
             if spread is not None and not method.upper_bound and not math.isnan(spread.mean)]
    return (max if column.higher_is_better else min)(means, default=None)


def _rows(comparison: Comparison, columns: Sequence[_Column]) -> list[list[_Cell]]:
    """Write out the name, the seeds where they differ, and the numbers of each method."""
    best = [_best(comparison, column) for column in columns]
    rows = []
    for index, method in enumerate(comparison.methods):
        row = [_Cell(method.name + (f' {_UPPER_BOUND}' if method.upper_bound else ''))]
        if _seeds_differ(comparison):
            row.append(_Cell(_listed(method.seeds)))
        for column, best_mean in zip(columns, best, strict=True):
            spread = column.spreads[index]
            row.append(_Cell('-') if spread is None else _Cell(
                number(spread.mean, column.places, column.sign),
                '' if spread.std is None else f' ± {number(spread.std, column.places)}',
                spread.mean == best_mean and not method.upper_bound))
        rows.append(row)
    return rows


def _head(comparison: Comparison) -> list[str]:
    """Name the columns before the numbers."""
    return ['method', 'seeds'] if _seeds_differ(comparison) else ['method']


def _markdown(comparison: Comparison, columns: Sequence[_Column]) -> str:
    """Write a pipe table; Markdown has no headers that span columns, so each repeats its task."""
    head = _head(comparison)
    titles = head + [f'{column.task}: {column.label}' if column.task else column.label for column in columns]
    marks = ['---'] * len(head) + ['---:'] * len(columns)
    rows = [[(f'**{cell.text}**' if cell.best else markdown_text(cell.text)) + cell.deviation for cell in row]
            for row in _rows(comparison, columns)]
    table = [list(map(markdown_text, titles)), marks, *rows]
    return '\n'.join([*(f'| {" | ".join(row)} |' for row in table), '',
                      markdown_text('; '.join(comparison.notes)) + '.'])


def _latex(comparison: Comparison, columns: Sequence[_Column]) -> str:
    """Write a tabular for booktabs; what has to be known about it is in comments above."""
    head = _head(comparison)
    groups, rules, place = [''] * len(head), [], len(head)
    for task, members in itertools.groupby(columns, key=lambda column: column.task):
        width = len(list(members))
        if task:
            groups.append(rf'\multicolumn{{{width}}}{{c}}{{{_escaped(task)}}}')
            rules.append(rf'\cmidrule(lr){{{place + 1}-{place + width}}}')
        else:
            groups += [''] * width
        place += width
    lines = [*(f'% {note}' for note in ['needs the package booktabs', *comparison.notes]),
             rf'\begin{{tabular}}{{{"l" * len(head)}{"r" * len(columns)}}}', r'\toprule',
             *([_latex_row(groups), ' '.join(rules)] if rules else []),
             _latex_row(map(_escaped, [*head, *(column.label for column in columns)])), r'\midrule']
    below_rule = True
    for method, row in zip(comparison.methods, _rows(comparison, columns), strict=True):
        if not (below_rule or method.upper_bound):
            lines.append(r'\midrule')
        below_rule = not method.upper_bound
        lines.append(_latex_row([*(_escaped(cell.text) for cell in row[:len(head)]),
                                 *map(_latex_number, row[len(head):])]))
    return '\n'.join([*lines, r'\bottomrule', r'\end{tabular}'])


def _latex_row(cells: Iterable[str]) -> str:
    return ' & '.join(cells) + r' \\'


def _latex_number(cell: _Cell) -> str:
    """Write a number with a minus that is none of LaTeX's dashes, which a missing number is."""
    text = '--' if cell.text == '-' else cell.text.replace('-', '$-$')
    return (rf'\textbf{{{text}}}' if cell.best else text) + _escaped(cell.deviation)


def _escaped(text: str) -> str:
    return text.translate(_LATEX)


def _csv(comparison: Comparison, columns: Sequence[_Column]) -> str:
    """Write the numbers with all their digits; what was not measured is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['method', 'upper bound', 'seeds', *(
        spreadsheet_text(f'{with_unit(column.key, column.unit)} {part}')
        for column in columns for part in ('mean', 'std', 'n'))])
    for index, method in enumerate(comparison.methods):
        seeds = ' '.join(map(str, method.seeds))
        writer.writerow([spreadsheet_text(method.name), 'yes' if method.upper_bound else 'no', seeds, *(
            part for column in columns for part in column.spreads[index] or (None, None, None))])
    return text.getvalue().removesuffix('\n')


def _seeds_differ(comparison: Comparison) -> bool:
    return any(method.seeds != comparison.methods[0].seeds for method in comparison.methods)


def _listed(seeds: Sequence[int]) -> str:
    return ', '.join(map(str, seeds))
