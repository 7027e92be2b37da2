"""Convert PASCAL-Context (PASCAL_MT) to pictures: its MATLAB files are decoded once."""

import argparse
import sys

from lhl.datasets.converters.pascal_context import convert_pascal_context
from lhl.errors import LHLError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='An interrupted run goes on when the same command is given again; nothing is ever overwritten.')
    parser.add_argument('release', metavar='PASCAL_MT', help='the folder of JPEGImages/ and ImageSets/')
    parser.add_argument('out', metavar='OUT', help='a new folder, or one that this tool has written to')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    try:
        count = convert_pascal_context(args.release, args.out)
    except LHLError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted: give the same command again to go on', file=sys.stderr)
        return 130
    print(f'{args.out}: {count} files converted, all others were there')
    return 0


if __name__ == '__main__':
    sys.exit(main())
