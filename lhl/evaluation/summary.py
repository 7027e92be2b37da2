"""What the results of a run say about its stream as a whole."""
import math

from .results import Results


def forgetting(results: Results) -> dict[str, dict[str, float]]:
    """Measure how much worse each old task is at the end of the stream than right after it was learned.

    With E[t, i] a metric of task i after phase t, and T phases in the stream, it is E[i, i] - E[T, i] where higher is
    better and E[T, i] - E[i, i] where lower is better: the backward transfer of Lopez-Paz and Ranzato (GEM, 2017) of
    each single task and metric, with the sign turned so that positive means forgotten. It is not the definition of
    Chaudhry et al. (2018), which takes the best of the phases before T in place of E[i, i].

    Args:
        results: The results of a run.

    Returns:
        For each task but the last, in the stream's order, the forgetting by each metric, in the metric's unit. Empty as
        long as the last phase is missing; a task that was not scored after both phases is left out.
    """
    return {task: {metric: (learned[metric] - final[metric]) * (1 if better else -1)
                   for metric, better in results.higher_is_better[task].items()
                   if metric in learned and metric in final}
            for task, (learned, final) in _learned_and_final(results).items()}


def relative_forgetting(results: Results) -> dict[str, dict[str, float]]:
    """Give :func:`forgetting` in percent of the value when the task was learned, E[i, i].

    Unlike values in different units, these may be averaged over metrics and tasks.

    Args:
        results: The results of a run.

    Returns:
        As :func:`forgetting`, in percent; NaN where the value when learned was 0.
    """
    learned = {task: values for task, (values, _) in _learned_and_final(results).items()}
    return {task: {metric: 100 * value / abs(learned[task][metric]) if learned[task][metric] else math.nan
                   for metric, value in values.items()}
            for task, values in forgetting(results).items()}


def _learned_and_final(results: Results) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """Pair what was measured right after each old task was learned with what was measured after the last phase."""
    if not results.finished:
        return {}
    final = results.phases[-1].metrics
    return {phase.task: (phase.metrics[phase.task], final[phase.task]) for phase in results.phases[:-1]
            if phase.task in phase.metrics and phase.task in final}
