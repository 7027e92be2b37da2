"""Finds the strength of a method phase by phase, each on top of the best of the phases before."""
import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from lhl.atomic import atomic_write
from lhl.config_files import merge_options
from lhl.engine import Stream, train_stream
from lhl.errors import ConfigError, NotReusableError, RunError
from lhl.evaluation import Results, relative_improvement
from lhl.evaluation.results import FILE_NAME


class Step(NamedTuple):
    """One option and the values to try, such as ``phases.1.method.alpha``, which is read in the second phase."""

    option: str
    values: Sequence[Any]


class Trial(NamedTuple):
    """A value that was tried: its run, and how much better it is than the reference, in percent (HAD, Eq. 11)."""

    step: int
    option: str
    value: Any
    run: str
    score: float
    metrics: dict[str, dict[str, float]]


def search_strengths(cfg: Config, steps: Sequence[Step], reference: str | Path, work_dir: str | Path) -> list[Trial]:
    """Try the values of one option after the other, keeping the best of each before the next.

    An option of one phase is tried by training up to that phase only, and a trial takes over the phases that an
    earlier one has trained alike, so that two phases with three values each cost six phases and not nine runs. The
    score is the relative improvement over the reference after the phase, on the data that the config validates on:
    give it data that the final results are not measured on. A search that was interrupted goes on where it stopped.

    Args:
        cfg: The stream's config.
        steps: The options with their values.
        reference: The folder of a finished run of the same stream and seed, validated on the same data.
        work_dir: Where the runs, ``search.json`` and ``search.md`` are kept.

    Returns:
        All trials, in order.

    Raises:
        ConfigError: If an option does not fit the config.
        RunError: If the reference is of another stream or seed.
    """
    stream, work_dir, baseline = Stream.from_config(cfg), Path(work_dir), Results.load(reference)
    cfg, num_phases = stream.cfg, len(stream.phases)
    if not baseline.finished or baseline.seed != cfg.randomness.seed:
        raise RunError(f'the reference {reference} has seed {baseline.seed} and {len(baseline.phases)} finished '
                       f'phases, expected a finished run of seed {cfg.randomness.seed}; train it first')
    source, trials = Path(reference), []
    for number, step in enumerate(steps, 1):
        best = None
        for value in step.values:
            trial_cfg = copy.deepcopy(cfg)
            merge_options(trial_cfg, {step.option: value})
            trial_cfg.work_dir = str(work_dir / f'{number}_{step.option}_{value}')
            metrics = _metrics(trial_cfg, _phase_of(step.option, num_phases), source)
            score = _score(metrics, baseline)
            trials.append(Trial(number, step.option, value, trial_cfg.work_dir, score, metrics))
            if best is None or score > best[0].score:
                best = trials[-1], trial_cfg
            if number == 1:
                source = Path(trial_cfg.work_dir)  # has a first phase that the reference may not have in common
            _write(trials, work_dir)
        cfg, source = best[1], Path(best[0].run)
    return trials


def best_options(trials: Sequence[Trial]) -> dict[str, Any]:
    """Give the best value of each option."""
    best = {}
    for trial in trials:
        if trial.option not in best or trial.score > best[trial.option].score:
            best[trial.option] = trial
    return {option: trial.value for option, trial in best.items()}


def _phase_of(option: str, num_phases: int) -> int:
    """Say which phase an option is of, from 1; the last for one of the whole stream."""
    parts = option.split('.')
    if parts[0] != 'phases':
        return num_phases
    if len(parts) < 3 or not parts[1].isdigit() or int(parts[1]) >= num_phases:
        raise ConfigError(f'{option} is no option of a phase; phases are counted from 0 here, as in '
                          f'phases.1.method.alpha for the second of {num_phases}')
    return int(parts[1]) + 1


def _metrics(cfg: Config, phase: int, source: Path) -> dict[str, dict[str, float]]:
    """Train up to a phase, unless that has been done."""
    folder = Path(cfg.work_dir)
    started = (folder / FILE_NAME).exists()
    try:
        results = train_stream(cfg, resume=started, take_over=source, until=phase)
    except NotReusableError:
        results = train_stream(cfg, resume=started, until=phase)  # a method whose first phase is its own
    return results.phases[phase - 1].metrics


def _score(metrics: dict[str, dict[str, float]], baseline: Results) -> float:
    """Compare with the reference after the phase that had seen the same tasks."""
    for phase in baseline.phases:
        if set(phase.metrics) == set(metrics):
            return relative_improvement(metrics, phase.metrics, {t: baseline.higher_is_better[t] for t in metrics})
    raise RunError(f'the reference has no phase after which it knew just {", ".join(metrics)}; give a run of the same '
                   f'stream')


def _write(trials: Sequence[Trial], work_dir: Path) -> None:
    """Write the trials as JSON and as a table."""
    with atomic_write(work_dir / 'search.json') as file:
        file.write((json.dumps([trial._asdict() for trial in trials], indent=1) + '\n').encode())
    with atomic_write(work_dir / 'search.md') as file:
        file.write((search_table(trials) + '\n').encode())


def search_table(trials: Sequence[Trial]) -> str:
    """Set the trials below each other, the best value of each option in bold."""
    best = best_options(trials)
    metrics = [f'{task} {metric}' for task, values in trials[-1].metrics.items() for metric in values]
    lines = ['| option | value | Delta (%) | ' + ' | '.join(metrics) + ' |',
             '|---|---:|---:|' + '---:|' * len(metrics)]
    for trial in trials:
        mark = '**' if best[trial.option] == trial.value else ''
        numbers = {f'{task} {metric}': value for task, values in trial.metrics.items()
                   for metric, value in values.items()}
        cells = [f'{numbers[name]:.4g}' if name in numbers else '-' for name in metrics]
        lines.append(f'| {trial.option} | {mark}{trial.value}{mark} | {mark}{trial.score:+.2f}{mark} | '
                     + ' | '.join(cells) + ' |')
    return '\n'.join(lines)
