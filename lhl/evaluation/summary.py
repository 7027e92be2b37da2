"""What results say as a whole: of a stream, how much was forgotten; of a method, how it compares with others."""
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from lhl.errors import ConfigError, RunError, suggest

from .results import Results

#: ``{task: {metric: value}}``.
Metrics = Mapping[str, Mapping[str, float]]
#: ``{task: {metric: higher is better}}``: the tasks and metrics to compare, and where better is.
Directions = Mapping[str, Mapping[str, bool]]

#: Which task's sign each known deviation of a published table turns around.
_TURNED_TASK = {'had_nyuv2_printed': 'normal'}


def task_improvements(metrics: Metrics, reference: Metrics, higher_is_better: Directions,
                      compatibility: str | None = None) -> dict[str, float]:
    """Measure by how many percent each task is better than the same task of a reference: the inner sum of Eq. 11, HAD.

    With E a metric of the task and E_ref that of the reference, it is the mean over the task's metrics of
    ``100 * d * (E - E_ref) / |E_ref|``, where d is +1 if higher is better and -1 if lower is better. Eq. 11 as printed
    gives d the opposite sign, so that improvements would come out negative; the numbers of the paper's tables have the
    sign used here, but for one task of one data set.

    Args:
        metrics: The metrics of a method, in any unit; usually those after the last phase.
        reference: The metrics of the reference, in the same units; in the paper, of sequential fine-tuning.
        higher_is_better: The tasks and metrics to compare; what else ``metrics`` and ``reference`` hold is not used.
        compatibility: None, or the name of a deviation to repeat. ``'had_nyuv2_printed'`` turns the sign of the task
            ``normal``, as in the column of every NYUv2 table of the paper (Tables 1, 7 and 10); it is there to
            recompute that column, never to report a result.

    Returns:
        For each task of ``higher_is_better`` the improvement in percent, positive where the method is better. NaN if
        one of the task's metrics is NaN, or its reference NaN or 0.

    Raises:
        RunError: If a task or metric of ``higher_is_better`` is missing, or that is empty.
        ConfigError: If the compatibility is unknown, or is about a task that is not compared.
    """
    _check_directions(higher_is_better)
    turned = _turned_task(compatibility, higher_is_better)
    improvements = {}
    for task, directions in higher_is_better.items():
        changes = []
        for metric, better in directions.items():
            value = _value(metrics, task, metric, 'the method')
            base = _value(reference, task, metric, 'the reference')
            changes.append(_percent(_gain(base, value, better), base))
        improvements[task] = 0.0 - _mean(changes) if task == turned else _mean(changes)
    return improvements


def relative_improvement(metrics: Metrics, reference: Metrics, higher_is_better: Directions,
                         compatibility: str | None = None) -> float:
    """Average :func:`task_improvements` over the tasks: Delta of Eq. 11, HAD, with the sign that means better.

    Every task has the same weight, however many metrics it has.

    Args:
        metrics: As in :func:`task_improvements`.
        reference: As in :func:`task_improvements`.
        higher_is_better: As in :func:`task_improvements`.
        compatibility: As in :func:`task_improvements`.

    Returns:
        Delta in percent; NaN if the improvement of a task is NaN.

    Raises:
        RunError: If a task or metric of ``higher_is_better`` is missing, or that is empty.
        ConfigError: If the compatibility is unknown, or is about a task that is not compared.
    """
    return _mean(list(task_improvements(metrics, reference, higher_is_better, compatibility).values()))


def multi_task_delta(metrics: Metrics, single_task: Metrics, higher_is_better: Directions,
                     chosen: Mapping[str, str]) -> float:
    """Compare by one metric per task with single-task models: Delta_m of Maninis et al. (CVPR 2019).

    It is the mean over the tasks of ``100 * d * (M - M_single) / |M_single|``, where d is +1 if higher is better and -1
    if lower is better: :func:`relative_improvement` with one metric per task. MTL-PyTorch chooses mIoU for
    segmentation, human parts and saliency, rmse for depth, mean for normals and odsF for boundaries; KDAM takes maxF
    for saliency.

    Args:
        metrics: The metrics of a method, in any unit.
        single_task: Those of separate models, one per task, in the same units.
        higher_is_better: As in :func:`task_improvements`; what is not chosen is not used.
        chosen: The metric of each task that is compared.

    Returns:
        Delta_m in percent, positive where the method is better; NaN if a chosen value is NaN, or the separate model's
        NaN or 0.

    Raises:
        ConfigError: If it is not known of a chosen metric whether higher is better.
        RunError: If the method or the separate models lack a chosen task or metric, or none is chosen.
    """
    for task, metric in chosen.items():
        for name, known in ((task, higher_is_better), (metric, higher_is_better.get(task, {}))):
            if name not in known:
                raise ConfigError(f'found {task}/{metric} chosen for Delta_m, but not whether higher is better; '
                                  f'{suggest(name, known)}')
    directions = {task: {metric: higher_is_better[task][metric]} for task, metric in chosen.items()}
    return relative_improvement(metrics, single_task, directions)


def mean_rank(methods: Mapping[str, Metrics], higher_is_better: Directions) -> dict[str, float]:
    """Rank the methods in each task, and average the ranks over the tasks: MR of HAD, Section 5.1.

    The paper does not say how a task with several metrics is ranked. This rule gives all 72 values of its Tables 1, 2,
    7, 8 and 9: rank the methods by each metric, equal values sharing the mean of their ranks; average these ranks over
    the metrics of the task; rank the methods by that average, equal ones sharing the better rank.

    Args:
        methods: The metrics of each method.
        higher_is_better: The tasks and metrics to rank by; what else the methods hold is not used.

    Returns:
        For each method the mean of its ranks, from 1, the best, to the number of methods. NaN ranks behind every
        number.

    Raises:
        RunError: If a method lacks a task or metric of ``higher_is_better``, or that is empty.
    """
    _check_directions(higher_is_better)
    ranks: dict[str, list[int]] = {name: [] for name in methods}
    for task, directions in higher_is_better.items():
        by_metric = [_shared_ranks([_badness(_value(metrics, task, metric, name), better)
                                    for name, metrics in methods.items()])
                     for metric, better in directions.items()]
        by_task = [_mean(of_one) for of_one in zip(*by_metric, strict=True)]
        for name, own in zip(methods, by_task, strict=True):
            ranks[name].append(1 + sum(other < own for other in by_task))
    return {name: _mean(of_one) for name, of_one in ranks.items()}


def forgetting(results: Results, against: Literal['learned', 'best'] = 'learned') -> dict[str, dict[str, float]]:
    """Measure how much worse each old task is at the end of the stream than before.

    With E[t, i] a metric of task i after phase t, T phases in the stream and task i learned in phase l < T, it is
    E[l, i] - E[T, i] where higher is better and E[T, i] - E[l, i] where lower is better: the backward transfer of
    Lopez-Paz and Ranzato (GEM, 2017) of each single task and metric, with the sign turned so that positive means
    forgotten. With ``against='best'`` the best E[t, i] of all phases t < T takes the place of E[l, i], which is the
    forgetting of Chaudhry et al. (2018); it is never smaller.

    Args:
        results: The results of a run.
        against: What the end is compared with: ``'learned'``, the value right after the task was learned, or
            ``'best'``, its best value after any phase but the last, NaN aside.

    Returns:
        For each task that was learned before the last phase, in the stream's order, the forgetting by each metric, in
        the metric's unit. Empty as long as the last phase is missing; a task that was not scored both before and at
        the end is left out.

    Raises:
        ConfigError: If ``against`` is something else.
    """
    return {task: {metric: _gain(final[metric], before[metric], better)
                   for metric, better in results.higher_is_better[task].items()
                   if metric in before and metric in final}
            for task, (before, final) in _before_and_final(results, against).items()}


def relative_forgetting(results: Results, against: Literal['learned', 'best'] = 'learned',
                        ) -> dict[str, dict[str, float]]:
    """Give :func:`forgetting` in percent of the value that the end is compared with.

    Unlike values in different units, these may be averaged over metrics and tasks.

    Args:
        results: The results of a run.
        against: As in :func:`forgetting`.

    Returns:
        As :func:`forgetting`, in percent; NaN where the value that the end is compared with was 0.

    Raises:
        ConfigError: If ``against`` is something else.
    """
    before = {task: values for task, (values, _) in _before_and_final(results, against).items()}
    return {task: {metric: _percent(value, before[task][metric]) for metric, value in values.items()}
            for task, values in forgetting(results, against).items()}


def backward_transfer(results: Results) -> dict[str, dict[str, float]]:
    """Measure how much better each old task is at the end of the stream than right after it was learned.

    It is :func:`forgetting` with the opposite sign: E[T, i] - E[l, i] of Lopez-Paz and Ranzato (GEM, 2017) for each
    single task and metric, turned where lower is better.

    Args:
        results: The results of a run.

    Returns:
        As :func:`forgetting`, positive where learning the later tasks helped.
    """
    return {task: {metric: 0.0 - value for metric, value in values.items()}
            for task, values in forgetting(results).items()}


def plasticity(results: Results, single_task: Results) -> dict[str, dict[str, float]]:
    """Measure how well each task was learned in its place in the stream, against a separate model of its own.

    It is the relative difference between the metric right after the task was learned and that of a model that learned
    nothing else. The intransigence of Chaudhry et al. (2018) has the opposite sign and a jointly trained reference.

    Args:
        results: The results of a run.
        single_task: The results of separate models, one per task, on the same data.

    Returns:
        For each task learned so far, in the stream's order, the difference by each metric in percent, positive where
        the stream is better. NaN where one of the two is NaN or the separate model's is 0.

    Raises:
        RunError: If one of the runs lacks a task or a metric of it.
    """
    learned, separate = _when_learned(results), _when_learned(single_task)
    differences: dict[str, dict[str, float]] = {}
    for task in results.learned_tasks:
        differences[task] = {}
        for metric, better in results.higher_is_better[task].items():
            value = _value(learned, task, metric, f'the run of {results.method}')
            base = _value(separate, task, metric, f'the run of {single_task.method}')
            differences[task][metric] = _percent(_gain(base, value, better), base)
    return differences


def parameter_overhead(results: Results, reference: Results) -> float:
    """Count how many more parameters one run needs than another to serve the whole stream.

    HAD, Section 5.4, gives it for separate models against a shared backbone.

    Args:
        results: The results of a finished run.
        reference: Those of the run to compare with, of the same tasks.

    Returns:
        The difference after the last phase, in percent of the reference's parameters; NaN if it has none.

    Raises:
        RunError: If a run is not finished, or they learn different tasks.
    """
    for run in (results, reference):
        if not (run.phases and run.finished):
            raise RunError(f'the run of {run.method} has learned {len(run.learned_tasks)} of {len(run.stream)} tasks, '
                           f'but parameters are compared after the last one; finish it with resume=True')
    if set(results.stream) != set(reference.stream):
        raise RunError(f'the run of {results.method} serves {", ".join(results.stream)}, but that of '
                       f'{reference.method} {", ".join(reference.stream)}; compare runs of the same tasks')
    needed, base = results.phases[-1].parameters, reference.phases[-1].parameters
    return _percent(needed - base, base)


def _before_and_final(results: Results, against: str) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """Pair what was measured of each old task before the last phase with what was measured after it."""
    if against not in ('learned', 'best'):
        raise ConfigError(f"found against={against!r}, expected 'learned' or 'best'")
    if not (results.phases and results.finished):
        return {}
    *earlier, last = results.phases
    learned = _when_learned(results)
    pairs = {}
    for task in (task for phase in earlier for task in phase.tasks):
        before = learned.get(task, {}) if against == 'learned' else _best(
            [phase.metrics[task] for phase in earlier if task in phase.metrics], results.higher_is_better[task])
        if before and task in last.metrics:
            pairs[task] = (before, last.metrics[task])
    return pairs


def _when_learned(results: Results) -> dict[str, dict[str, float]]:
    """Look up the metrics of each task right after the phase that learned it."""
    return {task: phase.metrics[task] for phase in results.phases for task in phase.tasks if task in phase.metrics}


def _best(scores: Sequence[Mapping[str, float]], directions: Mapping[str, bool]) -> dict[str, float]:
    """Pick the best value of each metric among some measurements."""
    best: dict[str, float] = {}
    for metric, better in directions.items():
        values = [score[metric] for score in scores if metric in score]
        if values:
            best[metric] = min(values, key=partial(_badness, higher_is_better=better))
    return best


def _gain(before: float, after: float, higher_is_better: bool) -> float:
    """Subtract so that positive is better, and no change is +0.0 in either direction."""
    return after - before if higher_is_better else before - after


def _percent(difference: float, base: float) -> float:
    return 100 * difference / abs(base) if base else math.nan


def _badness(value: float, higher_is_better: bool) -> tuple[bool, float]:
    """Give a key that sorts from the best value to the worst, and NaN behind them."""
    if math.isnan(value):
        return True, 0.0
    return False, -value if higher_is_better else value


def _shared_ranks(keys: Sequence[tuple[bool, float]]) -> list[float]:
    """Rank from 1; equal keys share the mean of the ranks that they take up."""
    return [1 + sum(other < key for other in keys) + (keys.count(key) - 1) / 2 for key in keys]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _value(metrics: Metrics, task: str, metric: str, owner: str) -> float:
    """Look up a value that takes part in a comparison; what is missing must not be averaged away."""
    if task not in metrics:
        raise RunError(f'{owner} has no task {task!r}, only {", ".join(metrics) or "nothing"}; score it on every task '
                       f'that is compared, or compare fewer tasks')
    if metric not in metrics[task]:
        raise RunError(f'{owner} has no {metric!r} of task {task!r}, only {", ".join(metrics[task]) or "nothing"}; '
                       f'score it by every metric that is compared, or compare fewer metrics')
    return metrics[task][metric]


def _check_directions(higher_is_better: Directions) -> None:
    empty = [task for task, directions in higher_is_better.items() if not directions]
    if empty or not higher_is_better:
        raise RunError(f'found no metric {"of task " + ", ".join(empty) if empty else "of any task"} to compare by; '
                       f'give at least one per task, and whether higher is better')


def _turned_task(compatibility: str | None, higher_is_better: Directions) -> str | None:
    """Find the task whose sign a compatibility turns around."""
    if compatibility is None:
        return None
    if compatibility not in _TURNED_TASK:
        raise ConfigError(f'found compatibility={compatibility!r}, which is unknown; '
                          f'{suggest(compatibility, _TURNED_TASK)}')
    task = _TURNED_TASK[compatibility]
    if task not in higher_is_better:
        raise ConfigError(f'found compatibility={compatibility!r}, which turns the sign of task {task!r}, but the '
                          f'compared tasks are {", ".join(higher_is_better)}; remove it')
    return task
