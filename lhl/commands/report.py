"""Write a page about runs: what they learned, what they forgot, and how they predict, phase after phase.

Example: lhl report work_dirs/vanilla work_dirs/had --out report
"""
import argparse
import shlex
from pathlib import Path

from .options import Parser, add_names, add_trust


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('runs', nargs='+', metavar='RUN', help='folders of runs of one stream')
    parser.add_argument('--out', metavar='FOLDER', help='the folder to write to (default: report in the first run)')
    parser.add_argument('--views', type=int, default=2,
                        help='number of images of which predictions are shown (default: 2)')
    parser.add_argument('--reference', nargs='+', default=[], metavar='RUN',
                        help='those of the runs that Delta refers to, one per seed (default: those of Vanilla)')
    parser.flags['references'] = '--reference'  # as the function of lhl.apis calls them
    add_names(parser)
    add_trust(parser, 'the runs')


def run(args: argparse.Namespace) -> None:
    """Write the report, and print the table and where the page is."""
    from lhl.apis import write_report
    from lhl.apis.given_names import run_folder
    out = Path(args.out) if args.out else run_folder(args.runs[0]) / 'report'
    print(write_report(args.runs, out, args.views, args.trust_config, args.reference,
                       dict(args.name)))
    print(f'page: {out / "index.html"}')
    print(f'next: open it in a browser; lhl demo {shlex.quote(args.runs[0])} shows images of your own')
