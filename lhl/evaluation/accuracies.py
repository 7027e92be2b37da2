"""Average accuracy and forgetting, over the tasks of a stream that are scored alike: the measures of HCL."""
import math
from collections.abc import Sequence

from lhl.errors import RunError

from .directions import Directions
from .metrics import ClassificationMetric
from .results import Results


def averaged_metrics(higher_is_better: Directions) -> dict[str, list[str]]:
    """Find the metrics that tasks of a stream have in common, so that they can be averaged as they are: accuracies.

    Args:
        higher_is_better: The tasks of the stream and their metrics.

    Returns:
        For each accuracy that two or more tasks have, those tasks in the stream's order.
    """
    tasks = {metric: [task for task, metrics in higher_is_better.items() if metric in metrics]
             for metric in ClassificationMetric.higher_is_better}
    return {metric: members for metric, members in tasks.items() if len(members) > 1}


def average_accuracy(results: Results, metric: str, phase: int | None = None) -> float:
    """Average an accuracy over the tasks learned so far: A of HCL (Madaan et al., CVPR 2023).

    With a[t, i] the accuracy of task i after phase t, A_t = (1/t) sum_{i <= t} a[t, i].

    Args:
        results: The results of a run.
        metric: Such as ``'class_il'``; tasks of other kinds, which do not have it, are ignored.
        phase: The phase t, from 1; the last completed one by default.

    Returns:
        A_t in percent.

    Raises:
        RunError: If the phase is not completed, or a task was not scored after it, or none has the metric.
    """
    phase = len(results.phases) if phase is None else phase
    learned = [task for earlier in results.phases[:phase] for task in earlier.tasks]
    tasks = _tasks_with(results, metric, learned)
    return sum(results.metrics_after(phase, task)[metric] for task in tasks) / len(tasks)


def average_forgetting(results: Results, metric: str) -> float | None:
    """Average how far the accuracy of each earlier task has fallen from its highest: F of HCL, in absolute points.

    F = 1/(T-1) sum_{i < T} (max_t a[t, i] - a[T, i]) over the phases t after which task i was scored, the last
    included, so that no task counts less than 0. Unlike :func:`~lhl.evaluation.forgetting` it averages over tasks, and
    starts from the highest value.

    Args:
        results: The results of a run.
        metric: As in :func:`average_accuracy`.

    Returns:
        F in points of percent after the last completed phase T; NaN if an accuracy at the end is. None where no task
        with the metric was learned before it.

    Raises:
        RunError: If a task was not scored after the last phase, or none has the metric.
    """
    earlier = [task for phase in results.phases[:-1] for task in phase.tasks]
    tasks = [task for task in _tasks_with(results, metric, results.learned_tasks) if task in earlier]
    falls = []
    for task in tasks:
        final = results.metrics_after(len(results.phases), task)[metric]
        scored = [phase.metrics[task][metric] for phase in results.phases if task in phase.metrics]
        falls.append(max(value for value in scored if not math.isnan(value)) - final
                     if not math.isnan(final) else math.nan)
    return sum(falls) / len(falls) if falls else None


def _tasks_with(results: Results, metric: str, learned: Sequence[str]) -> list[str]:
    """Pick the learned tasks that are scored by a metric."""
    tasks = [task for task in learned if metric in results.higher_is_better.get(task, {})]
    if not tasks:
        raise RunError(f'found no learned task that is scored by {metric!r}, only {", ".join(learned) or "nothing"}; '
                       f'average a metric that the tasks have')
    return tasks
