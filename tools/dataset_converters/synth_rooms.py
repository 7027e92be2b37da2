"""Render a SynthRooms data set into a folder, in the layout of a data set that lhl reads."""

import argparse
import sys

from lhl.datasets.rendered import LAYOUTS, write_dataset
from lhl.errors import LHLError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='An interrupted run goes on when the same command is given again; a larger number extends a data set.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('out', metavar='OUT', help='a new folder, or one that this tool has written to')
    parser.add_argument('--layout', choices=list(LAYOUTS), default='nyuv2', help='in the layout of which data set')
    parser.add_argument('--train', type=int, default=795, metavar='N', help='number of training images')
    parser.add_argument('--val', type=int, default=654, metavar='N', help='number of validation images')
    parser.add_argument('--size', type=int, nargs=2, default=(288, 384), metavar=('H', 'W'), help='rows and columns')
    parser.add_argument('--seed', type=int, default=0, help='another seed gives other rooms')
    parser.add_argument('--processes', type=int, default=None, metavar='P',
                        help='images rendered at a time; None: one per processor')
    parser.add_argument('--all-valid', action='store_true',
                        help='label every pixel and leave no holes in depth and normals')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    try:
        manifest = write_dataset(args.out, args.train, args.val, *args.size, seed=args.seed, processes=args.processes,
                                 invalid_pixels=not args.all_valid, layout=args.layout)
    except LHLError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted: give the same command again to go on', file=sys.stderr)
        return 130
    print(f'{args.out} now holds {manifest.amount} ({manifest.kind})')
    return 0


if __name__ == '__main__':
    sys.exit(main())
