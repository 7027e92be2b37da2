"""Which way a metric is better, and what follows from that for single numbers: gains, percentages, order."""
import math
from collections.abc import Mapping, Sequence

from lhl.errors import RunError

#: ``{task: {metric: value}}``.
Metrics = Mapping[str, Mapping[str, float]]
#: ``{task: {metric: higher is better}}``: the tasks and metrics to compare, and where better is.
Directions = Mapping[str, Mapping[str, bool]]


def gain(before: float, after: float, higher_is_better: bool) -> float:
    """Subtract so that positive is better, and no change is +0.0 in either direction."""
    return after - before if higher_is_better else before - after


def percent(difference: float, base: float) -> float:
    """Give a difference in percent of the size of what it started from; NaN where that is 0."""
    return 100 * difference / abs(base) if base else math.nan


def badness(value: float, higher_is_better: bool) -> tuple[bool, float]:
    """Give a key that sorts from the best value to the worst, and NaN behind them."""
    if math.isnan(value):
        return True, 0.0
    return False, -value if higher_is_better else value


def mean(values: Sequence[float]) -> float:
    """Average numbers, at least one, in their order."""
    return sum(values) / len(values)


def mean_metrics(runs: Sequence[Metrics]) -> dict[str, dict[str, float]]:
    """Average the metrics of runs that have the same ones, at least one run: a reference over its seeds."""
    return {task: {metric: mean([run[task][metric] for run in runs]) for metric in metrics}
            for task, metrics in runs[0].items()}


def look_up(metrics: Metrics, task: str, metric: str, owner: str) -> float:
    """Look up a value that takes part in a comparison; what is missing must not be averaged away.

    Args:
        metrics: The metrics of a method.
        task: Name of a task.
        metric: Name of one of its metrics.
        owner: The method, as the error names it.

    Raises:
        RunError: If the method has no such task, or the task no such metric.
    """
    if task not in metrics:
        raise RunError(f'{owner} has no task {task!r}, only {", ".join(metrics) or "nothing"}; score it on every task '
                       f'that is compared, or compare fewer tasks')
    if metric not in metrics[task]:
        raise RunError(f'{owner} has no {metric!r} of task {task!r}, only {", ".join(metrics[task]) or "nothing"}; '
                       f'score it by every metric that is compared, or compare fewer metrics')
    return metrics[task][metric]
