"""What happened, in a sentence of numbers."""
import math
from collections.abc import Mapping, Sequence

from lhl.evaluation import Results, relative_forgetting, relative_improvement
from lhl.evaluation.directions import mean

from ..labels import listed
from .html_page import value_text

#: Tasks of a stream that are named one by one, at most.
MOST_NAMED = 6
#: Earlier tasks that are told one by one, at most.
_MOST_TOLD = 3


def headline(runs: Sequence[Results], names: Sequence[str], references: Sequence[Results],
             separate: Sequence[Results]) -> str:
    """Say what was learned, what each run has lost of it, and by how much it is better than its reference.

    Args:
        runs: The runs of the page.
        names: What the page calls them.
        references: Those of the runs that Delta refers to.
        separate: Those of the runs that learned separate models.
    """
    stream = max(runs, key=lambda run: len(run.stream)).stream
    told = [f'{name} {_fate(run, references, run in separate)}' for run, name in zip(runs, names, strict=True)]
    how = 'all at once' if all(len(run.phases) == 1 for run in runs) else 'one after the other'
    tasks = listed(stream) if len(stream) <= MOST_NAMED else f'{len(stream)} tasks'
    learned = f'{tasks} {"was" if len(stream) == 1 else "were"} learned'
    return f'{learned}{"" if len(stream) == 1 else f" {how}"}: {"; ".join(told)}.'


def _fate(run: Results, references: Sequence[Results], separate: bool) -> str:
    """Say what became of the earlier tasks of a run."""
    if not run.phases:
        return 'has not finished a phase yet'
    if not run.finished:
        return f'has learned {len(run.learned_tasks)} of {len(run.stream)} tasks so far'
    by_metric = {task: values for task, values in relative_forgetting(run).items() if values}
    lost = {task: mean(list(values.values())) for task, values in by_metric.items()}
    lost = {task: value for task, value in lost.items() if math.isfinite(value)}
    if separate:
        text = 'has a model of its own for each task, which forgets nothing'
    elif len(run.phases) == 1:
        text = 'learned everything in one phase, so that nothing was forgotten'
    elif not lost:
        text = 'was not scored on its earlier tasks'
    elif len(lost) <= _MOST_TOLD:
        told = [_loss_of(run, task, value, by_metric[task]) for task, value in lost.items()]
        same = [word for word in ('lost ', 'gained ') if all(text.startswith(word) for text in told)]
        told[1:] = [text.removeprefix(same[0]) if same else text for text in told[1:]]
        text = f'has {listed(told)} at the end'
    else:
        worst = max(lost, key=lambda task: lost[task])
        text = (f'has on average {_change(mean(list(lost.values())))} of its {len(lost)} earlier tasks at the end, at '
                f'worst {_loss_of(run, worst, lost[worst], by_metric[worst])}')
    reference = next((one for one in references if one.seed == run.seed and one is not run), None)
    if reference is not None and run not in references and reference.finished:
        tasks = {task: run.higher_is_better[task] for task in run.stream
                 if run.phases[-1].metrics.get(task) and reference.phases[-1].metrics.get(task)}
        delta = relative_improvement(run.phases[-1].metrics, reference.phases[-1].metrics, tasks) if tasks else math.nan
        if math.isfinite(delta):
            better = 'better' if delta >= 0 else 'worse'
            text += f' and is {abs(delta):.1f} % {better} than {reference.method} over all tasks (Δ)'
    return text


def _loss_of(run: Results, task: str, lost: float, by_metric: Mapping[str, float]) -> str:
    """Say how much of a task was lost, and the first metric that shows it, before and after."""
    learned = next(phase.metrics[task] for phase in run.phases if task in phase.tasks)
    final = run.phases[-1].metrics[task]
    known = [metric for metric in run.higher_is_better[task] if metric in learned and metric in final]
    metric = next((metric for metric in known if math.isfinite(by_metric.get(metric, math.nan))
                   and (by_metric[metric] >= 0) == (lost >= 0)), known[0])
    before, after = (value_text(run, task, metric, values[metric]) for values in (learned, final))
    return f'{_change(lost)} of {task} ({metric} {before} → {after})'


def _change(lost: float) -> str:
    return f'lost {lost:.1f} %' if lost >= 0 else f'gained {-lost:.1f} %'
