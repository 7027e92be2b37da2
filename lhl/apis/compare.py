"""Compares finished runs of one stream: the numbers of a paper's table."""
import math
from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mmengine.config import Config

from lhl.atomic import atomic_write
from lhl.config_files import import_custom_modules, read_written_config
from lhl.engine.plan import Stream
from lhl.engine.plan.identity import NOT_HASHED_IN_DATALOADERS
from lhl.errors import ConfigError, RunError
from lhl.evaluation import (
    Results,
    average_accuracy,
    average_forgetting,
    averaged_metrics,
    mean_rank,
    plasticity,
    relative_forgetting,
    relative_improvement,
)
from lhl.registry import METHODS
from lhl.stored_configs import check_stored_config
from lhl.trust import trusting_configs
from lhl.visualization import ComparedMethod, Comparison, Spread, comparison_table
from lhl.visualization.labels import all_units, arrow, method_names

from .given_names import given_names, result_file
from .scored_data import check_same_data, scored_data

#: The sections of a config that runs of one method must share: an average over different ones would say nothing.
_OPTIONS = ('model', 'method', 'train_cfg', 'optim_wrapper', 'param_scheduler')
#: What of a resolved phase they must share.
_OF_PHASES = ('new_tasks', 'method', 'backbone', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'loss_weight',
              'lr_factors', 'old_heads', 'early_stopping')


class _Run(NamedTuple):
    """A run that takes part."""

    path: str  #: as it was given
    file: Path  #: its result file, the same however the path was given
    results: Results
    config: Config | None  #: None where the folder holds nothing but the results


def compare_runs(runs: Sequence[str | Path], references: Sequence[str | Path] = (),
                 single_task: Sequence[str | Path] | None = None, names: Mapping[str | Path, str] | None = None,
                 compatibility: str | None = None, every_task: bool = False, trust_config: bool = False,
                 metrics: Mapping[str, Collection[str]] | None = None) -> Comparison:
    """Compare methods that learned the same stream, with each other and with a reference, usually fine-tuning.

    Runs of one config with several seeds are one method. It is called by the method's name and, where there are
    several configs of it, by what their file names do not share: ``HAD`` and ``HAD (no sg)``. Every run is compared
    with the reference's run of the same seed, and only then averaged over seeds.

    Args:
        runs: The folders of finished runs, or their result files; those of the reference may be among them.
        references: The reference's runs, one per seed. Without any there is no Delta.
        single_task: Runs that learned a separate model for each task, one per seed, to measure plasticity against. They
            are rows only if they are among ``runs``, too.
        names: Names to give to runs instead.
        compatibility: A deviation that Delta repeats, see :func:`~lhl.evaluation.relative_improvement`.
        every_task: Print the accuracies of every task, too, where they are averaged over several.
        trust_config: Let the configs inside the runs name code and import modules. Otherwise it may name
            registered components only.
        metrics: Of each task those that are compared, Delta and ranks included; by default all. Delta_m of KDAM is that
            of one metric per task.

    Returns:
        The upper bounds, the reference, and the other methods in the order in which they were given.

    Raises:
        RunError: If a run is missing, unfinished, of another stream, data set or metrics than the others, or without
            a reference of its seed, or if it is not clear which method it belongs to.
        ConfigError: If the compatibility is unknown, or a run's config cannot be read.
    """
    if not runs:
        raise RunError('found no run to compare; give the folders of finished runs')
    if compatibility and not references:
        raise ConfigError(f'`compatibility` {compatibility} is about Delta, which refers to a reference; give its runs '
                          f'as `references`, or remove `compatibility`')
    with trusting_configs(trust_config):
        compared, separate = _load([*references, *runs]), _load(single_task or [])
        pivot = _check_alike([*compared, *separate])
    methods = _group(compared, names)
    reference, bases = _reference(methods, {result_file(run) for run in references})
    models = _by_seed(separate, 'separate models')
    directions = {task: {metric: better for metric, better in pivot.higher_is_better[task].items()
                         if metrics is None or metric in metrics[task]} for task in pivot.stream}
    units = {task: all_units([run.results for run in compared], task) for task in pivot.stream}
    averaged = averaged_metrics(directions)

    ranks = {seed: mean_rank({name: _final(by_seed[seed]) for name, by_seed in methods.items() if seed in by_seed},
                             directions) for seed in {seed for by_seed in methods.values() for seed in by_seed}}
    rows = []
    for name, by_seed in methods.items():
        for run in by_seed.values():
            if bases:
                _check_partner(run, bases, f'the reference {reference}')
            if models:
                _check_partner(run, models, 'the separate models')
        finals = [_final(run) for run in by_seed.values()]
        falls = {metric: _spread([average_forgetting(run.results, metric) for run in by_seed.values()])
                 for metric in averaged}
        rows.append(ComparedMethod(
            name=name,
            seeds=list(by_seed),
            metrics={task: {metric: Spread.of([final[task][metric] for final in finals]) for metric in of_task}
                     for task, of_task in directions.items()},
            improvement=Spread.of([relative_improvement(final, _final(bases[seed]), directions, compatibility)
                                   for seed, final in zip(by_seed, finals, strict=True)]) if bases else None,
            mean_rank=Spread.of([ranks[seed][name] for seed in by_seed]),
            forgetting=_spread([_average(relative_forgetting(run.results)) for run in by_seed.values()]),
            plasticity=_spread([_average(plasticity(run.results, models[seed].results))
                                for seed, run in by_seed.items()]) if models else None,
            upper_bound=any(_is_upper_bound(run.results) for run in by_seed.values()),
            accuracy={metric: Spread.of([average_accuracy(run.results, metric) for run in by_seed.values()])
                      for metric in averaged},
            fall={metric: fall for metric, fall in falls.items() if fall is not None}))
    rows.sort(key=lambda row: (not row.upper_bound, row.name != reference))
    return Comparison(directions, units, rows, reference, compatibility, averaged, every_task)


def write_comparison(comparison: Comparison, path: str | Path,
                     format: Literal['markdown', 'latex', 'csv'] = 'markdown') -> None:
    """Write the table of a comparison, whole or not at all, and over nothing.

    Args:
        comparison: From :func:`compare_runs`.
        path: The file to write.
        format: As in :func:`~lhl.visualization.comparison_table`.

    Raises:
        RunError: If there already is such a file.
    """
    check_new(path)
    text = comparison_table(comparison, format)
    with atomic_write(path) as file:
        file.write(text.encode() + b'\n')


def check_new(path: str | Path) -> None:
    """Refuse to write a comparison over a file.

    Raises:
        RunError: If there is one.
    """
    if Path(path).exists():
        raise RunError(f'{path} already exists and is not overwritten; delete it or give another path')


def _load(runs: Sequence[str | Path]) -> list[_Run]:
    """Read finished runs; one that is given twice counts once."""
    loaded = []
    for file, run in {result_file(run): run for run in runs}.items():
        results = Results.load(run)
        missing = [task for task in results.stream if task not in results.learned_tasks]
        if missing or not results.phases:
            raise RunError(f'the run in {run} is not finished: phase {len(results.phases) + 1} is missing, '
                           f'{", ".join(missing)} not learned; continue it with `resume=True`')
        config = read_written_config(file.parent)
        if config is not None:
            import_custom_modules(file.parent)
            check_stored_config(config.to_dict(), file.parent / 'config.py')
        loaded.append(_Run(str(run), file, results, config))
    return loaded


def _check_alike(runs: Sequence[_Run]) -> Results:
    """Refuse runs that do not belong in one table, and return the results whose stream orders the columns.

    That is a run with several phases if there is one: to learn all tasks at once knows no order.
    """
    first = next((run for run in runs if len(run.results.phases) > 1), runs[0])
    stream, metrics = first.results.stream, _metrics(first.results)
    for run in runs:
        own = run.results.stream
        if own != stream and (len(run.results.phases) > 1 or sorted(own) != sorted(stream)):
            raise RunError(f'{run.path} learned {", ".join(own)} but {first.path} learned {", ".join(stream)}; compare '
                           f'runs of one stream')
        differing = sorted(_metrics(run.results) ^ metrics)
        if differing:
            raise RunError(f'{run.path} and {first.path} have different metrics: {"; ".join(differing)} in one of '
                           f'them only; compare runs that were scored alike')
        final = _final(run)
        unscored = [f'{task}/{metric}' for task in own for metric in run.results.higher_is_better[task]
                    if metric not in final.get(task, {})]
        if unscored:
            raise RunError(f'{run.path} was not scored by {", ".join(unscored)} after its last phase; compare runs '
                           f'that were scored on all tasks')
    check_same_data((run.path, scored_data(run.config)) for run in [first, *runs] if run.config)
    _check_units(runs)
    return first.results


def _check_units(runs: Sequence[_Run]) -> None:
    """Refuse numbers in different units; a run that does not know its units may stand beside any."""
    known: dict[str, _Run] = {}
    for run in runs:
        for task, units in run.results.units.items():
            other = known.setdefault(task, run)
            for metric in run.results.higher_is_better.get(task, {}):
                found, expected = (values.get(metric, 'no unit') for values in (units, other.results.units[task]))
                if found != expected:
                    raise RunError(f'{run.path} has {task}/{metric} in {found} but {other.path} in {expected}; '
                                   f'compare runs that were scored alike')


def _metrics(results: Results) -> set[str]:
    """List all metrics with the directions in which they are better."""
    return {f'{task}/{metric} {arrow(better)}' for task, metrics in results.higher_is_better.items()
            for metric, better in metrics.items()}


def _group(runs: Sequence[_Run], names: Mapping[str | Path, str] | None) -> dict[str, dict[int, _Run]]:
    """Sort runs by the name of their method and their seed."""
    groups: dict[str, list[_Run]] = {}
    given = given_names([run.file for run in runs], names)
    for run, name in zip(runs, method_names([run.results for run in runs], given), strict=True):
        groups.setdefault(name, []).append(run)
    return {name: _by_seed(members, name) for name, members in groups.items()}


def _by_seed(runs: Sequence[_Run], name: str) -> dict[int, _Run]:
    """Sort the runs of one method by their seeds, and refuse those that are not seeds of one method."""
    by_seed: dict[int, _Run] = {}
    for run in runs:
        other = by_seed.setdefault(run.results.seed, run)
        if other is not run:
            raise RunError(f'{other.path} and {run.path} are both {name} with seed {run.results.seed}; remove one, or '
                           f'give it another name in `names`')
        first = next(iter(by_seed.values()))
        where = _difference(_options(first), _options(run)) if run.config and first.config else ''
        if where:
            raise RunError(f'{first.path} and {run.path} are both {name}, but differ in {where!r} of their configs; '
                           f'give one another name in `names`')
    return dict(sorted(by_seed.items()))


def _options(run: _Run) -> dict[str, Any]:
    """Read what trained a run from its config: sections, and what came of them in each phase."""
    config = run.config or Config()
    options = {name: _without_teacher(config.to_dict().get(name)) for name in _OPTIONS}
    options['train_dataloader'] = _training_data(config.to_dict().get('train_dataloader'))
    # How it is resolved does not depend on the method, which need not be known.
    stream = Stream.from_config(config, check=False, method=dict(type='Vanilla'))
    methods = {frozenset([entry['task']] if 'task' in entry else entry['tasks']): entry.get('method') or {}
               for entry in config.to_dict().get('phases') or []}
    options['phases'] = [
        {**{name: getattr(phase, name) for name in _OF_PHASES},
         'train_dataloader': _training_data(phase.entry.get('train_dataloader')),
         'method': _without_teacher({**(options['method'] or {}), **methods.get(frozenset(phase.new_tasks), {})})}
        for phase in stream.phases]
    return options


def _without_teacher(value: Any) -> Any:
    """Leave out the teacher: each seed may have one of its own, from another run."""
    return {key: one for key, one in value.items() if key != 'teacher'} if isinstance(value, Mapping) else value


def _training_data(loader: Any) -> Any:
    """Leave out of a data loader what trains alike: how fast it loads, and where on the machine its folders lie."""
    if isinstance(loader, Mapping):
        return {key: Path(value).name if key == 'data_root' and isinstance(value, str) else _training_data(value)
                for key, value in loader.items() if key not in NOT_HASHED_IN_DATALOADERS}
    return loader


def _difference(ours: Any, theirs: Any, where: str = '') -> str:
    """Name the first option in which two configs differ, such as ``phases[1].method.alpha``; empty if they do not."""
    if isinstance(ours, Mapping) or isinstance(theirs, Mapping):
        ours, theirs = ours or {}, theirs or {}
        return next(filter(None, (_difference(ours.get(key), theirs.get(key), f'{where}.{key}' if where else str(key))
                                  for key in dict.fromkeys([*ours, *theirs]))), '')
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return next(filter(None, (_difference(*pair, f'{where}[{number}]')
                                  for number, pair in enumerate(zip(ours, theirs, strict=True)))), '')
    return where if ours != theirs else ''


def _reference(methods: Mapping[str, Mapping[int, _Run]], files: Set[Path]) -> tuple[str | None, dict[int, _Run]]:
    """Find the method that the references are runs of, and its runs that are references, by seed."""
    if not files:
        return None, {}
    found = {name: {seed: run for seed, run in by_seed.items() if run.file in files}
             for name, by_seed in methods.items()}
    (name, bases), *others = ((name, bases) for name, bases in found.items() if bases)
    for other, runs in others:
        raise RunError(f'the references {next(iter(bases.values())).path} ({name}) and '
                       f'{next(iter(runs.values())).path} ({other}) are two methods; give the runs of one')
    return name, bases


def _check_partner(run: _Run, partners: Mapping[int, _Run], whose: str) -> None:
    """Refuse a run without a partner of its seed."""
    seed = run.results.seed
    if seed not in partners:
        raise RunError(f'{run.path} is a run without its reference: it has seed {seed}, but {whose} only '
                       f'{", ".join(map(str, partners))}; give the run with seed {seed}')


def _final(run: _Run) -> dict[str, dict[str, float]]:
    return run.results.phases[-1].metrics


def _average(values: Mapping[str, Mapping[str, float]]) -> float | None:
    """Average over the metrics of each task, then over tasks; None without any task."""
    by_task = [math.fsum(of_one.values()) / len(of_one) for of_one in values.values() if of_one]
    return math.fsum(by_task) / len(by_task) if by_task else None


def _spread(values: Sequence[float | None]) -> Spread | None:
    """Give mean and deviation over seeds; None if a seed has no value."""
    known = [value for value in values if value is not None]
    return Spread.of(known) if len(known) == len(values) else None


def _is_upper_bound(results: Results) -> bool:
    """Return whether a run learned all tasks at once, or a separate model for each."""
    method = METHODS.module_dict.get(results.method)
    at_once = len(results.phases) == 1 and len(results.stream) > 1
    return at_once or (method is not None and method.requires.separate_models)
