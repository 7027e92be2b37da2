"""The report on a data set: problems first, then what is worth knowing, then the numbers."""
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

SHOWN = 20  # problems of a kind in the Markdown; the JSON has all


class Problem(NamedTuple):
    """Something that is wrong."""

    kind: str  #: 'data set', 'image', 'target', 'no target', 'in two splits', 'axes', or 'missing file' etc.
    split: str
    sentence: str


@dataclass
class SplitReport:
    """The numbers of one split, in plain types."""

    images: int  #: that are used
    left_out: int  #: because they have no target
    unreadable: int  #: images or targets of how many samples
    sizes: dict[str, int]  #: how many images have each height x width
    targets: dict[str, dict[str, Any]]  #: per task


@dataclass
class Report:
    """The result of :func:`~lhl.apis.dataset_check.check_dataset`."""

    config: str
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  #: what may be meant so
    splits: dict[str, SplitReport] = field(default_factory=dict)
    config_lines: list[str] = field(default_factory=list)  #: tasks with the statistics of the training images
    axes: str = ''
    contact_sheet: str = ''

    def document(self) -> dict:
        """All of it, for JSON."""
        return dict(asdict(self), problems=[problem._asdict() for problem in self.problems])

    def markdown(self) -> str:
        """The report that a person reads: what is wrong first."""
        by_kind = defaultdict(list)
        for problem in self.problems:
            by_kind[problem.kind].append(problem)
        kinds = ', '.join(f'{kind} {len(problems)}' for kind, problems in by_kind.items())
        verdict = f'**{len(self.problems)} problems** ({kinds})' if self.problems else '**No problem found.**'
        lines = [f'# Data of {self.config}', '', verdict, '']
        for kind, problems in by_kind.items():
            lines += [f'## Problems: {kind} ({len(problems)})', '']
            lines += [f'- {problem.split}: {problem.sentence}' for problem in problems[:SHOWN]]
            if len(problems) > SHOWN:
                lines.append(f'- and {len(problems) - SHOWN} more, all in report.json')
            lines.append('')
        if self.notes:
            lines += ['## Worth knowing', '', *(f'- {note}' for note in self.notes), '']
        lines += ['## Images', '', *_table(
            ['split', 'images', 'left out', 'with problems', 'height x width'],
            [[name, split.images, split.left_out, split.unreadable,
              ', '.join(f'{size} ({count})' for size, count in list(split.sizes.items())[:4])
              + (f', {len(split.sizes) - 4} more sizes' if len(split.sizes) > 4 else '')]
             for name, split in self.splits.items()]), '']
        lines += ['## Targets', '', *_table(
            ['task', 'split', 'images with', 'without', 'valid pixels', 'lowest', 'highest', 'mean', 'std'],
            [[task, name, numbers['images'], numbers['without'], f'{numbers["valid"]:.1%}',
              *(_channels(numbers.get(key)) for key in ('low', 'high', 'mean', 'std'))]
             for task in _tasks(self.splits) for name, split in self.splits.items()
             if (numbers := split.targets.get(task))]), '']
        for task in _tasks(self.splits):
            lines += _class_table(task, self.splits)
        if self.config_lines:
            lines += ['## Statistics of the training images, for the config', '', '```python', 'tasks = dict(',
                      *(f'    {line},' for line in self.config_lines), ')', '```', '']
        if self.axes:
            lines += ['## Axes of the normals', '', self.axes, '']
        if self.contact_sheet:
            lines += [f'![Some images with their targets]({self.contact_sheet})', '']
        return '\n'.join(lines).rstrip()


def _tasks(splits: Mapping[str, SplitReport]) -> list[str]:
    """All tasks, in the order of their first split."""
    return list(dict.fromkeys(task for split in splits.values() for task in split.targets))


def _class_table(task: str, splits: Mapping[str, SplitReport]) -> list[str]:
    """How often each class of a task is, in each split; nothing for a task without classes.

    An image-level task has no pixels to count.
    """
    shares = {name: split.targets[task]['classes'] for name, split in splits.items()
              if split.targets.get(task, {}).get('classes')}
    if not shares:
        return []
    labels = next(iter(shares.values()))
    dense = 'pixels' in next(iter(labels.values()))
    heads = [head for name in shares for head in ([f'{name}: % of pixels'] if dense else []) + [f'{name}: images']]
    rows = [[label, *(cell for classes in shares.values() for cell in (
        [f'{classes[label]["pixels"]:.2%}'.rstrip('%')] if dense else []) + [classes[label]['images']])]
            for label in labels]
    return [f'## Classes of {task}', '', *_table(['class', *heads], rows), '']


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A table whose columns line up in a terminal, too: text to the left, numbers to the right."""
    cells = [list(heads), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    left = [column == 0 or any(row[column][:1].isalpha() for row in cells[1:]) for column in range(len(heads))]
    lines = ['| ' + ' | '.join(cell.ljust(width) if to_left else cell.rjust(width)
                               for cell, width, to_left in zip(row, widths, left, strict=True)) + ' |' for row in cells]
    rule = '|' + '|'.join('-' * (width + 2) if to_left else '-' * (width + 1) + ':'
                          for width, to_left in zip(widths, left, strict=True)) + '|'
    return [lines[0], rule, *lines[1:]]


def _channels(values: Sequence[float] | None) -> str:
    """One number per channel, short."""
    return ', '.join(f'{value:.4g}' for value in values) if values else '-'
