"""Trains what a table needs, in parts that can be resumed, and sets the printed rows beside what came out."""
import contextlib
import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lhl.apis.benchmark import describe_plan, plan_benchmark, run_benchmark
from lhl.apis.benchmark.plan import BenchmarkRun
from lhl.apis.benchmark.schedule import TRAINER
from lhl.apis.benchmark.suites import Suite
from lhl.apis.compare import compare_runs
from lhl.atomic import atomic_write
from lhl.config_files import merge_options, parse_options, read_config
from lhl.engine.plan import Stream
from lhl.errors import FOREIGN, DataError, LHLError
from lhl.evaluation import published_table
from lhl.progress.status import duration
from lhl.visualization.published_table import BesidePublished, beside_published, published_csv, published_markdown

from .data import missing_data, needed_data
from .estimate import LEAST, MOST, amounts, measure, quiet
from .paper_rows import ROWS, Table, find_table, printed_members


@dataclass
class Reproduction:
    """What is trained for a table, and how far it is.

    Args:
        table: The table.
        suite: Its members that are asked for.
        work_dir: Where everything is kept.
        seeds: The seeds.
        options: Changes of every config.
        runs: The runs, in the order in which they are trained.
        threads: How many threads each has.
    """

    table: Table
    suite: Suite
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
    whole = Suite(name, f'what {name} of the paper compares', tuple(part.group for part in table.parts))
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
    suite = replace(whole, groups=groups)
    return Reproduction(table, suite, work_dir, seeds, options, plan_benchmark(suite, seeds, work_dir, (), options),
                        threads)


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
    lines += ['', f'runs, with the seeds {", ".join(map(str, plan.seeds))}:', describe_plan(plan.runs, plan.options)]
    lines += ['', 'the time cannot be estimated before the data are there' if missing else estimate(plan)[1]]
    return '\n'.join(lines)


def estimate(plan: Reproduction) -> tuple[float, str]:
    """Estimate how long the runs that are left take on this machine, one at a time.

    The first phase of each group's reference is trained for a few steps; each run counts so many times its iterations.

    Returns:
        Seconds, and a sentence that says how sure they are.

    Raises:
        DataError: If the data are not there.
    """
    left = [run for run in plan.runs if not run.finished and not run.error]
    if not left:
        return 0.0, 'time: nothing is left to train'
    seconds, timed = 0.0, 0
    for group in plan.suite.groups:
        own = [run for run in left if run.group == group]
        if not own:
            continue
        with quiet():
            cost = measure(_stream(plan, next(run for run in plan.runs if run.group == group)), plan.threads)
        timed += cost.steps
        for run in own:
            finished = len(run.results.phases) if run.results is not None and run.results.config_hash == run.hash else 0
            seconds += cost.of(*amounts(_stream(plan, run), finished))
    return seconds, (
        f'time: about {duration(seconds)} for {len(left)} runs one after the other on this machine, probably between '
        f'{duration(LEAST * seconds)} and {duration(MOST * seconds)}: {timed} steps of first phases were timed, and '
        f'later phases with a teacher or stored images take longer, as does a machine that others use, too; what is '
        f'left is said again after each run')


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
    expected, sentence = estimate(plan)
    report(sentence)
    started = time.monotonic()
    runs = run_benchmark(plan.suite, plan.seeds, plan.work_dir, jobs, (), plan.options, trainer, report,
                         plan.threads)
    if expected:
        report(f'it took {duration(time.monotonic() - started)}; the estimate was {duration(expected)}')
    report('')
    report(write_tables(plan, runs))
    return runs


def write_tables(plan: Reproduction, runs: Sequence[BenchmarkRun]) -> str:
    """Set what is finished beside the printed rows, in ``table.md`` and ``table.csv`` of the work_dir.

    Args:
        plan: What was planned.
        runs: How it came out.

    Returns:
        The text of ``table.md``.
    """
    text, parts = [f'# {plan.table.name}'], dict[str, list[BesidePublished]]()
    for part in plan.table.parts:
        published = published_table(part.published)
        own = [run for run in runs if run.group.name == part.group.name]
        done = [run for run in own if run.finished and (run.reference is None or run.reference.finished)]
        if not own:
            continue
        text.append(f'## {published.table}: {published.dataset}, {published.backbone}')
        if not done:
            text.append('No run is finished.')
            continue
        references = [run.folder for run in done if run.reference is None]
        comparison = compare_runs([run.folder for run in done], references, names={
            run.folder: ROWS.get(run.member.name, run.member.name) for run in done},
            compatibility=published.compatibility)
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


def _stream(plan: Reproduction, run: BenchmarkRun) -> Stream:
    """Resolve the stream of a run; where it fails in itself, without the checks that the run fails by."""
    cfg = copy.deepcopy(read_config(run.member.config))
    merge_options(cfg, parse_options([*run.member.options, *plan.options]))
    cfg.merge_from_dict({'randomness.seed': run.seed})
    with contextlib.suppress(LHLError, *FOREIGN):
        return Stream.from_config(cfg)
    return Stream.from_config(cfg, check=False)
