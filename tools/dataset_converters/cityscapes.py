"""Convert the official CityScapes to the small arrays that lhl reads: images, seven classes and disparity."""

import argparse
import sys

from lhl.datasets.converters.cityscapes import convert_cityscapes
from lhl.errors import LHLError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='An interrupted run goes on when the same command is given again; nothing is ever overwritten.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('official', metavar='OFFICIAL', help='the folder of leftImg8bit/, gtFine/ and disparity/')
    parser.add_argument('out', metavar='OUT', help='a new folder, or one that this tool has written to')
    parser.add_argument('--size', type=int, nargs=2, default=(128, 256), metavar=('H', 'W'), help='rows and columns')
    parser.add_argument('--depth', choices=['disparity', 'metres'], default='disparity',
                        help='disparity as in the release of the literature, or metres, which needs camera/ as well')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    try:
        count = convert_cityscapes(args.official, args.out, *args.size, depth=args.depth)
    except LHLError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted: give the same command again to go on', file=sys.stderr)
        return 130
    print(f'{args.out}: {count} images converted, all others were there')
    return 0


if __name__ == '__main__':
    sys.exit(main())
