"""Trains what a table needs, in parts that can be resumed, and sets the printed rows beside the results."""
import contextlib
import copy
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lhl.apis.benchmark import describe_plan, needed_runs, plan_benchmark, run_benchmark
from lhl.apis.benchmark.plan import BenchmarkRun
from lhl.apis.benchmark.schedule import TRAINER
from lhl.apis.benchmark.suites import Member, Suite
from lhl.apis.compare import compare_runs
from lhl.atomic import atomic_write
from lhl.config_files import merge_options, parse_options, read_config
from lhl.engine.plan import Stream
from lhl.errors import FOREIGN, DataError, LHLError
from lhl.evaluation import published_table
from lhl.evaluation.published import PublishedTable
from lhl.progress.status import duration
from lhl.visualization.published_table import (
    BesidePublished,
    beside_published,
    is_averaged,
    published_csv,
    published_markdown,
)

from .data import missing_data, needed_data
from .estimate import LEAST, MOST, Trials, start_up, work_of_children
from .paper_rows import Table, find_table, printed_members, row_of


@dataclass
class Reproduction:
    """What is trained for a table, and how far it is.

    Args:
        table: The table.
        suite: Its members that are asked for.
        whole: All of its members.
        work_dir: Where everything is kept.
        seeds: The seeds.
        options: Changes of every config.
        runs: The runs, in the order in which they are trained.
        threads: How many threads each has.
    """

    table: Table
    suite: Suite
    whole: Suite
    work_dir: Path
    seeds: Sequence[int]
    options: Sequence[str]
    runs: list[BenchmarkRun]
    threads: int = 1


def plan_reproduction(name: str, seeds: Sequence[int], work_dir: str | Path | None = None, only: Sequence[str] = (),
                      options: Sequence[str] = (), threads: int = 1) -> Reproduction:
    """Look up what a table needs.

    Args:
        name: Of the table.
        seeds: As for :func:`~lhl.apis.run_benchmark`, like the others.
        work_dir: By default ``work_dirs/reproduce/NAME``.
        only: The members; by default those with a printed row.
        options: The options.
        threads: The threads of each run.

    Raises:
        ConfigError: If the table, a member, a seed or an option is impossible.
        RunError: If the work_dir belongs to something else.
    """
    table = find_table(name)
    work_dir = Path(work_dir) if work_dir is not None else Path('work_dirs/reproduce', name)
    whole = Suite(name, f'what {name} of the paper compares', tuple(part.group for part in table.parts), table.needs)
    if options and table.needs:
        whole = _with_own_teachers(whole, work_dir / 'needs', options)
    if not only:
        only = [f'{part.group.name}/{member.name}' if part.group.name else member.name
                for part in table.parts for member in printed_members(part)]
    runs = plan_benchmark(whole, seeds, work_dir, only, options)
    chosen = {(run.group.name, run.member.name) for run in runs}
    groups = tuple(replace(group, members=tuple(member for member in group.members
                                                if (group.name, member.name) in chosen),
                           upper_bounds=tuple(member for member in group.upper_bounds
                                              if (group.name, member.name) in chosen))
                   for group in whole.groups if any(group.name == of for of, _ in chosen))
    needs = tuple(member for member in whole.needs if any(member.name in str(_teacher(run.member)) for run in runs))
    suite = replace(whole, groups=groups, needs=needs)
    return Reproduction(table, suite, whole, work_dir, seeds, options,
                        plan_benchmark(suite, seeds, work_dir, (), options), threads)


def _with_own_teachers(suite: Suite, folder: Path, options: Sequence[str]) -> Suite:
    """Let a suite start from runs with other options, which lie apart from those of the configs as they are."""
    def changed(member: Member) -> Member:
        teacher = _teacher(member)
        return member if teacher is None else replace(member, options=(
            *member.options, f'method.teacher={folder / Path(teacher).name}'))

    groups = tuple(replace(group, reference=changed(group.reference), members=tuple(map(changed, group.members)))
                   for group in suite.groups)
    needs = tuple(replace(member, options=(*member.options, *options)) for member in suite.needs)
    return replace(suite, groups=groups, needs=needs, needs_dir=str(folder))


def _teacher(member: Member) -> str | None:
    """Give the run that a member's config learns from."""
    return (read_config(member.config).get('method') or {}).get('teacher')


def describe(plan: Reproduction) -> str:
    """Say which data, runs and seeds a table needs, and about how long they will take on this machine."""
    lines = [f'{plan.table.name}: {published_table(part.published).table}, {published_table(part.published).paper}'
             for part in plan.table.parts if part.group.name in {group.name for group in plan.suite.groups}]
    data: dict[str, None] = {}
    missing: dict[str, None] = {}
    for group in plan.suite.groups:
        stream = _stream(plan, next(run for run in plan.runs if run.group == group))
        data.update(dict.fromkeys(needed_data(stream.cfg)))
        missing.update(dict.fromkeys(missing_data(stream)))
    lines += ['', 'data:', *(f'  {line}' for line in data), *(f'  missing: {line}' for line in missing)]
    needed = [run for run in needed_runs(plan.suite) if not run.finished]
    lines += ['', 'trained first, with seed 0:', describe_plan(needed)] if needed else []
    lines += ['', f'runs, with the seeds {", ".join(map(str, plan.seeds))}:', describe_plan(plan.runs, plan.options)]
    lines += ['', 'the time cannot be estimated before the data are there' if missing else estimate(plan)[1]]
    return '\n'.join(lines)


def estimate(plan: Reproduction, trainer: Sequence[str] = TRAINER) -> tuple[float, str]:
    """Estimate how long the runs that are left take on this machine, one at a time.

    Each config learns its stream from a few of its images; each run counts so many times its iterations, epochs and
    scored batches, and the start of its command.

    Args:
        plan: From :func:`plan_reproduction`.
        trainer: As for :func:`~lhl.apis.run_benchmark`.

    Returns:
        Seconds, and a sentence that says how sure they are.

    Raises:
        DataError: If the data are not there.
    """
    left = [run for run in plan.runs if not run.finished and not run.error]
    if not left:
        return 0.0, 'time: nothing is left to train'
    needed = [run for run in needed_runs(plan.suite) if not run.finished and not run.error]
    trials = Trials(plan.threads, lambda run: _stream(plan, run))
    found = trials.estimate(needed, left, start_up((needed or left)[0], plan.options, trainer, plan.threads))
    return found.seconds, (
        f'time: about {duration(found.seconds)} for {len(needed) + len(left)} runs one after the other on a machine '
        f'that does nothing else and whose loading keeps up, probably between {duration(LEAST * found.seconds)} and '
        f'{duration(MOST * found.seconds)}: {found.tried} of {found.kinds} configs learned a few batches of each '
        f'phase; what is left is said again after each run'
        + ''.join(f'\nwarning: {label} will be refused: {why}' for label, why in found.refused.items()))


def reproduce(plan: Reproduction, jobs: int = 1, trainer: Sequence[str] = TRAINER,
              report: Callable[[str], None] = print) -> list[BenchmarkRun]:
    """Train what is left, and write ``table.md`` and ``table.csv``.

    Args:
        plan: From :func:`plan_reproduction`.
        jobs: How many runs are trained at once.
        trainer: As for :func:`~lhl.apis.run_benchmark`.
        report: Is called with what a person should read.

    Returns:
        The runs; those with an ``error`` failed.

    Raises:
        DataError: If data are missing, before anything is trained.
    """
    missing = dict.fromkeys(sentence for group in plan.suite.groups for sentence in missing_data(
        _stream(plan, next(run for run in plan.runs if run.group == group))))
    if missing:
        raise DataError(*missing, f'{plan.table.name} needs data that are not there; get them first, `dry_run=True` '
                                  f'says where')
    expected, sentence = estimate(plan, trainer)
    report(sentence)
    started, worked = time.monotonic(), work_of_children()
    runs = run_benchmark(plan.suite, plan.seeds, plan.work_dir, jobs, (), plan.options, trainer, report,
                         plan.threads)
    if expected:
        report(outcome(expected, time.monotonic() - started, (work_of_children() - worked) / plan.threads))
    report('')
    report(write_tables(plan, runs))
    return runs


def outcome(expected: float, elapsed: float, worked: float) -> str:
    """Set what runs took beside the estimate, which is of the processor's work, or on a GPU of the time that passes.

    Args:
        expected: The estimate, in seconds.
        elapsed: The seconds that passed.
        worked: The seconds that a processor worked for them, divided by the threads; 0 where that is not known.
    """
    if torch.cuda.is_available() or not worked:
        return f'it took {duration(elapsed)}; the estimate was {duration(expected)}'
    return (f'the runs worked {duration(worked)} on the processor, loading included, and the estimate was '
            f'{duration(expected)} of work; it took {duration(elapsed)}')


def write_tables(plan: Reproduction, runs: Sequence[BenchmarkRun]) -> str:
    """Set what is finished beside the printed rows, in ``table.md`` and ``table.csv`` of the work_dir.

    Members and seeds that an earlier call finished are in them, too.

    Args:
        plan: What was planned.
        runs: Their results.

    Returns:
        The text of ``table.md``.
    """
    text, parts = [f'# {plan.table.name}'], dict[str, list[BesidePublished]]()
    earlier = _earlier_runs(plan, runs)
    for part in plan.table.parts:
        published = published_table(part.published)
        own = [run for run in [*runs, *earlier] if run.group.name == part.group.name]
        done = [run for run in own if run.finished and (run.reference is None or run.reference.finished)]
        if not own:
            continue
        text.append(f'## {published.table}: {published.dataset}, {published.backbone}')
        if not done:
            text.append('No run is finished.')
            continue
        references = [run.folder for run in done if run.reference is None]
        comparison = compare_runs([run.folder for run in done], references, names={
            run.folder: row_of(run.member) for run in done},
            compatibility=published.compatibility, metrics=_compared(published))
        parts[part.published] = beside_published(comparison, published)
        text.append(published_markdown(parts[part.published], comparison, published))
        left_out = [run.name for run in own if run not in done]
        if left_out:
            text.append(f'Not finished: {", ".join(left_out)}.')
    if plan.options:
        text.append(f'Trained with {" ".join(plan.options)}: not what the paper did.')
    for name, content in (('table.md', '\n\n'.join(text) + '\n'), ('table.csv', published_csv(parts))):
        with atomic_write(plan.work_dir / name) as file:
            file.write(content.encode())
    return '\n\n'.join(text)


def _earlier_runs(plan: Reproduction, runs: Sequence[BenchmarkRun]) -> list[BenchmarkRun]:
    """Find the finished runs of members and seeds that are not asked for now."""
    at_hand = {run.folder: run for run in runs}
    names, seeds = set[str](), set[int]()
    for group, member in [(of, each) for of in plan.whole.groups for each in of.all_members]:
        for file in (plan.work_dir / group.name / member.name).glob('seed*/results.json'):
            seed = file.parent.name.removeprefix('seed')
            if seed.isdecimal() and file.parent not in at_hand:
                names.add(f'{group.name}/{member.name}' if group.name else member.name)
                seeds.add(int(seed))
    if not names:
        return []
    earlier = [run for run in plan_benchmark(plan.whole, sorted(seeds), plan.work_dir, sorted(names), plan.options)
               if run.folder not in at_hand and run.finished]
    for run in earlier:
        if run.reference is not None:
            run.reference = at_hand.get(run.reference.folder, run.reference)
    return earlier


def _compared(published: PublishedTable) -> Mapping[str, Collection[str]] | None:
    """Give the metrics of each task that the printed Delta is of; None where accuracies are averaged over tasks."""
    return None if is_averaged(published) else published.higher_is_better


def _stream(plan: Reproduction, run: BenchmarkRun) -> Stream:
    """Resolve the stream of a run; where it fails in itself, without the checks that the run fails by."""
    cfg = copy.deepcopy(read_config(run.member.config))
    merge_options(cfg, parse_options([*run.member.options, *plan.options]))
    cfg.merge_from_dict({'randomness.seed': run.seed})
    with contextlib.suppress(LHLError, *FOREIGN):
        return Stream.from_config(cfg)
    return Stream.from_config(cfg, check=False)
