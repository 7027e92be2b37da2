"""Trains the configs of a suite one after the other, whatever happens to one of them, and ranks what came out."""
import argparse
import contextlib
import copy
import fcntl
import json
import math
import os
import platform
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from mmengine.config import Config

from lhl.atomic import atomic_write
from lhl.engine.config_check import check_config
from lhl.engine.phase_config import config_hash, first_phase_hash, in_order
from lhl.environment import installed_versions
from lhl.errors import ConfigError, LHLError, RunError, suggest
from lhl.evaluation import Results
from lhl.evaluation.results import FILE_NAME
from lhl.visualization import Contestant, comparison_table, draw_leaderboard, leaderboard_csv, leaderboard_table
from lhl.visualization.leaderboard import Role

from .command_line import add_config_arguments, merge_options, read_config
from .compare import compare_runs
from .suites import SUITES, Group, Member, Suite

ROOT = Path(__file__).parents[2]
TRAINER = (sys.executable, str(ROOT / 'tools/train.py'))
STATE_NAME = 'benchmark.json'
_FORMAT, _VERSION = 'lhl-benchmark', 1
#: How long a child may take to end after Ctrl-C before it is killed, and how often children are looked after.
_GRACE, _POLL = 20.0, 0.05


@dataclass(eq=False)
class BenchmarkRun:
    """One member of a suite with one seed.

    Args:
        group: The group it belongs to.
        member: What is trained.
        seed: With which seed.
        folder: The run's folder.
        reference: The run of the group's reference with the same seed; None for that run itself.
        donors: The runs before it whose first phase is the same.
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
    donors: 'tuple[BenchmarkRun, ...]' = ()
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


def run_benchmark(suite: str | Suite, seeds: Sequence[int], work_dir: str | Path | None = None, jobs: int = 1,
                  only: Sequence[str] = (), options: Sequence[str] = (), trainer: Sequence[str] = TRAINER,
                  report: Callable[[str], None] = print) -> list[BenchmarkRun]:
    """Train what is not trained yet of a suite, and write its leaderboard after every run.

    A finished run is skipped and an interrupted one resumed. A run that fails is reported and left behind. The
    reference is trained before the other members of its group. A first phase that has been trained is taken over by
    the later runs that would train it alike.

    Args:
        suite: The suite or its name.
        seeds: The seeds to train every member with.
        work_dir: Where everything is kept; by default ``work_dirs/benchmark/SUITE``.
        jobs: How many runs are trained at once. They share the processor's cores, or get a GPU each.
        only: The members to train, as ``member`` or ``group/member``; by default all. References are always trained.
        options: Changes of every config, written as for ``--cfg-options``.
        trainer: The command that trains, to which the arguments of ``tools/train.py`` are added.
        report: Is called with one line per finished run, and a few others.

    Returns:
        The runs; those with an ``error`` failed.

    Raises:
        ConfigError: If the suite, a member, a seed, the number of jobs or an option is impossible.
        RunError: If the work_dir belongs to another suite, or another process works in it.
        KeyboardInterrupt: If Ctrl-C or a signal stopped it, after all children were stopped.
    """
    runs = plan_benchmark(suite, seeds, work_dir, only, options)
    if jobs < 1:
        raise ConfigError(f'found {jobs} jobs, expected at least 1')
    suite, work_dir = _find_suite(suite), _work_dir(suite, work_dir)
    with _alone_in(work_dir), _signals_as_interrupt():
        board = _Leaderboard(suite, work_dir, runs, seeds, options)
        report(_summary(suite, runs, jobs, work_dir))
        board.write()
        try:
            _Schedule(runs, jobs, options, trainer, board, report).run()
        finally:
            board.write()
    failed = [run for run in runs if run.error]
    report(f'leaderboard: {work_dir / "leaderboard.md"}')
    if failed:
        report(f'{len(failed)} of {len(runs)} runs failed: {", ".join(run.name for run in failed)}')
    return runs


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
    suite, work_dir = _find_suite(suite), _work_dir(suite, work_dir)
    _check_seeds(seeds)
    chosen = _choose(suite, only)
    parse_options(options)
    state = _read_state(work_dir, suite)
    configs = {member.config: _read(member) for group in suite.groups for member in chosen[group.name]}
    runs = []
    for seed in seeds:
        for group in suite.groups:
            reference = None
            for member in chosen[group.name]:
                run = _plan(group, member, seed, work_dir, reference, configs[member.config], options)
                run.seconds = state['seconds'].get(str(run.folder.relative_to(work_dir)), 0.0)
                run.donors = tuple(earlier for earlier in runs if earlier.first_phase == run.first_phase is not None)
                reference = reference or run
                runs.append(run)
    return runs


def _plan(group: Group, member: Member, seed: int, work_dir: Path, reference: BenchmarkRun | None,
          config: Config | LHLError, options: Sequence[str]) -> BenchmarkRun:
    """Derive what identifies a run, and see how far it is."""
    folder = work_dir / group.name / member.name / f'seed{seed}'
    run = BenchmarkRun(group, member, seed, folder, reference)
    try:
        if isinstance(config, LHLError):
            raise config
        cfg = copy.deepcopy(config)
        merge_options(cfg, parse_options([*member.options, *options]))
        cfg.merge_from_dict({'randomness.seed': seed})
        cfg = in_order(cfg)
        check_config(cfg)
        run.hash, run.first_phase = config_hash(cfg), first_phase_hash(cfg)
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
            lines.append(f'{action}  {run.name}: {shlex.join(_arguments(run, options, planned=True))}')
    return '\n'.join(lines)


def remaining_seconds(left: Sequence[tuple[str, float]], known: Mapping[str, Sequence[float]], jobs: int) -> float:
    """Estimate how long runs will take that are trained some at a time.

    Args:
        left: For each run that is not finished the name of its member, and the seconds it has been trained already.
        known: For each member the durations of its finished runs, in seconds.
        jobs: How many are trained at once.

    Returns:
        Seconds. A member takes as long as it took with other seeds, or else as long as the known members do on
        average; NaN if none is known.
    """
    by_member = {name: fmean(durations) for name, durations in known.items() if durations}
    if not left or not by_member:
        return 0.0 if not left else math.nan
    typical = fmean(by_member.values())
    expected = [max(0.0, by_member.get(name, typical) - done) for name, done in left]
    return max(sum(expected) / jobs, max(expected))


def parse_options(options: Sequence[str]) -> dict:
    """Read ``KEY=VALUE`` strings as ``--cfg-options`` of the other tools does.

    Raises:
        ConfigError: If one is not of that form.
    """
    for option in options:
        if not option.partition('=')[0] or '=' not in option:
            raise ConfigError(f'--cfg-options has {option!r}, expected KEY=VALUE')
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return parser.parse_args(['--cfg-options', *options]).cfg_options if options else {}


class _Schedule:
    """Trains runs, several at once, and outlives every one of them."""

    def __init__(self, runs: Sequence[BenchmarkRun], jobs: int, options: Sequence[str], trainer: Sequence[str],
                 board: '_Leaderboard', report: Callable[[str], None]) -> None:
        self.runs, self.options, self.trainer, self.board, self.report = runs, options, trainer, board, report
        self.jobs = jobs
        self.free = list(range(jobs))
        self.waiting = [run for run in runs if not run.finished and not run.error]
        self.children: dict[BenchmarkRun, _Child] = {}
        self.number_done = len(runs) - len(self.waiting)
        self.started = time.monotonic()

    def run(self) -> None:
        """Train all that wait; if interrupted, stop those that are being trained and record how far it came."""
        for run in self.runs:
            if run.error:
                self.report(f'{run.name} FAILED: {run.error}')
        try:
            while self.waiting or self.children:
                self._start_what_can_start()
                ended = [run for run, child in self.children.items() if child.process.poll() is not None]
                for run in ended:
                    self._end(run)
                if not ended:
                    time.sleep(_POLL)
        finally:
            _stop([child.process for child in self.children.values()])
            for run, child in self.children.items():
                run.seconds += child.elapsed
                child.close()
                with contextlib.suppress(RunError):
                    run.read_results()

    def _start_what_can_start(self) -> None:
        for run in [run for run in self.waiting if not self._is_unfinished(run.reference)][:len(self.free)]:
            self.waiting.remove(run)
            self.children[run] = _Child(run, [*self.trainer, *_arguments(run, self.options)], self.free.pop(0),
                                        self.jobs)

    def _is_unfinished(self, run: BenchmarkRun | None) -> bool:
        return run in self.waiting or run in self.children

    def _end(self, run: BenchmarkRun) -> None:
        """Take in the outcome of a run, and say so."""
        child = self.children.pop(run)
        self.free = sorted([*self.free, child.slot])
        run.seconds += child.elapsed
        self.number_done += 1
        run.error = child.close()
        try:
            run.read_results()
        except RunError as error:
            run.error = run.error or str(error)
        if not run.error and not run.finished:
            run.error = 'the training ended without an error, but its results are not those of the finished run'
        self.board.write()
        outcome = f'FAILED: {run.error} (log: {run.log})' if run.error else f'finished in {duration(run.seconds)}'
        self.report(f'[{self.number_done}/{len(self.runs)}] {run.name} {outcome}; {self._progress()}')

    def _progress(self) -> str:
        known: dict[str, list[float]] = {}
        for run in self.runs:
            if run.finished and run.seconds:
                known.setdefault(run.label, []).append(run.seconds)
        left = [(run.label, run.seconds) for run in self.waiting]
        left += [(run.label, run.seconds + child.elapsed) for run, child in self.children.items()]
        seconds = remaining_seconds(left, known, self.jobs)
        elapsed = f'{duration(time.monotonic() - self.started)} elapsed'
        if not left:
            return elapsed
        return f'{elapsed}, {"unknown time" if math.isnan(seconds) else f"about {duration(seconds)}"} left'


class _Child:
    """The process that trains one run."""

    def __init__(self, run: BenchmarkRun, command: Sequence[str], slot: int, jobs: int) -> None:
        self.slot = slot
        self.started = time.monotonic()
        run.log.parent.mkdir(parents=True, exist_ok=True)
        self.log = open(run.log, 'a+b')  # noqa: SIM115, it is open as long as the process runs
        self.log.write(f'$ {shlex.join(command)}\n'.encode())
        self.log.flush()
        self.offset = self.log.tell()
        # A session of its own keeps Ctrl-C from reaching it unasked, and lets its workers be stopped with it.
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        env={**os.environ, **_share(slot, jobs)}, start_new_session=True)

    @property
    def elapsed(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def close(self) -> str:
        """Close the log of the ended process, and say in a sentence why it failed; empty if it did not."""
        self.log.seek(self.offset)
        lines = [line.strip() for line in self.log.read().decode(errors='replace').splitlines() if line.strip()]
        self.log.close()
        code = self.process.returncode
        if code == 0:
            return ''
        errors = [line.removeprefix('error: ') for line in lines if line.startswith('error: ')]
        sentence = (errors or lines or ['it printed nothing'])[-1]
        return f'killed by {signal.Signals(-code).name}, after: {sentence}' if code < 0 else sentence


def _arguments(run: BenchmarkRun, options: Sequence[str], planned: bool = False) -> list[str]:
    """Write the command line of a run; if it is only planned, the runs before it count as trained."""
    arguments = [_short(ROOT / run.member.config), '--work-dir', str(run.folder), '--seed', str(run.seed)]
    if run.results is not None:
        arguments.append('--resume')
    donors = [donor for donor in run.donors if donor.has_first_phase or (planned and not donor.error)]
    if donors and not (run.results and run.results.phases):
        donor = min(donors, key=lambda donor: donor.hash != run.hash)  # where all is the same, all is taken over
        arguments += ['--take-over', str(donor.folder)]
    changes = [*run.member.options, *options]
    return arguments + (['--cfg-options', *changes] if changes else [])


def _share(slot: int, jobs: int) -> dict[str, str]:
    """Give a job its part of the machine: of the cores, and one GPU where there are any."""
    share = {'OMP_NUM_THREADS': str(max(1, (os.cpu_count() or 1) // jobs))}
    if jobs > 1 and torch.cuda.is_available():
        visible = os.environ.get('CUDA_VISIBLE_DEVICES')
        gpus = visible.split(',') if visible else [str(number) for number in range(torch.cuda.device_count())]
        share['CUDA_VISIBLE_DEVICES'] = gpus[slot % len(gpus)]
    return share


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    """Interrupt processes as Ctrl-C does, and kill what is left of them after a while or at a second Ctrl-C."""
    def send(number: int) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    send(signal.SIGINT)
    try:
        deadline = time.monotonic() + _GRACE
        for process in processes:
            process.wait(max(0.0, deadline - time.monotonic()))
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        pass
    finally:
        send(signal.SIGKILL)
        for process in processes:
            process.wait()


class _Leaderboard:
    """Keeps the files of the work_dir that tell how the suite stands."""

    def __init__(self, suite: Suite, work_dir: Path, runs: Sequence[BenchmarkRun], seeds: Sequence[int],
                 options: Sequence[str]) -> None:
        self.suite, self.work_dir, self.runs = suite, work_dir, runs
        self.others = _other_runs(suite, work_dir, runs, seeds, options)
        self.state = _read_state(work_dir, suite)
        self.wall_seconds = self.state['wall_seconds']
        self.started = time.monotonic()

    def write(self) -> None:
        """Write the state and the leaderboard of what is finished by now, each file whole or not at all."""
        for run in self.runs:
            key = str(run.folder.relative_to(self.work_dir))
            self.state['seconds'][key] = run.seconds
            self.state['errors'].pop(key, None)
            if run.error:
                self.state['errors'][key] = run.error
        self.state['wall_seconds'] = self.wall_seconds + time.monotonic() - self.started
        _write_text(self.work_dir / STATE_NAME, json.dumps(self.state, indent=1, ensure_ascii=False) + '\n')
        runs = [*self.runs, *self.others]
        board = {}
        text = [f'# {self.suite.name}', f'{self.suite.description[0].upper()}{self.suite.description[1:]}.',
                '![leaderboard](leaderboard.png)']
        for group in self.suite.groups:
            text += [f'## {group.name}'] if group.name else []
            try:
                contestants = _contestants(group, runs)
                text += [leaderboard_table(contestants), *_metrics_table(group, runs)]
                board[group.name] = contestants
            except LHLError as error:
                text += [f'The runs cannot be compared: {" ".join(str(error).split())}.']
        text += ['## Report', self._report(runs)]
        _write_text(self.work_dir / 'leaderboard.md', '\n\n'.join(text) + '\n')
        _write_text(self.work_dir / 'leaderboard.csv', leaderboard_csv(board))
        draw_leaderboard(board, self.work_dir / 'leaderboard.png')

    def _report(self, runs: Sequence[BenchmarkRun]) -> str:
        """Say what is missing, and how and where it was computed."""
        errors = {run: self.state['errors'].get(str(run.folder.relative_to(self.work_dir))) for run in runs}
        parts = [f'- {run.name} failed: {error}' for run, error in errors.items() if error]
        for what, names in (
                ('not trained yet', [run.name for run in runs if run.results is None and not errors[run]]),
                ('not finished', [run.name for run in runs if run.results is not None and not run.finished
                                  and not errors[run]]),
                ('left out, because the reference of the same seed is not finished', [
                    run.name for run in runs if run.finished and run.reference and not run.reference.finished])):
            parts += [f'- {what}: {", ".join(names)}'] if names else []
        versions = ', '.join(f'{name} {version}' for name, version in installed_versions().items())
        command = shlex.join([Path(sys.executable).name, *sys.argv])
        return '\n'.join([
            *(parts or ['- all runs are finished']), '', '| | |', '| --- | --- |', f'| command | `{command}` |',
            f'| machine | {machine()} |', f'| versions | python {platform.python_version()}, {versions} |',
            f'| wall time | {duration(self.state["wall_seconds"])} |'])


def _other_runs(suite: Suite, work_dir: Path, runs: Sequence[BenchmarkRun], seeds: Sequence[int],
                options: Sequence[str]) -> list[BenchmarkRun]:
    """Find the runs of members and seeds that are not asked for now, but belong on the leaderboard, too."""
    found = {path.name.removeprefix('seed') for group in suite.groups for member in group.all_members
             for path in (work_dir / group.name / member.name).glob('seed*') if path.is_dir()}
    every_seed = {*seeds, *(int(seed) for seed in found if seed.isdecimal())}
    at_hand = {run.folder: run for run in runs}
    if len(at_hand) == len(every_seed) * sum(len(group.all_members) for group in suite.groups):
        return []
    others = [run for run in plan_benchmark(suite, sorted(every_seed), work_dir, (), options)
              if run.folder not in at_hand]
    for run in others:
        if run.reference is not None:
            run.reference = at_hand.get(run.reference.folder, run.reference)
    return others


def _contestants(group: Group, runs: Sequence[BenchmarkRun]) -> list[Contestant]:
    """Collect the finished runs of a group by member."""
    roles: dict[Member, Role] = {group.reference: 'reference', **dict.fromkeys(group.members, 'method'),
                                 **dict.fromkeys(group.upper_bounds, 'upper bound')}
    return [Contestant(member.name, role, {run.seed: run.results for run in runs if run.group == group
                                           and run.member == member and run.finished})
            for member, role in roles.items()]


def _metrics_table(group: Group, runs: Sequence[BenchmarkRun]) -> list[str]:
    """Set the metrics of the runs that have a reference below each other; nothing if there is none."""
    compared = [run for run in runs if run.group == group and run.finished
                and (run.reference is None or run.reference.finished)]
    if not compared:
        return []
    references = [run.folder for run in compared if run.reference is None]
    separate = [run.folder for run in compared if run.member.name == 'single_task']
    comparison = compare_runs([run.folder for run in compared], references,
                              separate if len(separate) == len(references) else None,
                              names={run.folder: run.member.name for run in compared})
    return [comparison_table(comparison)]


def machine() -> str:
    """Describe the GPUs, or where there is none, the processor."""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return ', '.join(f'{names.count(name)} x {name}' for name in dict.fromkeys(names))
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        model = next(line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return f'{model}, {os.cpu_count()} cores'


def duration(seconds: float) -> str:
    """Write a duration for a person: ``2 h 5 min``, ``3 min 20 s``, ``12 s``."""
    seconds = round(seconds)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f'{hours} h {minutes % 60} min'
    return f'{minutes} min {seconds % 60} s' if minutes else f'{seconds} s'


def _summary(suite: Suite, runs: Sequence[BenchmarkRun], jobs: int, work_dir: Path) -> str:
    done = sum(run.finished for run in runs)
    failed = sum(bool(run.error) for run in runs)
    resumed = sum(run.results is not None and not run.finished and not run.error for run in runs)
    counts = [f'{done} finished', f'{resumed} to resume', f'{len(runs) - done - resumed - failed} to start']
    return f'{suite.name}: {len(runs)} runs ({", ".join(counts)}), {jobs} at a time, in {work_dir}'


def _find_suite(suite: str | Suite) -> Suite:
    if isinstance(suite, Suite):
        return suite
    if suite not in SUITES:
        raise ConfigError(f'there is no suite {suite!r}; {suggest(suite, SUITES)}')
    return SUITES[suite]


def _work_dir(suite: str | Suite, work_dir: str | Path | None) -> Path:
    return Path(work_dir) if work_dir is not None else Path('work_dirs/benchmark', _find_suite(suite).name)


def _check_seeds(seeds: Sequence[int]) -> None:
    if not seeds:
        raise ConfigError('found no seeds, expected at least one, such as --seeds 0')
    negative = [seed for seed in seeds if seed < 0]
    if negative:
        raise ConfigError(f'found the seed {negative[0]}, expected seeds from 0; choose another one')
    repeated = [seed for seed in seeds if list(seeds).count(seed) > 1]
    if repeated:
        raise ConfigError(f'the seed {repeated[0]} is given more than once; give every seed once')


def _choose(suite: Suite, only: Sequence[str]) -> dict[str, list[Member]]:
    """Pick the members of each group; a group with any of them keeps its reference, which comes first."""
    known = {}
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
        return read_config(_short(ROOT / member.config))
    except LHLError as error:
        return error


def _read_state(work_dir: Path, suite: Suite) -> dict:
    """Read what earlier calls recorded in the work_dir.

    Raises:
        RunError: If they were for another suite, or the file is damaged.
    """
    path = work_dir / STATE_NAME
    if not path.exists():
        return {'format': _FORMAT, 'version': _VERSION, 'suite': suite.name, 'wall_seconds': 0.0, 'seconds': {},
                'errors': {}}
    try:
        state = json.loads(path.read_bytes())
        found, of_this_kind = state['suite'], (state['format'], state['version']) == (_FORMAT, _VERSION)
    except (OSError, ValueError, KeyError, TypeError):
        of_this_kind = False
    if not of_this_kind:
        raise RunError(f'{path} is not the state of a benchmark, version {_VERSION}; move it away or choose another '
                       f'--work-dir')
    if found != suite.name:
        raise RunError(f'{work_dir} belongs to the suite {found}, not {suite.name}; choose another --work-dir')
    return state


@contextlib.contextmanager
def _alone_in(work_dir: Path) -> Iterator[None]:
    """Keep a second process from training the same runs at the same time."""
    work_dir.mkdir(parents=True, exist_ok=True)
    with open(work_dir / '.lock', 'wb') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(f'another process is running a benchmark in {work_dir}; wait for it or choose another '
                           f'--work-dir') from None
        yield


@contextlib.contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Let the end of a terminal or of a batch job stop the children as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _short(path: Path) -> str:
    """Write a path relative to the current folder where it lies below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())
