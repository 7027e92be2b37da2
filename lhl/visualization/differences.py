"""Whether methods differ by more than their seeds do: paired differences, standard errors, and who is tied."""
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .comparison import Spread
from .labels import decimals, markdown_text, metric_label, number
from .ranking import Contestant, Standing, standings

_LEGEND = (
    'Differences to {best} with the same seed, mean ± standard error over the seeds {seeds}; Δ in points of percent, '
    'metrics in their unit. =: a tie, less than two standard errors. tied with: those whose Δ differs from the '
    "method's by less than two standard errors of that difference. † is not ranked.")
#: How many metrics of a task are compared, the first ones: mIoU and PixAcc, AbsErr and RelErr, mean and median.
_METRICS_PER_TASK = 2


class Difference(NamedTuple):
    """A difference of two methods, paired by seed."""

    mean: float  #: over the seeds
    standard_error: float  #: the sample standard deviation of the differences, divided by the root of their number

    @classmethod
    def of(cls, ours: Mapping[int, float], theirs: Mapping[int, float]) -> 'Difference':
        """Subtract their values from ours, seed by seed; both have the same seeds, at least two."""
        spread = Spread.of([ours[seed] - theirs[seed] for seed in ours])
        assert spread.std is not None
        return cls(spread.mean, spread.std / math.sqrt(spread.num_seeds))

    @property
    def is_tie(self) -> bool:
        """Whether it is less than two standard errors, or the two are equal."""
        return abs(self.mean) < 2 * self.standard_error or self.mean == 0


def differences_table(contestants: Sequence[Contestant]) -> str:
    """Set the differences of all to the best ranked one below each other in a Markdown table.

    Args:
        contestants: As for :func:`~lhl.visualization.ranking.standings`.

    Returns:
        The table and a line that explains it, without a final line break; empty where fewer than two methods have two
        seeds in common.
    """
    rows = standings(contestants)
    best = next((row for row in rows if row.rank is not None), None)
    if best is None or len(best.improvements) < 2:
        return ''
    rows = [row for row in rows if row.improvements.keys() == best.improvements.keys()]
    if len(rows) < 2:
        return ''
    runs = {contestant.name: contestant.runs for contestant in contestants}
    a_run = runs[best.name][min(best.improvements)]
    metrics = [(task, metric) for task, directions in a_run.higher_is_better.items()
               for metric in list(directions)[:_METRICS_PER_TASK]]
    units = [a_run.units.get(task, {}).get(metric, '') for task, metric in metrics]
    titles = ['rank', 'method', 'Δ ↑ (%)', *(
        f'{task}: {metric_label(metric, a_run.higher_is_better[task][metric], unit)}'
        for (task, metric), unit in zip(metrics, units, strict=True)), 'tied with']
    lines = [titles, ['---:', '---', *['---:'] * (len(metrics) + 1), '---']]
    for row in rows:
        finals = [({seed: runs[row.name][seed].phases[-1].metrics[task][metric] for seed in row.improvements},
                   {seed: runs[best.name][seed].phases[-1].metrics[task][metric] for seed in row.improvements})
                  for task, metric in metrics]
        lines.append([
            '' if row.rank is None else str(row.rank), row.label, _cell(Difference.of(
                row.improvements, best.improvements), 2, row is best),
            *(_cell(Difference.of(*pair), decimals(unit), row is best) for pair, unit in zip(
                finals, units, strict=True)),
            ', '.join(ties(row, rows))])
    text = [f'| {" | ".join(map(markdown_text, line))} |' for line in lines]
    return '\n'.join([*text, '', _LEGEND.format(best=best.name, seeds=', '.join(map(str, sorted(best.improvements))))])


def ties(row: Standing, rows: Sequence[Standing]) -> list[str]:
    """Name the others of some rows with the same seeds whose Delta cannot be told from that of one of them."""
    return [other.name for other in rows
            if other is not row and Difference.of(row.improvements, other.improvements).is_tie]


def _cell(difference: Difference, places: int, is_best: bool) -> str:
    if is_best:
        return ''
    mark = ' =' if difference.is_tie else ''
    return f'{number(difference.mean, places, "+")} ± {number(difference.standard_error, places)}{mark}'
