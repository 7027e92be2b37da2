"""How a method compares with others, after the same stream: Delta, Delta_m and the mean rank."""
from collections.abc import Mapping, Sequence

from lhl.errors import ConfigError, RunError, suggest

from .directions import Directions, Metrics, badness, gain, look_up, mean, percent

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
            value = look_up(metrics, task, metric, 'the method')
            base = look_up(reference, task, metric, 'the reference')
            changes.append(percent(gain(base, value, better), base))
        improvements[task] = 0.0 - mean(changes) if task == turned else mean(changes)
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
    return mean(list(task_improvements(metrics, reference, higher_is_better, compatibility).values()))


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
        by_metric = [_shared_ranks([badness(look_up(metrics, task, metric, name), better)
                                    for name, metrics in methods.items()])
                     for metric, better in directions.items()]
        by_task = [mean(of_one) for of_one in zip(*by_metric, strict=True)]
        for name, own in zip(methods, by_task, strict=True):
            ranks[name].append(1 + sum(other < own for other in by_task))
    return {name: mean(of_one) for name, of_one in ranks.items()}


def _shared_ranks(keys: Sequence[tuple[bool, float]]) -> list[float]:
    """Rank from 1; equal keys share the mean of the ranks that they take up."""
    return [1 + sum(other < key for other in keys) + (keys.count(key) - 1) / 2 for key in keys]


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
