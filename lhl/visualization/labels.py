"""How runs, metrics and numbers are written in tables and figures."""
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lhl.errors import printable
from lhl.evaluation import Results

#: An underscore within a name, such as class_il, is none of Markdown's.
_MARKDOWN = str.maketrans({character: f'\\{character}' for character in '\\`*[]|'})
#: What a formula begins with.
_FORMULA = ('=', '+', '-', '@')


def method_names(runs: Sequence[Results], given: Sequence[str | None] = ()) -> list[str]:
    """Name the method of each run; the same for all its seeds.

    Args:
        runs: The results of some runs.
        given: For each run what to call its method, None to call it by its name and, where there are several configs
            of it, by what their file names do not share: ``HAD`` and ``HAD (no sg)``. Empty where none has a name.
    """
    names = list(given or [None] * len(runs))
    stems: dict[str, list[str]] = {}
    for run, name in zip(runs, names, strict=True):
        if name is None:
            stems.setdefault(run.method, []).append(_stem(run))
    differences = {method: dict(zip(of_method, _differences(of_method), strict=True))
                   for method, of_method in stems.items()}

    def default(run: Results) -> str:
        difference = differences[run.method][_stem(run)]
        return f'{run.method} ({difference})' if difference else run.method

    return [default(run) if name is None else name for run, name in zip(runs, names, strict=True)]


def _stem(run: Results) -> str:
    """Give the file name of a run's config; it comes from a file, and is printed."""
    return printable(Path(run.config).stem).replace('\n', ' ')


def _differences(stems: Sequence[str]) -> list[str]:
    """Remove the first and last words that all names of config files share."""
    words = [stem.split('_') for stem in stems]
    for end in (0, -1):
        while all(words) and len({name[end] for name in words}) == 1:
            for name in words:
                del name[end]
    return [' '.join(name) for name in words]


def run_names(runs: Sequence[Results], given: Sequence[str | None] = ()) -> list[str]:
    """Name each run by its method, and by what else tells it from the others: the seed, then its number in the list.

    Args:
        runs: The results of some runs.
        given: As for :func:`method_names`.

    Returns:
        One distinct name per run.
    """
    names = method_names(runs, given)
    same_method = Counter(names)
    names = [f'{name}, seed {run.seed}' if same_method[name] > 1 else name
             for name, run in zip(names, runs, strict=True)]
    same_seed = Counter(names)
    return [f'{name}, run {number}' if same_seed[name] > 1 else name for number, name in enumerate(names, start=1)]


def all_tasks(runs: Sequence[Results]) -> list[str]:
    """List the tasks of all streams, each once, in the order of the first stream that has it."""
    return list(dict.fromkeys(task for run in runs for task in run.stream))


def all_metrics(runs: Sequence[Results], task: str) -> dict[str, bool]:
    """List the metrics of a task in any run, and whether higher is better, in the order in which they are printed."""
    metrics: dict[str, bool] = {}
    for run in runs:
        for metric, better in run.higher_is_better.get(task, {}).items():
            metrics.setdefault(metric, better)
    return metrics


def all_units(runs: Sequence[Results], task: str) -> dict[str, str]:
    """List the units of a task's metrics, of those that have one in which all runs agree that know it."""
    units = {}
    for metric in all_metrics(runs, task):
        known = {run.units[task].get(metric, '') for run in runs
                 if task in run.units and metric in run.higher_is_better.get(task, {})}
        if len(known) == 1 and (unit := known.pop()):
            units[metric] = unit
    return units


def markdown_text(text: str) -> str:
    """Escape what Markdown, or the HTML within it, would take for markup: names in tables come from files."""
    return text.replace('&', '&amp;').replace('<', '&lt;').translate(_MARKDOWN)


def figure_text(text: str) -> str:
    """Keep matplotlib from taking a name for a formula."""
    return text.replace('$', r'\$')


def spreadsheet_text(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{text}" if text[:1] in _FORMULA else text


def arrow(higher_is_better: bool) -> str:
    """Point to where a metric is better."""
    return '↑' if higher_is_better else '↓'


def metric_label(metric: str, higher_is_better: bool, unit: str) -> str:
    """Write a metric with the arrow to where it is better and its unit, if it has one: ``mIoU ↑ (%)``."""
    return with_unit(f'{metric} {arrow(higher_is_better)}', unit)


def with_unit(name: str, unit: str) -> str:
    """Write a name with the unit of its numbers, if they have one: ``AbsErr (m)``."""
    return f'{name} ({unit})' if unit else name


def decimals(unit: str) -> int:
    """Choose how many decimals are printed of numbers of a unit."""
    return 2 if unit in ('%', '°') else 4


def number(value: float | None, places: int, sign: str = '') -> str:
    """Write a number for a table: ``-`` where it was not measured, ``nan`` where it is not a number.

    Args:
        value: The number.
        places: How many decimals to print.
        sign: ``'+'`` to print the sign of positive numbers, too.
    """
    if value is None:
        return '-'
    return 'nan' if math.isnan(value) else format(value, f'{sign}.{places}f')


def short_number(value: float, unit: str) -> str:
    """Write a number with three digits and its unit for a sentence: ``21.3 %``, ``37.5°``."""
    return f'{value:#.3g}'.rstrip('.') + ('' if unit in ('', '°') else ' ') + unit


def listed(words: Sequence[str]) -> str:
    """Join words for a sentence: ``a, b and c``."""
    return ' and '.join([', '.join(words[:-1]), *words[-1:]]) if len(words) > 1 else ''.join(words)
