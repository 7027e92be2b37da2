"""The rows of a printed table beside those that were measured again."""
import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lhl.evaluation.directions import Directions
from lhl.evaluation.published import PublishedTable

from .comparison import Comparison, Spread
from .labels import decimals, markdown_text, metric_label, number, spreadsheet_text


@dataclass(frozen=True)
class BesidePublished:
    """A number that was measured, and the printed one.

    Args:
        method: The row.
        column: ``task/metric``, ``Delta`` or ``MR``; of averaged accuracies such as ``class_il/A`` and ``class_il/F``.
        ours: Mean and deviation over seeds; None where it was not measured.
        printed: None where it was not printed.
        questionable: What is wrong with the printed one; empty if nothing is known.
    """

    method: str
    column: str
    ours: Spread | None
    printed: float | None
    questionable: str = ''

    @property
    def error(self) -> float | None:
        """The standard error of our mean, the sample deviation over the root of the seeds; None for one seed."""
        if self.ours is None or self.ours.std is None:
            return None
        return self.ours.std / math.sqrt(self.ours.num_seeds)

    @property
    def difference(self) -> float | None:
        """Ours minus the printed one."""
        return None if self.ours is None or self.printed is None else self.ours.mean - self.printed


def beside_published(comparison: Comparison, table: PublishedTable) -> list[BesidePublished]:
    """Set a comparison beside a printed table, row by row and column by column.

    MR depends on which rows there are, so it is set beside only where the rows are those that are printed. Where the
    table averages accuracies over tasks, so do the columns.

    Args:
        comparison: Its methods are called as the rows of the table; others have no printed numbers.
        table: The table.
    """
    doubts = {(entry.method, entry.column): entry.why for entry in table.questionable}
    cells = []
    for method in comparison.methods:
        ours: dict[str, Spread | None] = {f'{task}/{metric}': spread for task, metrics in method.metrics.items()
                                          for metric, spread in metrics.items()}
        if is_averaged(table):
            ours = {f'{metric}/{symbol}': values.get(metric) for metric in table.higher_is_better
                    for symbol, values in (('A', method.accuracy), ('F', method.fall))}
        if table.delta:
            ours['Delta'] = method.improvement
        if table.mean_rank and {row.name for row in comparison.methods} == set(table.rows):
            ours['MR'] = method.mean_rank
        printed = {f'{task}/{metric}': value for task, metrics in table.rows.get(method.name, {}).items()
                   for metric, value in metrics.items()}
        if method.name in table.rows:
            printed |= {name: values[method.name] for name, values in (('Delta', table.delta), ('MR', table.mean_rank))
                        if values}
        for column, spread in ours.items():
            doubt = next((doubts[key] for key in ((method.name, column), (method.name, '*'), ('*', column))
                          if key in doubts), '')
            cells.append(BesidePublished(method.name, column, spread, printed.get(column), doubt))
    return cells


def is_averaged(table: PublishedTable) -> bool:
    """Say whether a table averages accuracies over tasks, as HCL's do."""
    return all(metrics.keys() == {'A', 'F'} for metrics in table.higher_is_better.values())


def published_markdown(cells: Sequence[BesidePublished], comparison: Comparison, table: PublishedTable) -> str:
    """Write three lines for each method: ours, the paper's, and the difference with its standard error.

    Args:
        cells: From :func:`beside_published`.
        comparison: What it was given.
        table: Likewise.
    """
    by_method: dict[str, dict[str, BesidePublished]] = {}
    for cell in cells:
        by_method.setdefault(cell.method, {})[cell.column] = cell
    columns = list(next(iter(by_method.values())))
    units = {column: '%' if is_averaged(table) else _unit(column, comparison) for column in columns}
    directions = table.higher_is_better if is_averaged(table) else comparison.higher_is_better
    titles = ['method', '', *(_title(column, directions, units[column]) for column in columns)]
    rows = []
    for method, of_method in by_method.items():
        places = [2 if column in ('Delta', 'MR') else decimals(units[column]) for column in columns]
        listed = [(of_method[column], place) for column, place in zip(columns, places, strict=True)]
        rows.append([method, 'ours', *(number(cell.ours.mean, place) + _deviation(cell.ours.std, place)
                                       if cell.ours else '-' for cell, place in listed)])
        rows.append(['', 'paper', *(('-' if cell.printed is None else number(cell.printed, place))
                                    + ('?' if cell.questionable and cell.printed is not None else '')
                                    for cell, place in listed)])
        rows.append(['', 'difference', *('-' if cell.difference is None else number(cell.difference, place, '+')
                                         + _deviation(cell.error, place) for cell, place in listed)])
    marks = ['---', '---', *['---:'] * len(columns)]
    lines = [f'| {" | ".join(markdown_text(text) for text in row)} |' for row in (titles, marks, *rows)]
    return '\n'.join([*lines, '', *_notes(cells, comparison, table)])


def published_csv(parts: Mapping[str, Sequence[BesidePublished]]) -> str:
    """Write a line for each number, with all its digits; what is not known is empty.

    Args:
        parts: The cells of each part of a table.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['part', 'method', 'column', 'ours', 'std', 'seeds', 'paper', 'difference', 'standard error',
                     'questionable'])
    for part, cells in parts.items():
        for cell in cells:
            writer.writerow([spreadsheet_text(part), spreadsheet_text(cell.method), cell.column,
                             *(cell.ours or (None, None, None)), cell.printed, cell.difference, cell.error,
                             cell.questionable])
    return text.getvalue()


def _unit(column: str, comparison: Comparison) -> str:
    task, _, metric = column.partition('/')
    return '%' if column == 'Delta' else comparison.units.get(task, {}).get(metric, '')


def _title(column: str, directions: Directions, unit: str) -> str:
    if column in ('Delta', 'MR'):
        return metric_label('Δ' if column == 'Delta' else column, column == 'Delta', unit)
    task, _, metric = column.partition('/')
    return f'{task}: {metric_label(metric, directions[task][metric], unit)}'


def _deviation(value: float | None, places: int) -> str:
    return '' if value is None else f' ± {number(value, places)}'


def _notes(cells: Sequence[BesidePublished], comparison: Comparison, table: PublishedTable) -> list[str]:
    """Say what the numbers are, and which printed ones are in doubt."""
    most = max((cell.ours.num_seeds for cell in cells if cell.ours), default=1)
    error = ('ours: mean ± sample standard deviation over seeds; difference: ours minus the printed one ± standard '
             'error of our mean' if most > 1 else 'one seed, so the error of the differences is not known')
    notes = [f'{error}; the paper prints no error of its own; -: not printed, or not measured.']
    if table.compatibility and any(cell.column == 'Delta' and cell.ours for cell in cells):
        notes.append(f'Δ repeats the deviation {table.compatibility} of the printed one, to compare with it.')
    if table.mean_rank and {method.name for method in comparison.methods} != set(table.rows):
        notes.append('MR is left out: it ranks all printed rows.')
    doubts = {cell.questionable: f'{cell.method} {cell.column}' for cell in cells
              if cell.questionable and cell.printed is not None}
    reasons: dict[str, list[str]] = {}
    for method, why in table.not_here.items():
        reasons.setdefault(why, []).append(method)
    return [*notes, *(f'?: {why} ({where}).' for why, where in doubts.items()),
            *(f'Not here: {", ".join(methods)}: {why}.' for why, methods in reasons.items()),
            *(f'Note: {note}.' for note in table.notes)]
