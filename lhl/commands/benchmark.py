"""Train the configs of a suite, whatever happens to one of them, and write a leaderboard.

What is finished is skipped, what was interrupted is resumed.
Example: lhl benchmark tiny_synthrooms --seeds 0 1 --work-dir work_dirs/tiny
"""
import argparse
import shlex

from lhl.errors import ConfigError

from .options import Parser, add_suite, print_at_once


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('suite', nargs='?', metavar='SUITE', help='name of the suite; --list shows all')
    add_suite(parser, 'work_dirs/benchmark/SUITE')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME',
                        help='train only these members, as MEMBER or GROUP/MEMBER, and their reference')
    parser.add_argument('--list', action='store_true', help='show the suites and their members')
    parser.add_argument('--dry-run', action='store_true', help='show what would be trained, resumed and skipped')


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, or say so; 1 if a run failed, or would."""
    from lhl.apis.benchmark import describe_plan, describe_suites, needed_runs, plan_benchmark, run_benchmark
    print_at_once()
    if args.list:
        print(describe_suites())
        return 0
    if args.suite is None:
        raise ConfigError('found no suite; name one, or list them with --list')
    if args.dry_run:
        runs = plan_benchmark(args.suite, args.seeds, args.work_dir, args.only, args.cfg_options)
        needed = describe_plan([run for run in needed_runs(args.suite) if not run.finished])
        print('\n'.join(filter(None, [needed, describe_plan(runs, args.cfg_options)])))
    else:
        runs = run_benchmark(args.suite, args.seeds, args.work_dir, args.jobs, args.only, args.cfg_options,
                             threads=args.threads)
        shown = [str(run.folder) for run in runs if run.finished and run.group == runs[0].group][-2:]
        if shown:
            print(f'next: lhl report {shlex.join(shown)} shows how they predict')
    return int(any(run.error for run in runs))
