"""Finds the strength of a method phase by phase, each on top of the best of the phases before."""
import copy
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from lhl.atomic import atomic_write
from lhl.config_files import import_custom_modules, merge_options
from lhl.engine import Stream, train_stream
from lhl.engine.checkpoint import stored_config
from lhl.engine.runtime.process_group import init_distributed, only_run_in
from lhl.errors import ConfigError, NotReusableError, RunError
from lhl.evaluation import Results, relative_improvement
from lhl.evaluation.results import FILE_NAME
from lhl.trust import trusting_configs

from .scored_data import check_same_data, scored_data


class Step(NamedTuple):
    """One option and the values to try, such as ``phases.1.method.alpha``, which is read in the second phase."""

    option: str
    values: Sequence[Any]


class Trial(NamedTuple):
    """A value that was tried, and how good it is."""

    step: int  #: from 1
    option: str
    value: Any
    run: str  #: its folder
    score: float  #: how much better than the reference it is, in percent (HAD, Eq. 11); NaN if a metric is
    metrics: dict[str, dict[str, float]]  #: of each task after the option's phase


def search_strengths(cfg: Config, steps: Sequence[Step], reference: str | Path, work_dir: str | Path,
                     trust_config: bool = False) -> list[Trial]:
    """Try the values of one option after the other, keeping the best of each before the next.

    An option of one phase is tried by training up to that phase only, and a trial reuses the phases that an earlier one
    has trained alike, so that two phases with three values each cost six phases and not nine runs. The score is the
    relative improvement over the reference after the phase, on the data that the config validates on: choose data that
    the final results are not measured on. A search that was interrupted continues where it stopped.

    Args:
        cfg: The stream's config.
        steps: The options with their values.
        reference: The folder of a finished run of the same stream and seed, scored on the same data.
        work_dir: Where the runs, ``search.json`` and ``search.md`` are kept.
        trust_config: Let the config inside the reference name code and import modules. Otherwise it may name
            registered components only.

    Returns:
        All trials, in order.

    Raises:
        ConfigError: If an option does not fit the config, or has no values.
        RunError: If the reference is unfinished, of another stream or seed, or was scored on other data, or another
            process works in ``work_dir``.
    """
    stream, work_dir, baseline = Stream.from_config(cfg), Path(work_dir), Results.load(reference)
    cfg = stream.cfg
    if not baseline.finished or baseline.seed != cfg.randomness.seed:
        raise RunError(f'the reference {reference} has seed {baseline.seed} and {len(baseline.phases)} finished '
                       f'phases, expected a finished run of seed {cfg.randomness.seed}; train it first')
    with trusting_configs(trust_config):
        import_custom_modules(reference)
        theirs = scored_data(stored_config(reference)[0])
    check_same_data([('this search', scored_data(cfg)), (str(reference), theirs)])
    for step in steps:
        _check_step(step, stream, baseline)
    init_distributed(cfg)
    with only_run_in(work_dir):
        return _search(cfg, len(stream.phases), steps, baseline, Path(reference), work_dir)


def _search(cfg: Config, num_phases: int, steps: Sequence[Step], baseline: Results, source: Path, work_dir: Path
            ) -> list[Trial]:
    """Try all values; each trial takes over what it can of a run, the reference at first."""
    trials: list[Trial] = []
    configs: list[Config] = []
    for number, step in enumerate(steps, 1):
        for value in step.values:
            trial_cfg = _with_value(cfg, step.option, value)
            trial_cfg.work_dir = str(work_dir / f'{number}_{step.option}_{value}')
            metrics = _metrics(trial_cfg, _phase_of(step.option, num_phases), source)
            trials.append(Trial(number, step.option, value, trial_cfg.work_dir, _score(metrics, baseline), metrics))
            configs.append(trial_cfg)
            if number == 1:
                source = Path(trial_cfg.work_dir)  # has a first phase that the reference may not have in common
            _write(trials, work_dir)
        best = best_trials(trials)[number]
        cfg, source = configs[trials.index(best)], Path(best.run)
    return trials


def best_trials(trials: Sequence[Trial]) -> dict[int, Trial]:
    """Find the best trial of each step, the first of equal ones; a score that is NaN is the worst."""
    best: dict[int, Trial] = {}
    for trial in trials:
        before = best.setdefault(trial.step, trial)
        if trial.score > before.score or (math.isnan(before.score) and not math.isnan(trial.score)):
            best[trial.step] = trial
    return best


def best_options(trials: Sequence[Trial]) -> dict[str, Any]:
    """Give the best value of each option, from the last step that tried it."""
    return {trial.option: trial.value for trial in best_trials(trials).values()}


def _check_step(step: Step, stream: Stream, baseline: Results) -> None:
    """Refuse before anything is trained a step that cannot be tried or compared."""
    last = _phase_of(step.option, len(stream.phases))
    if not step.values:
        raise ConfigError(f'{step.option} has no values to try; give at least one')
    for value in step.values:
        Stream.from_config(_with_value(stream.cfg, step.option, value))
    learned = [name for phase in stream.phases[:last] for name in phase.new_tasks]
    if not any(set(phase.metrics) == set(learned) for phase in baseline.phases):
        raise RunError(f'the reference has no phase after which it has learned exactly {", ".join(learned)}; give a '
                       f'run of the same stream')


def _with_value(cfg: Config, option: str, value: Any) -> Config:
    """Copy a config and change one option."""
    cfg = copy.deepcopy(cfg)
    merge_options(cfg, {option: value})
    return cfg


def _phase_of(option: str, num_phases: int) -> int:
    """Find the phase that an option belongs to, from 1; the last one for an option of the whole stream."""
    parts = option.split('.')
    if parts[0] != 'phases':
        return num_phases
    if len(parts) < 3 or not parts[1].isdigit() or int(parts[1]) >= num_phases:
        raise ConfigError(f'{option} is not an option of a phase; phases are counted from 0 here, as in '
                          f'phases.1.method.alpha for the second of {num_phases}')
    return int(parts[1]) + 1


def _metrics(cfg: Config, phase: int, source: Path) -> dict[str, dict[str, float]]:
    """Train up to a phase, unless that is done, and give the metrics after it."""
    folder = Path(cfg.work_dir)
    started = (folder / FILE_NAME).exists()
    try:
        results = train_stream(cfg, resume=started, take_over=source, until=phase)
    except NotReusableError:
        results = train_stream(cfg, resume=started, until=phase)  # a method whose first phase is its own
    return results.phases[phase - 1].metrics


def _score(metrics: dict[str, dict[str, float]], baseline: Results) -> float:
    """Compare with the reference after the phase that had seen the same tasks."""
    of_reference = next(phase.metrics for phase in baseline.phases if set(phase.metrics) == set(metrics))
    return relative_improvement(metrics, of_reference, {task: baseline.higher_is_better[task] for task in metrics})


def _write(trials: Sequence[Trial], work_dir: Path) -> None:
    """Write the trials as JSON and as a table."""
    with atomic_write(work_dir / 'search.json') as file:
        file.write((json.dumps([trial._asdict() for trial in trials], indent=1) + '\n').encode())
    with atomic_write(work_dir / 'search.md') as file:
        file.write((search_table(trials) + '\n').encode())


def search_table(trials: Sequence[Trial]) -> str:
    """Set the trials below each other, the best value of each option in bold."""
    best = best_trials(trials).values()
    metrics = [f'{task} {metric}' for task, values in trials[-1].metrics.items() for metric in values]
    lines = ['| option | value | Delta (%) | ' + ' | '.join(metrics) + ' |',
             '|---|---:|---:|' + '---:|' * len(metrics)]
    for trial in trials:
        mark = '**' if any(trial is one for one in best) else ''
        numbers = {f'{task} {metric}': value for task, values in trial.metrics.items()
                   for metric, value in values.items()}
        cells = [f'{numbers[name]:.4g}' if name in numbers else '-' for name in metrics]
        lines.append(f'| {trial.option} | {mark}{trial.value}{mark} | {mark}{trial.score:+.2f}{mark} | '
                     + ' | '.join(cells) + ' |')
    return '\n'.join(lines)
