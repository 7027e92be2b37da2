"""How methods stand against each other and what they cost: a ranked table, and the bare numbers."""
import csv
import io
from collections.abc import Mapping, Sequence
from typing import Literal

from .comparison import Spread
from .labels import markdown_text, number, spreadsheet_text
from .ranking import Contestant, Cost, standing, standings

_LEGEND = (
    'Ranked by Δ, the mean improvement over the mean of {reference} over the same seeds; † is no lifelong method and '
    'not ranked. time and memory: seconds per step and peak memory from phase 2 on (of the only phase, where there is '
    'but one), as multiples of {reference}; state and images: the most that is carried from one phase to the next, the '
    'teacher aside; parameters: those needed to predict all tasks, more than {reference}; ± sample standard deviation '
    'over the seeds.')


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
    escaped = [[markdown_text(cell) for cell in line] for line in [titles, marks, *cells]]
    return '\n'.join([*(f'| {" | ".join(line)} |' for line in escaped), '', _LEGEND.format(reference=reference)])


def _spread(spread: Spread, sign: Literal['', '+'] = '') -> str:
    return number(spread.mean, 2, sign) + ('' if spread.std is None else f' ± {number(spread.std, 2)}')


def leaderboard_csv(groups: Mapping[str, Sequence[Contestant]]) -> str:
    """Write the numbers of every finished run with all their digits, one line per run.

    Args:
        groups: For each group of a suite its contestants.

    Returns:
        The text of the file. What cannot be compared, because the reference lacks the seed, is empty. Delta is over
        the reference's mean over the seeds that both have, costs are over the reference with the same seed.
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
        row = whole = None
        if seed in references[group].runs:
            row = standing(contestant, references[group], [seed])
            whole = standing(contestant, references[group],
                             sorted(contestant.runs.keys() & references[group].runs))
        by_task = whole.by_task if whole else {}
        writer.writerow([
            spreadsheet_text(group), spreadsheet_text(contestant.name), contestant.role, seed,
            whole and whole.improvements[seed],
            *(by_task[task][seed] if task in by_task else None for task in tasks),
            *(final.metrics.get(task, {}).get(metric) for task, metric in metrics), cost.seconds_per_iteration,
            row and row.time.mean, row and row.memory.mean, cost.peak_memory_mib, cost.method_state_mib,
            cost.stored_images, final.parameters, row and row.parameters.mean])
    return text.getvalue()
