"""The result tables of the HAD, KDAM and HCL papers as data, to compare with and to check summary metrics against."""
import csv
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple, TypeVar

from lhl.errors import ConfigError, suggest

from .directions import Directions, Metrics

_FOLDER = files(__package__) / 'published_tables'
_ARROWS = {'↑': True, '↓': False}
_Value = TypeVar('_Value', float, bool)


class Questionable(NamedTuple):
    """A printed cell that should not be a target.

    Args:
        method: The row, or ``'*'`` for all of them.
        column: ``'task/metric'``, ``'Delta'`` or ``'MR'``, or ``'*'`` for all of them.
        why: What is wrong with it.
    """

    method: str
    column: str
    why: str


@dataclass(frozen=True)
class PublishedTable:
    """One printed table, or the part of one that shares a reference.

    Args:
        name: Its name here.
        paper: The title and venue of the paper.
        table: Which table of the paper, and which part of it.
        dataset: Name of the data set.
        backbone: Name of the shared backbone.
        stream: The tasks, in the order in which they are learned.
        rows: The metrics of each method after the last phase, in printed order: ``{method: {task: {metric: value}}}``,
            without those that are not printed. HCL averages its accuracies over tasks: ``{'class_il': {'A': value}}``.
        delta: For each method the printed relative improvement, in percent; empty where none is printed.
        mean_rank: For each method the printed mean rank; empty where none is printed.
        higher_is_better: For each task its metrics, in printed order.
        reference: The row that the relative improvement refers to.
        compatibility: With which ``compatibility`` of :func:`~lhl.evaluation.relative_improvement` the printed relative
            improvement recomputes; None if it does so as it is.
        questionable: The printed cells that contradict others or themselves.
        notes: Further remarks.
        not_here: The rows that no config of lhl trains, and why.
    """

    name: str
    paper: str
    table: str
    dataset: str
    backbone: str
    stream: tuple[str, ...]
    rows: dict[str, Metrics]
    delta: dict[str, float]
    mean_rank: dict[str, float]
    higher_is_better: Directions
    reference: str
    compatibility: str | None
    questionable: tuple[Questionable, ...]
    notes: tuple[str, ...]
    not_here: dict[str, str]


def published_tables() -> list[str]:
    """List the names of the published tables, paper by paper, in its order."""
    return sorted((file.name.removesuffix('.csv') for file in _FOLDER.iterdir() if file.name.endswith('.csv')),
                  key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', name)])


def published_table(name: str) -> PublishedTable:
    """Read a published table.

    Each is a CSV file with the printed digits, below lines ``# key: value`` that name its source.

    Args:
        name: One of :func:`published_tables`.

    Raises:
        ConfigError: If the table is unknown.
    """
    if name not in published_tables():
        raise ConfigError(f'the published table {name!r} is unknown; {suggest(name, published_tables())}')
    lines = (_FOLDER / f'{name}.csv').read_text(encoding='utf-8').splitlines()
    about: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith('# '):
            key, value = line[2:].split(': ', maxsplit=1)
            about.setdefault(key, []).append(value)
    header, *cells = csv.reader(line for line in lines if not line.startswith('#'))
    numbers = {row[0]: {column: float(value) for column, value in zip(header[1:], row[1:], strict=True) if value}
               for row in cells}
    return PublishedTable(
        name=name,
        **{key: about[key][0] for key in ('paper', 'table', 'dataset', 'backbone', 'reference')},
        stream=tuple(about['stream'][0].split(', ')),
        rows={method: _by_task(row) for method, row in numbers.items()},
        delta={method: row['Delta ↑'] for method, row in numbers.items() if 'Delta ↑' in row},
        mean_rank={method: row['MR ↓'] for method, row in numbers.items() if 'MR ↓' in row},
        higher_is_better=_by_task({column: _ARROWS[column[-1]] for column in header[1:]}),
        compatibility=next(iter(about.get('compatibility', [])), None),
        questionable=tuple(Questionable(*entry.split(' | ')) for entry in about.get('questionable', [])),
        notes=tuple(about.get('note', [])),
        not_here=dict(entry.split(' | ', 1) for entry in about.get('not here', [])))


def _by_task(row: dict[str, _Value]) -> dict[str, dict[str, _Value]]:
    """Sort ``{'task/metric arrow': value}`` by task, without the columns of no task."""
    table: dict[str, dict[str, _Value]] = {}
    for column, value in row.items():
        task, slash, metric = column[:-2].partition('/')
        if slash:
            table.setdefault(task, {})[metric] = value
    return table
