"""Train what a table of a paper compares, and set the printed rows beside it.

With --dry-run it says what data are needed, what would be trained, and for how long. What is finished is skipped, what
was interrupted is resumed.
Example: lhl reproduce had-table1 --dry-run
"""
import argparse
import io
import sys
from pathlib import Path

from lhl.errors import ConfigError

from .options import GO_ON, Parser, add_config_options


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('table', nargs='?', metavar='TABLE', help='name of the table; --list shows all')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0], metavar='SEED',
                        help='seeds (default: 0); with several, differences have an error')
    parser.add_argument('--work-dir', help='where everything is kept (default: work_dirs/reproduce/TABLE)')
    parser.add_argument('--jobs', type=int, default=1, help='number of runs at a time (default: 1)')
    parser.add_argument('--threads', type=int, default=1, help='threads of a run (default: 1)')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME',
                        help='only these methods, such as had or r18/had, and their reference (default: the printed '
                        'rows)')
    add_config_options(parser, 'train_dataloader.num_workers=2; of every config')
    parser.add_argument('--list', action='store_true', help='show the tables and their rows')
    parser.add_argument('--dry-run', action='store_true',
                        help='show which data are needed, what would be trained, and for how long')
    parser.set_defaults(after_interrupt=GO_ON)


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, or say so, and print the table; 1 if a run failed, or would."""
    from lhl.apis.reproduce import describe_tables, plan_reproduction, reproduce
    from lhl.apis.reproduce.reproduction import describe
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # for whoever follows it through a pipe
    if args.list:
        print(describe_tables())
        return 0
    if args.table is None:
        raise ConfigError('found no table; name one, or list them with --list')
    plan = plan_reproduction(args.table, args.seeds, args.work_dir, args.only, args.cfg_options, args.threads)
    if args.dry_run:
        print(describe(plan))
        print('next: the same command without --dry-run trains it')
        runs = plan.runs
    else:
        runs = reproduce(plan, args.jobs)
        print(f'table: {Path(plan.work_dir, "table.md")}')
        print('next: lhl report RUN ... shows how these runs predict')
    return int(any(run.error for run in runs))
