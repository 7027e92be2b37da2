"""How long runs will take on this machine, from trials of them."""
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from lhl.apis.benchmark.plan import BenchmarkRun
from lhl.engine.plan import Stream
from lhl.engine.plan.data import check_data
from lhl.errors import FOREIGN, LHLError

from .trial import PhaseCost, amounts, measure, now, quiet

#: Seconds of work after which no further trial begins: what was not tried costs as much more than its reference as
#: others do.
BUDGET = 180.0
#: The range that is given, as factors.
LEAST, MOST = 0.7, 1.5


class Estimate(NamedTuple):
    """How long runs take, and from what that follows."""

    seconds: float  #: of all, one after the other
    tried: int  #: trials
    kinds: int  #: different configs
    refused: dict[str, str]  #: why runs will be refused, by their label


class Trials:
    """Tries configs, each once, and keeps what they cost.

    Args:
        threads: Of each run.
        stream_of: Gives the stream of a run.
    """

    def __init__(self, threads: int, stream_of: Callable[[BenchmarkRun], Stream]) -> None:
        self.threads, self.stream_of = threads, stream_of
        self.costs: dict[tuple, list[PhaseCost] | None] = {}
        self.refused: dict[str, str] = {}
        self.begun = now()

    def estimate(self, needed: Sequence[BenchmarkRun], runs: Sequence[BenchmarkRun], start: float) -> Estimate:
        """Estimate how long runs take, those first that others start from.

        Args:
            needed: Which others start from.
            runs: The runs that are left.
            start: Seconds from the start of the command to the first phase.

        Raises:
            DataError: If the data are not there.
        """
        with tempfile.TemporaryDirectory() as folder:
            teachers = {run.folder.name: Path(folder, f'needed{number}') for number, run in enumerate(needed)}
            for run in needed:
                self._try(run, teachers[run.folder.name], {})
            order = sorted(runs, key=lambda run: run.reference is not None)
            for number, run in enumerate(order):
                self._try(run, Path(folder, str(number)), teachers)
        references = {run.group: run for run in order if run.reference is None}
        seconds = {run: self._seconds(run, self.costs[_key(run)]) for run in (*needed, *runs)
                   if self.costs[_key(run)] is not None}
        ratios = [value / seconds[references[run.group]] for run, value in seconds.items()
                  if run.reference is not None and references.get(run.group) in seconds]
        typical = fmean(ratios) if ratios else 1.0
        total = 0.0
        for run in (*needed, *runs):
            base = seconds.get(references.get(run.group, run), fmean(seconds.values()) if seconds else 0.0)
            total += start + seconds.get(run, typical * base)
        tried = [cost for cost in self.costs.values() if cost is not None]
        return Estimate(total, len(tried), len(self.costs), self.refused)

    def _try(self, run: BenchmarkRun, folder: Path, teachers: dict[str, Path]) -> None:
        """Measure what a config costs, unless that is known, it will be refused, or there is no time left for it."""
        key = _key(run)
        if key in self.costs:
            return
        self.costs[key] = None
        stream = self.stream_of(run)
        try:
            with quiet():
                check_data(stream)
        except LHLError as error:
            self.refused[run.label] = '; '.join(error.problems)
            return
        if any(self.costs.values()) and now() - self.begun > BUDGET:
            return
        teacher = Path(stream.cfg.method.get('teacher') or '').name
        if teacher in teachers:
            stream.cfg.method.teacher = str(teachers[teacher])
            stream = Stream.from_config(stream.cfg)
        try:
            with quiet():
                self.costs[key] = measure(stream, self.threads, folder)
        except (LHLError, *FOREIGN):
            pass  # it fails in itself; the others are estimated

    def _seconds(self, run: BenchmarkRun, costs: Sequence[PhaseCost] | None) -> float:
        """Give the seconds that a run has left: a first phase that another trained is only scored."""
        finished = len(run.results.phases) if run.results is not None and run.results.config_hash == run.hash else 0
        left = list(zip(costs or [], amounts(self.stream_of(run)), strict=True))[finished:]
        return sum(cost.of(amount, bool(index or finished or not run.reusable))
                   for index, (cost, amount) in enumerate(left))


def _key(run: BenchmarkRun) -> tuple:
    return run.member.config, run.member.options


def start_up(run: BenchmarkRun, options: Sequence[str], trainer: Sequence[str], threads: int) -> float:
    """Time how long a command works to the first phase of a run, which it does not begin."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [run.member.config, '--work-dir', folder, '--until', '0']
        changes = [*run.member.options, *options]
        before = work_of_children()
        subprocess.run([*trainer, *arguments, *(['--cfg-options', *changes] if changes else [])],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                       env={**os.environ, 'OMP_NUM_THREADS': str(threads)})
        return work_of_children() - before


def work_of_children() -> float:
    """Give the seconds that ended children, and theirs, have worked on a processor; 0 on a system that does not tell.

    A child that waits for another process, a disk or a GPU does not work.
    """
    times = os.times()
    return times.children_user + times.children_system
