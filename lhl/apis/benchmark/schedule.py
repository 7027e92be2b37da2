"""Trains the runs of a suite in processes of their own: several at once, each with its share of the machine."""
import contextlib
import math
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import torch

from lhl.atomic import writing
from lhl.engine.runtime.orphans import PARENT
from lhl.errors import ConfigError, RunError
from lhl.lock import only_writer
from lhl.progress.status import duration

from .board import Leaderboard
from .plan import BenchmarkRun, find_suite, find_work_dir, needed_runs, plan_benchmark, training_arguments
from .suites import Suite

#: ``lhl train``, whose page a leaderboard takes the place of; -P keeps Python from importing what lies in the current
#: folder.
TRAINER = (sys.executable, '-P', '-m', 'lhl', 'train', '--no-page')
#: How long a child may take to end after Ctrl-C before it is killed, and how often children are looked after.
_GRACE, _POLL = 20.0, 0.05
#: What stops it; SIGHUP exists on POSIX systems alone.
_SIGNALS = [getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name)]


def run_benchmark(suite: str | Suite, seeds: Sequence[int], work_dir: str | Path | None = None, jobs: int = 1,
                  only: Sequence[str] = (), options: Sequence[str] = (), trainer: Sequence[str] = TRAINER,
                  report: Callable[[str], None] = print, threads: int = 1) -> list[BenchmarkRun]:
    """Train what is not trained yet of a suite, and write its leaderboard after every run.

    A finished run is skipped and an interrupted one resumed. A run that fails is reported and left behind. The
    reference is trained before the other members of its group. A first phase that has been trained is taken over by
    the later runs that would train it alike. What the suite needs is trained before anything else.

    Args:
        suite: The suite or its name.
        seeds: The seeds to train every member with.
        work_dir: Where everything is kept; by default ``work_dirs/benchmark/SUITE``.
        jobs: How many runs are trained at once. They share the processor, or get a GPU each.
        only: The members to train, as ``member`` or ``group/member``; by default all. References are always trained.
        options: Changes of every config, written as for ``--cfg-options``.
        trainer: The command that trains, to which the arguments of ``lhl train`` are added.
        report: Is called with one line per finished run, and a few others.
        threads: How many threads a run has; the same number gives the same weights.

    Returns:
        The runs; those with an ``error`` failed.

    Raises:
        ConfigError: If the suite, a member, a seed, the number of jobs, that of threads or an option is impossible.
        RunError: If the work_dir belongs to another suite, another process works in it, or what the suite needs could
            not be trained.
        KeyboardInterrupt: If Ctrl-C or a signal stopped it, after all children were stopped.
    """
    runs = plan_benchmark(suite, seeds, work_dir, only, options)
    if jobs < 1:
        raise ConfigError(f'found {jobs} jobs, expected at least 1')
    if threads < 1:
        raise ConfigError(f'found {threads} threads, expected at least 1')
    suite, work_dir = find_suite(suite), find_work_dir(suite, work_dir)
    with only_writer(work_dir), _signals_as_interrupt():
        board = Leaderboard(suite, work_dir, runs, seeds, options)
        report(_summary(suite, runs, jobs, work_dir))
        board.write()
        try:
            if not all(run.finished or run.error for run in runs):
                _train_needed(suite, trainer, board, report, threads)
            _Schedule(runs, jobs, options, trainer, board, report, threads).run()
        finally:
            board.write()
    failed = [run for run in runs if run.error]
    report(f'leaderboard: {work_dir / "leaderboard.md"}')
    if failed:
        report(f'{len(failed)} of {len(runs)} runs failed: {", ".join(run.name for run in failed)}')
    return runs


def _train_needed(suite: Suite, trainer: Sequence[str], board: Leaderboard, report: Callable[[str], None],
                  threads: int) -> None:
    """Train what the runs of a suite start from, unless it is there."""
    needed = [run for run in needed_runs(suite) if not run.finished]
    if needed:
        report(f'{suite.name} starts from {", ".join(str(run.folder) for run in needed)}, trained first')
        _Schedule(needed, 1, (), trainer, board, report, threads).run()
    for run in needed:
        if run.error:
            raise RunError(f'{suite.name} starts from {run.folder}, whose training failed: {run.error}')


def _summary(suite: Suite, runs: Sequence[BenchmarkRun], jobs: int, work_dir: Path) -> str:
    done = sum(run.finished for run in runs)
    failed = sum(bool(run.error) for run in runs)
    resumed = sum(run.results is not None and not run.finished and not run.error for run in runs)
    counts = [f'{done} finished', f'{resumed} to resume', f'{len(runs) - done - resumed - failed} to start']
    return f'{suite.name}: {len(runs)} runs ({", ".join(counts)}), {jobs} at a time, in {work_dir}'


class _Schedule:
    """Trains runs, several at once, and outlives every one of them."""

    def __init__(self, runs: Sequence[BenchmarkRun], jobs: int, options: Sequence[str], trainer: Sequence[str],
                 board: Leaderboard, report: Callable[[str], None], threads: int) -> None:
        self.runs, self.options, self.trainer, self.board, self.report = runs, options, trainer, board, report
        self.jobs, self.threads = jobs, threads
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
            self.children[run] = _Child(run, [*self.trainer, *training_arguments(run, self.options)], self.free.pop(0),
                                        self.jobs, self.threads)

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

    def __init__(self, run: BenchmarkRun, command: Sequence[str], slot: int, jobs: int, threads: int) -> None:
        self.slot = slot
        self.started = time.monotonic()
        with writing(run.log, names=False):
            run.log.parent.mkdir(parents=True, exist_ok=True)
            self.log = open(run.log, 'a+b')  # noqa: SIM115, it is open as long as the process runs
            self.log.write(f'$ {shlex.join(command)}\n'.encode())
            self.log.flush()
        self.offset = self.log.tell()
        # A session of its own keeps Ctrl-C from reaching it unasked, and lets its workers be stopped with it.
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        env={**os.environ, **_share(slot, jobs, threads), PARENT: str(os.getpid())},
                                        start_new_session=True)

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


def _share(slot: int, jobs: int, threads: int) -> dict[str, str]:
    """Give a job its part of the machine: its threads, and one GPU where there are any."""
    share = {'OMP_NUM_THREADS': str(threads)}
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


@contextlib.contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Let the end of a terminal or of a batch job stop the children as Ctrl-C does.

    An interrupt does so even where it was ignored, as in a background job of a script: the children would inherit that
    and could not be stopped gently.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
