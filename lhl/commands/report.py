"""Put runs side by side: a table, the curves over phases and a panel of predictions."""
import argparse
from pathlib import Path

from .options import Parser, add_names, add_trust


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('runs', nargs='+', metavar='RUN', help='folders of finished runs of one stream')
    parser.add_argument('--out', required=True, metavar='FOLDER', help='the folder to write to')
    parser.add_argument('--views', type=int, default=2, help='number of images in the panel (default: 2)')
    add_names(parser)
    add_trust(parser, 'the runs')


def run(args: argparse.Namespace) -> None:
    """Write the report, and print the table and where everything is."""
    from lhl.apis import write_report
    print(write_report(args.runs, args.out, args.views, args.trust_config, dict(args.name)))
    for name in ('table.md', 'curves.png', 'predictions.png'):
        print(Path(args.out, name))
