"""Shrink Taskonomy to the size at which it is learned, in the same folders and encodings."""

import argparse
import sys

from lhl.datasets.converters.taskonomy import convert_taskonomy
from lhl.datasets.taskonomy.encodings import ENCODINGS
from lhl.errors import LHLError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='An interrupted run goes on when the same command is given again; nothing is ever overwritten.')
    parser.add_argument('release', metavar='SRC', help='the folder of the domains, or of the buildings')
    parser.add_argument('out', metavar='OUT', help='a new folder, or one that this tool has written to')
    parser.add_argument('--size', type=int, default=256, metavar='N', help='rows and columns (default: 256)')
    parser.add_argument('--domains', nargs='+', default=list(ENCODINGS), metavar='DOMAIN',
                        help=f'beside rgb (default: {" ".join(ENCODINGS)})')
    parser.add_argument('--buildings', nargs='+', default=(), metavar='NAME', help='default: all')
    parser.add_argument('--skip', nargs='+', default=(), metavar='VIEW',
                        help='views to leave out, such as muleshoe/point_399_view_5')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    try:
        count = convert_taskonomy(args.release, args.out, args.size, args.domains, args.buildings, args.skip)
    except LHLError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted: give the same command again to go on', file=sys.stderr)
        return 130
    print(f'{args.out}: {count} views converted, all others were there')
    return 0


if __name__ == '__main__':
    sys.exit(main())
