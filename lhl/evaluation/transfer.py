"""What learning a stream one task after another cost its tasks: forgetting, transfer, plasticity, parameters."""
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from lhl.errors import ConfigError, RunError

from .directions import badness, gain, look_up, percent
from .results import Results


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
    return {task: {metric: gain(final[metric], before[metric], better)
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
    return {task: {metric: percent(value, before[task][metric]) for metric, value in values.items()}
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
            value = look_up(learned, task, metric, f'the run of {results.method}')
            base = look_up(separate, task, metric, f'the run of {single_task.method}')
            differences[task][metric] = percent(gain(base, value, better), base)
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
    return percent(needed - base, base)


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
            best[metric] = min(values, key=partial(badness, higher_is_better=better))
    return best
