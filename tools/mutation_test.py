"""Measure whether the tests notice bugs: put small ones into copies of the project, one at a time, and run the tests.

A mutant (see ``tools/mutants.py``) meets the tests that mirror its file: ``lhl/losses/pod.py`` those of
``tests/test_losses/test_pod.py``, or, where that file does not exist, those of the nearest folder. It is killed when a
test fails or does not end; one that survives is a claim that no test makes. The same seed chooses the same mutants.

    python tools/mutation_test.py --modules lhl/engine lhl/apis --count 60

The working tree is only read. Mutants that change nothing are listed in ``tools/mutation_equivalents.toml``, each with
its reason, and are not chosen.
"""
import argparse
import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from mutants import Mutant, find_mutants

ROOT = Path(__file__).resolve().parents[1]
EQUIVALENTS = 'tools/mutation_equivalents.toml'
#: The time that tests may take beyond four times what they take without a bug, as they may have to share the machine.
GRACE_SECONDS = 30
_NOT_COPIED = shutil.ignore_patterns(
    '.git', '.venv', '.hypothesis', '.*_cache', '__pycache__', '*.egg-info', 'build', 'dist', 'data', 'work_dirs')
_PYTEST = ('-m', 'pytest', '-q', '-x', '-m', 'not slow', '-p', 'no:cacheprovider', '--no-header', '--tb=no',
           '-o', 'tmp_path_retention_policy=none')


class Outcome(NamedTuple):
    """What became of a mutant.

    Attributes:
        mutant: The bug.
        verdict: ``'killed'``, ``'timeout'`` (which counts as killed) or ``'survived'``.
        seconds: How long its tests ran.
    """
    mutant: Mutant
    verdict: str
    seconds: float


class Workshop:
    """Copies of a project in which bugs may be made, one for each process that runs at a time."""

    def __init__(self, root: Path, folder: Path, jobs: int):
        self.processes: set[subprocess.Popen] = set()
        self._free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(jobs):
            copy = folder / f'copy{number}' / root.name
            shutil.copytree(root, copy, ignore=_NOT_COPIED, symlinks=True)
            (copy.parent / 'tmp').mkdir()
            self._free.put(copy)

    def run_tests(self, tests: str, timeout: float, mutant: Mutant | None = None) -> tuple[str, float]:
        """Run tests in a free copy, with a bug or without.

        Args:
            tests: A file or folder, relative to the root.
            timeout: After how many seconds they are stopped.
            mutant: The bug; None for the code as it is.

        Returns:
            The verdict, see :class:`Outcome`, and the seconds that it took.
        """
        copy = self._free.get()
        original = (copy / mutant.file).read_bytes() if mutant else b''
        started = time.monotonic()
        try:
            if mutant:
                self._write(copy / mutant.file, mutant.apply(original))
            return self._pytest(copy, tests, timeout), time.monotonic() - started
        finally:
            if mutant:
                self._write(copy / mutant.file, original)
            self._free.put(copy)

    @staticmethod
    def _write(path: Path, source: bytes) -> None:
        path.write_bytes(source)
        for compiled in path.parent.glob(f'__pycache__/{path.stem}.*'):  # valid for a second of the clock, at worst
            compiled.unlink()

    def _pytest(self, copy: Path, tests: str, timeout: float) -> str:
        # What a bug writes or removes by mistake is most likely below the folder for temporary files.
        environment = {**os.environ, 'PYTHONPATH': str(copy), 'TMPDIR': str(copy.parent / 'tmp'),
                       'OMP_NUM_THREADS': '1'}
        process = subprocess.Popen([sys.executable, *_PYTEST, tests], cwd=copy, env=environment, start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.add(process)
        try:
            return 'survived' if process.wait(timeout) == 0 else 'killed'
        except subprocess.TimeoutExpired:
            return 'timeout'
        finally:
            self.stop(process)

    def stop(self, process: subprocess.Popen) -> None:
        """End the tests and whatever they have started."""
        self.processes.discard(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tests_of(file: str, root: Path) -> str:
    """Name the tests that mirror a source file: a test file, or the nearest folder of tests.

    Args:
        file: The source file, relative to the root.
        root: The root of the project, whose tests are in ``tests``.
    """
    parts = Path(file).with_suffix('').parts[1:]
    mirrored = ['tests', *(f'test_{part}' for part in parts if part != '__init__')]
    while len(mirrored) > 1:
        path = '/'.join(mirrored)
        for candidate in (f'{path}.py', path):
            if (root / candidate).exists():
                return candidate
        mirrored.pop()
    return 'tests'


def room_of(file: str) -> str:
    """The folder of the package that a file belongs to: ``lhl/losses/pod.py`` to ``lhl/losses``."""
    return '/'.join(Path(file).parts[:-1][:2])


def all_mutants(root: Path, modules: Iterable[str]) -> list[Mutant]:
    """List the mutants of some files or folders, without those that are known to change nothing.

    Raises:
        SystemExit: If a module does not exist, or a listed equivalent does not exist any more.
    """
    files = set()
    for module in modules:
        path = root / module
        if not path.exists():
            raise SystemExit(f'{module} does not exist below {root}; give files or folders such as lhl/losses')
        files.update(path.rglob('*.py') if path.is_dir() else [path])
    found = [mutant for path in sorted(files)
             for mutant in find_mutants(path.relative_to(root).as_posix(), path.read_bytes())]
    names = {path.relative_to(root).as_posix() for path in files}
    return _without_equivalents(found, root / EQUIVALENTS, names)


def _without_equivalents(mutants: list[Mutant], listed: Path, files: Collection[str]) -> list[Mutant]:
    entries = tomllib.loads(listed.read_text())['equivalent'] if listed.exists() else []
    equivalents = {(entry['file'], entry['line'], entry['was'], entry['becomes']) for entry in entries}
    keys = [(mutant.file, mutant.text, mutant.was, mutant.becomes) for mutant in mutants]
    for entry in equivalents.difference(keys):
        if entry[0] in files or not (listed.parents[1] / entry[0]).exists():
            raise SystemExit(f'{listed.name} lists {" | ".join(entry)}, but there is no such mutant; remove the entry')
    return [mutant for mutant, key in zip(mutants, keys, strict=True) if key not in equivalents]


def sample(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """Choose mutants at random, as far as there are any equally many of each room and of each kind of bug in it.

    Args:
        mutants: All of them.
        count: How many to choose.
        seed: The same seed chooses the same ones.
    """
    rooms: dict[str, dict[str, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in mutants:
        rooms[room_of(mutant.file)][mutant.rule].append(mutant)
    generator = random.Random(seed)
    orders = [_in_turn(kinds, generator) for kinds in rooms.values()]
    in_turn = [mutant for round_ in zip_longest(*orders) for mutant in round_ if mutant]
    return in_turn[:count]


def _in_turn(kinds: Mapping[str, list[Mutant]], generator: random.Random) -> list[Mutant]:
    """Order the mutants of a room at random so that the kinds of bugs take turns."""
    shuffled = [generator.sample(members, len(members)) for members in kinds.values()]
    generator.shuffle(shuffled)
    return [mutant for round_ in zip_longest(*shuffled) for mutant in round_ if mutant]


def run(root: Path, modules: Iterable[str], count: int, seed: int, jobs: int = 2) -> list[Outcome]:
    """Make mutants and run their tests, several at a time, and print each verdict.

    Args:
        root: The root of the project, which is copied.
        modules: The files or folders to make bugs in, relative to the root.
        count: How many bugs to make.
        seed: Chooses them.
        jobs: How many run at a time, each in a copy of its own.

    Returns:
        What became of each, but for those whose tests fail without any bug, which are named.
    """
    chosen = sample(all_mutants(root, modules), count, seed)
    with tempfile.TemporaryDirectory(prefix='mutation_') as folder, ThreadPoolExecutor(jobs) as pool:
        workshop = Workshop(root, Path(folder), jobs)
        try:
            return _run(chosen, workshop, pool, root)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(workshop.processes):
                workshop.stop(process)
            raise


def _run(chosen: list[Mutant], workshop: Workshop, pool: ThreadPoolExecutor, root: Path) -> list[Outcome]:
    selections = sorted({tests_of(mutant.file, root) for mutant in chosen})
    print(f'{len(chosen)} mutants; first their tests without any bug: {len(selections)} files or folders', flush=True)
    seconds = {}
    for tests, (verdict, taken) in zip(selections, pool.map(
            lambda tests: workshop.run_tests(tests, timeout=1800), selections), strict=True):
        if verdict == 'survived':
            seconds[tests] = taken
        else:
            print(f'{tests} fails without any bug (or holds no test), so its mutants are left out; '
                  f'run "python -m pytest {tests}" and fix it', flush=True)
    chosen = [mutant for mutant in chosen if tests_of(mutant.file, root) in seconds]
    started = time.monotonic()
    futures = {pool.submit(workshop.run_tests, tests, GRACE_SECONDS + 4 * seconds[tests], mutant): mutant
               for mutant in chosen for tests in [tests_of(mutant.file, root)]}
    outcomes = []
    for done, future in enumerate(as_completed(futures), start=1):
        outcomes.append(Outcome(futures[future], *future.result()))
        left = (time.monotonic() - started) / done * (len(chosen) - done)
        print(f'[{done}/{len(chosen)}, {left / 60:.0f} min left] {outcomes[-1].verdict:8}  {outcomes[-1].mutant}',
              flush=True)
    return sorted(outcomes, key=lambda outcome: (outcome.mutant.file, outcome.mutant.start, outcome.mutant.becomes))


def score_table(outcomes: Iterable[Outcome]) -> str:
    """Write as Markdown how many were killed in each room, and which survived."""
    rooms = defaultdict(list)
    for outcome in outcomes:
        rooms[room_of(outcome.mutant.file)].append(outcome.verdict != 'survived')
        rooms['**all**'].append(outcome.verdict != 'survived')
    rooms['**all**'] = rooms.pop('**all**', [])  # the last line
    lines = ['| room | mutants | killed | score |', '|---|---|---|---|']
    lines += [f'| {room} | {len(killed)} | {sum(killed)} | {sum(killed) / len(killed):.0%} |'
              for room, killed in rooms.items() if killed]
    lines += ['', *(f'- {outcome.mutant.file}:{outcome.mutant.line}, {outcome.mutant.rule}: '
                    f'`{outcome.mutant.was}` -> `{outcome.mutant.becomes}`'
                    for outcome in outcomes if outcome.verdict == 'survived')]
    return '\n'.join(lines).rstrip() + '\n'


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, run the mutants and write ``mutation.json`` and ``mutation.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--modules', nargs='+', default=['lhl'], help='files or folders to make bugs in')
    parser.add_argument('--count', type=int, default=60, help='how many bugs to make')
    parser.add_argument('--seed', type=int, default=0, help='chooses the bugs')
    parser.add_argument('--jobs', type=int, default=2, help='how many run at a time')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/mutation'), help='the folder for the results')
    args = parser.parse_args(arguments)
    outcomes = run(ROOT, args.modules, args.count, args.seed, args.jobs)
    table = score_table(outcomes)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / 'mutation.md').write_text(table)
    (args.out / 'mutation.json').write_text(json.dumps(dict(
        seed=args.seed, modules=args.modules,
        outcomes=[dict(outcome.mutant._asdict(), verdict=outcome.verdict, seconds=round(outcome.seconds, 1))
                  for outcome in outcomes]), indent=1))
    print(f'\n{table}\nwritten to {args.out}/mutation.json and mutation.md')


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped'))  # takes the children along, as an interrupt does
    main()
