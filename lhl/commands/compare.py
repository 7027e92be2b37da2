"""Compare methods as the paper's tables do: a row per method, the metrics of each task, Delta and mean rank.

Example: lhl compare work_dirs/had work_dirs/dis --reference work_dirs/vanilla
"""
import argparse
import shlex
import sys
from pathlib import Path

from .options import Parser, add_names, add_trust


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('runs', nargs='+', metavar='RUN', help='folders of finished runs of one stream')
    parser.add_argument('--reference', nargs='+', default=[], metavar='RUN',
                        help='runs of the method that Delta refers to, usually Vanilla: one per seed; without '
                        'them there is no Delta')
    parser.flags['references'] = '--reference'  # as compare_runs calls them
    parser.add_argument('--single-task', nargs='+', default=[], metavar='RUN',
                        help='runs that learned separate models, one per seed, to measure plasticity against')
    add_names(parser)
    parser.add_argument('--every-task', action='store_true',
                        help='print the accuracies of every task, too, of which A and F are averages')
    parser.add_argument('--format', choices=['markdown', 'latex', 'csv'], default='markdown')
    parser.add_argument('--out', metavar='PATH', help='write the table to a new FILE.md instead of printing it, or a '
                        'page about the runs and the table to a FOLDER')
    parser.add_argument('--report', metavar='FOLDER', help='write a page about the runs there, too, see `lhl report`')
    parser.add_argument('--compatibility', metavar='NAME',
                        help='repeat a deviation of a published table in Delta, such as had_nyuv2_printed')
    add_trust(parser, 'the runs')


def run(args: argparse.Namespace) -> None:
    """Compare, and print the table or write it to a file."""
    from lhl.apis import compare_runs, write_comparison, write_report
    from lhl.apis.compare import check_new
    from lhl.apis.given_names import result_file
    from lhl.visualization import comparison_table
    comparison = compare_runs(args.runs, args.reference, args.single_task, dict(args.name), args.compatibility,
                              args.every_task, args.trust_config)
    folder = args.out if args.out and (not Path(args.out).suffix or Path(args.out).is_dir()) else None
    suffix = dict(markdown='md', latex='tex', csv='csv')[args.format]
    file = Path(folder, f'comparison.{suffix}') if folder else args.out
    if file:
        check_new(file)
    runs = {result_file(run): run for run in [*args.reference, *args.runs, *args.single_task]}  # each once
    pages = list(filter(None, (folder, args.report)))
    for out in pages:
        write_report(list(runs.values()), out, trust_config=args.trust_config, references=args.reference,
                     names=dict(args.name))
    if file:
        write_comparison(comparison, file, args.format)
        print(f'table: {file}')
    else:
        print(comparison_table(comparison, args.format))
    for out in pages:
        print(f"page: {Path(out, 'index.html')}")
    print('next: open it in a browser' if pages else
          f'next: lhl report {shlex.join(args.runs)} shows how they predict', file=sys.stderr)
