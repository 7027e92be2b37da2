"""Convert the raw NYUv2 to the small arrays that lhl reads: images, 13 classes, depth and normals."""

import argparse
import sys

from lhl.datasets.converters.nyuv2 import convert_nyuv2
from lhl.errors import LHLError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='An interrupted run goes on when the same command is given again; nothing is ever overwritten.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('raw', metavar='RAW',
                        help='the folder of nyu_depth_v2_labeled.mat, splits.mat and classMapping40.mat')
    parser.add_argument('out', metavar='OUT', help='a new folder, or one that this tool has written to')
    parser.add_argument('--size', type=int, nargs=2, default=(288, 384), metavar=('H', 'W'), help='rows and columns')
    parser.add_argument('--normals', metavar='NORMALS_GT',
                        help="the folder of Eigen's normals/ and masks/; None: compute normals from the depth")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    try:
        count = convert_nyuv2(args.raw, args.out, *args.size, normals=args.normals)
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
