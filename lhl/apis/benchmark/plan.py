"""Which runs a suite takes, what identifies each of them, and how far it is."""
import copy
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from lhl.config_files import merge_options, parse_options, read_config
from lhl.engine.plan import Stream, config_hash, first_phase_hash
from lhl.engine.sources.external_teacher import check_external_teachers
from lhl.errors import ConfigError, LHLError, suggest
from lhl.evaluation import Results
from lhl.evaluation.results import FILE_NAME

from .state import read_state
from .suites import SUITES, Group, Member, Suite


@dataclass(eq=False)
class BenchmarkRun:
    """One member of a suite with one seed.

    Args:
        group: The group it belongs to.
        member: What is trained.
        seed: With which seed.
        folder: The run's folder.
        reference: The run of the group's reference with the same seed; None for that run itself.
        reusable: The runs before it whose first phase is the same.
        hash: The :func:`lhl.engine.config_hash` that its results must have; empty if the config cannot be read.
        first_phase: The :func:`lhl.engine.first_phase_hash`; None where the first phase cannot be shared.
        results: What is in its folder; None if there is nothing.
        error: Why it failed; empty if it did not.
        seconds: How long it has been trained, in all attempts.
    """

    group: Group
    member: Member
    seed: int
    folder: Path
    reference: 'BenchmarkRun | None' = None
    reusable: 'tuple[BenchmarkRun, ...]' = ()
    hash: str = ''
    first_phase: str | None = None
    results: Results | None = None
    error: str = ''
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The run as it is called in messages."""
        return f'{self.label} seed {self.seed}'

    @property
    def label(self) -> str:
        """The member with its group."""
        return f'{self.group.name}/{self.member.name}' if self.group.name else self.member.name

    @property
    def log(self) -> Path:
        """Where the output of its training is kept, beside its folder: the folder belongs to the training."""
        return self.folder.with_name(f'{self.folder.name}.log')

    @property
    def finished(self) -> bool:
        """Whether it is done, and with the options that are asked for."""
        return self.results is not None and self.results.finished and self.results.config_hash == self.hash

    @property
    def has_first_phase(self) -> bool:
        """Whether its first phase is done, and with the options that are asked for."""
        return self.results is not None and bool(self.results.phases) and self.results.config_hash == self.hash

    def read_results(self) -> None:
        """Look at what is in the folder."""
        self.results = Results.load(self.folder) if (self.folder / FILE_NAME).exists() else None


def plan_benchmark(suite: str | Suite, seeds: Sequence[int], work_dir: str | Path | None = None,
                   only: Sequence[str] = (), options: Sequence[str] = ()) -> list[BenchmarkRun]:
    """List the runs of a suite in the order in which they are trained, and look up how far each of them is.

    Args:
        suite: As for :func:`run_benchmark`, like the others.
        seeds: The seeds.
        work_dir: The folder.
        only: The members.
        options: The options.

    Returns:
        The runs; one whose config or results cannot be used has an ``error``.

    Raises:
        ConfigError: If the suite, a member, a seed or an option is impossible.
        RunError: If the work_dir belongs to another suite.
    """
    suite, work_dir = find_suite(suite), find_work_dir(suite, work_dir)
    _check_seeds(seeds)
    chosen = _choose(suite, only)
    parse_options(options)
    state = read_state(work_dir, suite)
    is_ready = all(run.finished for run in needed_runs(suite))
    configs = {member.config: _read(member) for group in suite.groups for member in chosen[group.name]}
    runs: list[BenchmarkRun] = []
    for seed in seeds:
        for group in suite.groups:
            reference = None
            for member in chosen[group.name]:
                folder = work_dir / group.name / member.name / f'seed{seed}'
                run = _plan(group, member, seed, folder, reference, configs[member.config], options, is_ready)
                run.seconds = state['seconds'].get(str(run.folder.relative_to(work_dir)), 0.0)
                run.reusable = tuple(earlier for earlier in runs if earlier.first_phase == run.first_phase is not None)
                reference = reference or run
                runs.append(run)
    return runs


def needed_runs(suite: str | Suite) -> list[BenchmarkRun]:
    """List the runs that a suite starts from, as :func:`plan_benchmark` lists its own."""
    suite = find_suite(suite)
    return [_plan(Group('', member, ()), member, 0, Path(suite.needs_dir, member.name), None, _read(member), ())
            for member in suite.needs]


def _plan(group: Group, member: Member, seed: int, folder: Path, reference: BenchmarkRun | None,
          config: Config | LHLError, options: Sequence[str], is_ready: bool = True) -> BenchmarkRun:
    """Derive what identifies a run, and see how far it is; its teacher may have to be trained first."""
    run = BenchmarkRun(group, member, seed, folder, reference)
    try:
        if isinstance(config, LHLError):
            raise config
        cfg = copy.deepcopy(config)
        merge_options(cfg, parse_options([*member.options, *options]))
        cfg.merge_from_dict({'randomness.seed': seed})
        stream = Stream.from_config(cfg)
        if is_ready:
            check_external_teachers(stream)
        run.hash, run.first_phase = config_hash(stream), first_phase_hash(stream)
        run.read_results()
    except LHLError as error:
        run.error = ' '.join(str(error).split())
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:  # of an impossible config
        run.error = f'{member.config} cannot be used ({type(error).__name__}: {error}); correct it or the options'
    return run


def describe_suites() -> str:
    """List the suites and their members, for a person."""
    lines = []
    for suite in SUITES.values():
        lines += [f'{suite.name}: {suite.description}']
        for group in suite.groups:
            lines += [f'  {group.name}:'] if group.name else []
            indent = '    ' if group.name else '  '
            lines += [f'{indent}reference: {group.reference.name}',
                      f'{indent}members: {", ".join(member.name for member in group.members)}']
            if group.upper_bounds:
                lines += [f'{indent}upper bounds: {", ".join(member.name for member in group.upper_bounds)}']
    return '\n'.join(lines)


def describe_plan(runs: Sequence[BenchmarkRun], options: Sequence[str] = ()) -> str:
    """List what would be trained, resumed and skipped, one run per line, for a person.

    Args:
        runs: From :func:`plan_benchmark`.
        options: Those given to it.
    """
    lines = []
    for run in runs:
        if run.error:
            lines.append(f'fail    {run.name}: {run.error}')
        elif run.finished:
            lines.append(f'skip    {run.name}')
        else:
            action = 'start ' if run.results is None else 'resume'
            lines.append(f'{action}  {run.name}: {shlex.join(training_arguments(run, options, planned=True))}')
    return '\n'.join(lines)


def training_arguments(run: BenchmarkRun, options: Sequence[str], planned: bool = False) -> list[str]:
    """Write the arguments with which ``lhl train`` trains a run, or continues it.

    Args:
        run: The run.
        options: Changes of every config.
        planned: Whether this is only a plan, in which the runs before it count as trained.
    """
    arguments = [run.member.config, '--work-dir', str(run.folder), '--seed', str(run.seed)]
    if run.results is not None:
        arguments.append('--resume')
    sources = [source for source in run.reusable if source.has_first_phase or (planned and not source.error)]
    if sources and not (run.results and run.results.phases):
        source = min(sources, key=lambda source: source.hash != run.hash)  # where all is the same, all is taken over
        arguments += ['--take-over', str(source.folder)]
    changes = [*run.member.options, *options]
    return arguments + (['--cfg-options', *changes] if changes else [])


def find_suite(suite: str | Suite) -> Suite:
    """Look up a suite by its name; one that is given is what is wanted.

    Raises:
        ConfigError: If there is no suite of that name.
    """
    if isinstance(suite, Suite):
        return suite
    if suite not in SUITES:
        raise ConfigError(f'there is no suite {suite!r}; {suggest(suite, SUITES)}')
    return SUITES[suite]


def find_work_dir(suite: str | Suite, work_dir: str | Path | None) -> Path:
    """Choose where a suite is kept: in the folder that is given, or else in ``work_dirs/benchmark/SUITE``."""
    return Path(work_dir) if work_dir is not None else Path('work_dirs/benchmark', find_suite(suite).name)


def _check_seeds(seeds: Sequence[int]) -> None:
    if not seeds:
        raise ConfigError('found no `seeds`, expected at least one, such as 0')
    negative = [seed for seed in seeds if seed < 0]
    if negative:
        raise ConfigError(f'found the seed {negative[0]}, expected seeds from 0; choose another one')
    repeated = [seed for seed in seeds if list(seeds).count(seed) > 1]
    if repeated:
        raise ConfigError(f'the seed {repeated[0]} is given more than once; give every seed once')


def _choose(suite: Suite, only: Sequence[str]) -> dict[str, list[Member]]:
    """Pick the members of each group; a group with any of them keeps its reference, which comes first."""
    known: dict[str, set[tuple[str, str]]] = {}
    for group in suite.groups:
        for member in group.all_members:
            for name in {member.name, f'{group.name}/{member.name}' if group.name else member.name}:
                known.setdefault(name, set()).add((group.name, member.name))
    for name in only:
        if name not in known:
            raise ConfigError(f'the suite {suite.name} has no member {name!r}; {suggest(name, known)}')
    wanted = set().union(*(known[name] for name in only)) if only else set().union(*known.values())
    return {group.name: [member for member in group.all_members if (group.name, member.name) in wanted
                         or (member == group.reference and any(name == group.name for name, _ in wanted))]
            for group in suite.groups}


def _read(member: Member) -> Config | LHLError:
    """Read a member's config, or give the reason why it cannot be."""
    try:
        return read_config(member.config)
    except LHLError as error:
        return error
