"""Train what a table of a paper compares, and set the printed rows beside it.

With --dry-run it says what data are needed, what would be trained, and for how long. What is finished is skipped, what
was interrupted is resumed.
Example: lhl reproduce had-table1 --dry-run
"""
import argparse
import shlex
from pathlib import Path

from lhl.errors import ConfigError

from .options import Parser, add_suite, print_at_once


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('table', nargs='?', metavar='TABLE', help='name of the table; --list shows all')
    add_suite(parser, 'work_dirs/reproduce/TABLE')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME',
                        help='only these methods, such as had or r18/had, and their reference (default: the printed '
                        'rows)')
    parser.add_argument('--list', action='store_true', help='show the tables and their rows')
    parser.add_argument('--dry-run', action='store_true',
                        help='show which data are needed, what would be trained, and for how long')


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, or say so, and print the table; 1 if a run failed, or would."""
    from lhl.apis.reproduce import describe_tables, plan_reproduction, reproduce
    from lhl.apis.reproduce.reproduction import describe
    print_at_once()
    if args.list:
        print(describe_tables())
        return 0
    if args.table is None:
        raise ConfigError('found no table; name one, or list them with --list')
    plan = plan_reproduction(args.table, args.seeds, args.work_dir, args.only, args.cfg_options, args.threads)
    if args.dry_run:
        print(describe(plan))
        print('next: the same command without --dry-run trains it, as soon as all data are there')
        runs = plan.runs
    else:
        runs = reproduce(plan, args.jobs)
        print(f'table: {Path(plan.work_dir, "table.md")}')
        shown = [str(run.folder) for run in runs if run.finished and run.group == runs[0].group][-2:]
        if shown:
            print(f'next: lhl report {shlex.join(shown)} shows how they predict')
    return int(any(run.error for run in runs))
