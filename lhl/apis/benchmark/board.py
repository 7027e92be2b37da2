"""The files that tell how a suite stands: its leaderboard as text, numbers and picture, and where it was computed."""
import contextlib
import os
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from lhl.apis.compare import compare_runs
from lhl.atomic import atomic_write
from lhl.environment import installed_versions
from lhl.errors import LHLError
from lhl.progress.status import duration
from lhl.visualization import (
    Contestant,
    comparison_table,
    differences_table,
    draw_leaderboard,
    leaderboard_csv,
    leaderboard_table,
)
from lhl.visualization.ranking import Role, shared_seeds

from .plan import BenchmarkRun, plan_benchmark
from .state import read_state, write_state
from .suites import Group, Member, Suite


class Leaderboard:
    """Keeps the files of the work_dir that tell how the suite stands.

    Args:
        suite: The suite.
        work_dir: Where everything is kept.
        runs: The runs that are asked for now; those of other members and seeds are looked up.
        seeds: Their seeds.
        options: Changes of every config.
    """

    def __init__(self, suite: Suite, work_dir: Path, runs: Sequence[BenchmarkRun], seeds: Sequence[int],
                 options: Sequence[str]) -> None:
        self.suite, self.work_dir, self.runs = suite, work_dir, runs
        self.others = _other_runs(suite, work_dir, runs, seeds, options)
        self.state = read_state(work_dir, suite)
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
        write_state(self.state, self.work_dir)
        runs = [*self.runs, *self.others]
        board = {}
        text = [f'# {self.suite.name}', f'{self.suite.description[0].upper()}{self.suite.description[1:]}.',
                '![leaderboard](leaderboard.png)']
        for group in self.suite.groups:
            text += [f'## {group.name}'] if group.name else []
            try:
                contestants = _contestants(group, runs)
                differences = differences_table(contestants)
                text += [leaderboard_table(contestants), *[differences] * bool(differences),
                         *_metrics_table(group, runs)]
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
        for group in self.suite.groups:
            contestants = _contestants(group, runs)
            waiting = {seed for each in contestants for seed in each.runs} - shared_seeds(contestants)
            parts += [f'- not in the ranking{f" of {group.name}" if group.name else ""}, as not all have finished it: '
                      f'seed {seed}' for seed in sorted(waiting)]
        versions = _versions(runs)
        mixed = [text for text in versions if ' and ' in text]
        if mixed:
            parts.append(f'- trained with different versions, which may differ, too: {", ".join(mixed)}')
        is_console_command = Path(sys.argv[0]).stem in ('lhl', '__main__')
        program = ['lhl'] if is_console_command else [Path(sys.executable).name, sys.argv[0]]
        command = shlex.join([*program, *sys.argv[1:]])
        return '\n'.join([
            *(parts or ['- all runs are finished']), '', '| | |', '| --- | --- |', f'| command | `{command}` |',
            f'| machine of the last call | {machine()} |', f'| python of the last call | {platform.python_version()} |',
            f'| versions that trained | {", ".join(versions)} |',
            f'| wall time | {duration(self.state["wall_seconds"])} |'])


def _versions(runs: Sequence[BenchmarkRun]) -> list[str]:
    """List the versions of all packages that trained the runs, or would train them where there is no result yet."""
    trained = [run.results.versions for run in runs if run.results is not None] or [installed_versions()]
    found = {name: sorted({versions[name] for versions in trained if name in versions})
             for name in dict.fromkeys(name for versions in trained for name in versions)}
    return [f'{name} {" and ".join(versions)}' for name, versions in found.items()]


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
                                           and run.member == member and run.finished and run.results is not None})
            for member, role in roles.items()]


def _metrics_table(group: Group, runs: Sequence[BenchmarkRun]) -> list[str]:
    """Set the metrics of the runs that have a reference below each other, if there are any."""
    compared = [run for run in runs if run.group == group and run.finished
                and (run.reference is None or run.reference.finished)]
    if not compared:
        return []
    references = [run.folder for run in compared if run.reference is None]
    separate = [run.folder for run in compared if run.member.name == 'single_task']
    comparison = compare_runs([run.folder for run in compared], references,
                              separate if len(separate) == len(references) else None,
                              names={run.folder: run.member.name for run in compared})
    comparison.with_improvement = False  # the leaderboard has it, over the mean of the reference
    return [comparison_table(comparison)]


def machine() -> str:
    """Describe the GPUs, or the processor of a machine without one."""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return ', '.join(f'{names.count(name)} x {name}' for name in dict.fromkeys(names))
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        model = next(line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return f'{model}, {os.cpu_count()} cores'


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())
