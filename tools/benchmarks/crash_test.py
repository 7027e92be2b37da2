"""Kill runs of every method at random moments, resume them, and compare what they end with.

Each run learns a tiny stream of random images, from the method's shipped config, and is ended as by a power cut: by
SIGKILL at a random event of a chosen place (inside a write, between phases, in a validation, in what a method does at
the beginning or end of a phase, in the training), or at a random moment of its processor time, by the system's timer.
One in three is killed once more while it is resumed. HAD is also learned with two workers that load its images, and by
two processes, of which the first is killed. What it ends with has to be what the undisturbed run ended with:
weights, method's state and metrics of every phase, to the bit, and no other file.

    python tools/benchmarks/crash_test.py --kills 200

The same seed draws the same places. Counts are printed, and written to OUT/crash_test.json. The exit status is 1 if a
run did not end as it should; its folder is kept. An interrupted command continues when it is run again.
"""
import argparse
import contextlib
import importlib
import json
import mmap
import os
import random
import resource
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from crash_laboratory import PLACES, Ending, Laboratory

#: A moment that is drawn by time, and may be at any place.
ANY = 'any time'
KILLED = (-signal.SIGKILL, -signal.SIGPROF)


class Kill(NamedTuple):
    """A run that was killed.

    Attributes:
        method: Of its config.
        drawn: The place that was drawn, or any time.
        places: Where it was killed: once or twice.
        problem: In what it ended otherwise than it should; empty if in nothing.
    """
    method: str
    drawn: str
    places: tuple[str, ...]
    problem: str


def kill_and_resume(laboratory: Laboratory, name: str, drawn: str, counts: dict[str, int], seconds: float, number: int,
                    generator: random.Random) -> Kill:
    """Kill a run at a random moment, once or twice, resume it and compare."""
    run, places = laboratory.runs / f'{name}_{number}', []

    def kill(place: str, part: float) -> Ending:
        target = None if place == ANY else (place, 1 + int(part * counts[place]))

        def aim() -> None:
            laboratory.moments.target = target
        return laboratory.learn(name, run, aim, 0.0 if target else part * seconds)

    shutil.rmtree(run, ignore_errors=True)
    part, ending = generator.random(), Ending(0, '', 0.0)
    while not ending.status:  # it may be quicker, or less may happen, than when that was counted
        shutil.rmtree(run, ignore_errors=True)
        ending = kill(drawn, part)
        part *= 0.8
    for times in range(1 + (generator.random() < 1 / 3)):
        if times:
            ending = kill(ANY, generator.random())
        if ending.status in KILLED:
            places.append(ending.place)
        elif ending.status:
            return Kill(name, drawn, tuple(places), f'failed with {ending.status}; see {run}.log')
    if laboratory.learn(name, run).status:
        return Kill(name, drawn, tuple(places), f'could not be resumed; see {run}.log')
    problem = laboratory.difference(name, run)
    if not problem:
        shutil.rmtree(run)
        Path(f'{run}.log').unlink()
    return Kill(name, drawn, tuple(places), problem)


def share_of_work(laboratory: Laboratory, names: Sequence[str], per_method: dict[str, list[str]], seed: int) -> None:
    """Do the kills of some methods, and write down a line for each."""
    for name in names:
        counts, seconds = laboratory.undisturbed(name)
        with open(laboratory.folder / f'{name}.jsonl', 'a+') as file:
            file.seek(0)
            done = len(file.readlines())
            for number, place in list(enumerate(per_method[name]))[done:]:
                kill = kill_and_resume(laboratory, name, place, counts, seconds, number,
                                       random.Random(f'{seed} {name} {number}'))
                file.write(json.dumps(kill._asdict()) + '\n')
                file.flush()
                if kill.problem:
                    print(f'{name}, killed at {", ".join(kill.places)} ({place}): {kill.problem}', file=sys.stderr)
        print(f'{name}: {len(per_method[name])} runs killed and resumed, of {seconds:.1f} s each', flush=True)


def plan(names: Sequence[str], kills: int, seed: int) -> dict[str, list[str]]:
    """Spread kills over methods, and those of a method over places: each once before one is drawn again."""
    generator = random.Random(seed)
    places = {name: generator.sample((*PLACES, ANY), len(PLACES) + 1) for name in names}
    per_method: dict[str, list[str]] = {name: [] for name in names}
    for number in range(kills):
        name = names[number % len(names)]
        per_method[name].append(places[name][len(per_method[name]) % len(places[name])])
    return per_method


def table(kills: Sequence[Kill]) -> str:
    """Count, for each method and place, the kills."""
    lines = ['| method | runs | ' + ' | '.join(PLACES) + ' | otherwise than undisturbed |',
             '|---|---:|' + '---:|' * (len(PLACES) + 1)]
    for name in [*dict.fromkeys(kill.method for kill in kills), 'all']:
        ours = [kill for kill in kills if name in (kill.method, 'all')]
        at = Counter(place for kill in ours for place in kill.places)
        cells = [len(ours), *(at[place] for place in PLACES), sum(bool(kill.problem) for kill in ours)]
        lines.append(f'| {name} | ' + ' | '.join(map(str, cells)) + ' |')
    return '\n'.join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=200, help='number of runs to kill, in all (default: 200)')
    parser.add_argument('--methods', nargs='+', metavar='NAME', help='only those of these configs, such as had gpm')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--jobs', type=int, default=os.cpu_count(), help='processes at a time (default: one per core)')
    parser.add_argument('--out', default='work_dirs/crash_test', help='folder for the runs and crash_test.json')
    args = parser.parse_args()
    folder = Path(args.out).resolve()
    options = json.dumps([args.kills, args.methods, args.seed])
    if folder.exists() and (folder / 'options.json').read_text() != options:
        parser.error(f'{folder} holds another crash test; remove it, or choose another --out')
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'options.json').write_text(options)
    laboratory = Laboratory(folder)
    laboratory.prepare()
    unknown = set(args.methods or []) - set(laboratory.configs)
    if unknown:
        parser.error(f'found {", ".join(sorted(unknown))}; known: {", ".join(laboratory.configs)}')
    names = args.methods or [name for name in laboratory.configs if name not in laboratory.variants]
    modules = folder / 'modules.json'
    ending = laboratory.learn('joint', folder / 'joint',  # the teacher of another method
                              at_end=lambda: modules.write_text(json.dumps(list(sys.modules))))
    if ending.status:
        parser.error(f'the run of the teacher failed; see {folder}/joint.log')
    for name in json.loads(modules.read_text()):  # what a run imports only when it needs it, a second each time
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    per_method = plan(names, args.kills, args.seed)
    workers = []
    for number in range(args.jobs):
        worker = os.fork()
        if not worker:
            status = 1
            try:
                laboratory.moments.place = mmap.mmap(-1, 1)
                share_of_work(laboratory, names[number::args.jobs], per_method, args.seed)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(status)
        workers.append(worker)
    failed = [os.waitpid(worker, 0)[1] for worker in workers]
    files = [folder / f'{name}.jsonl' for name in names]
    kills = [Kill(**json.loads(line)) for path in files if path.exists() for line in path.read_text().splitlines()]
    used = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    document = dict(seed=args.seed, processor_seconds=used, kills=[kill._asdict() for kill in kills])
    (folder / 'crash_test.json').write_text(json.dumps(document, indent=1) + '\n')
    total = sum(len(kill.places) for kill in kills)
    print(f'\n{table(kills)}\n\n{total} kills of {len(kills)} runs, with {used:.0f} s of the processor; '
          f'{sum(bool(kill.problem) for kill in kills)} runs ended otherwise than undisturbed')
    return int(any(failed) or any(kill.problem for kill in kills))


if __name__ == '__main__':
    sys.exit(main())
