"""Put runs side by side: python tools/analysis_tools/report.py RUN [RUN ...] --out FOLDER."""
import argparse
from pathlib import Path

from lhl.apis import write_report
from lhl.apis.command_line import errors_as_sentences


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Write a table, the curves over phases and a panel of predictions.')
    parser.add_argument('runs', nargs='+', metavar='RUN', help='folders of finished runs of one stream')
    parser.add_argument('--out', required=True, help='the folder to write to')
    parser.add_argument('--views', type=int, default=2, help='number of images in the panel (default: 2)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    print(write_report(args.runs, args.out, args.views))
    for name in ('table.md', 'curves.png', 'predictions.png'):
        print(Path(args.out, name))


if __name__ == '__main__':
    with errors_as_sentences():
        main()
