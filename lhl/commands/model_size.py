"""Count what the backbone and each head cost, and what separate models would cost more than a shared backbone.

Example: lhl model-size had/had_r18_nyuv2.py
"""
import argparse
import shlex
import sys

from .options import Parser, add_config_options


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('config', metavar='CONFIG', help='config file of a stream; its data need not be there')
    parser.add_argument('--size', nargs=2, type=int, default=(288, 384), metavar=('HEIGHT', 'WIDTH'),
                        help='size of the image in pixels (default: 288 384, that of NYUv2)')
    add_config_options(parser, 'model.backbone.depth=50')


def run(args: argparse.Namespace) -> None:
    """Count, and print the table."""
    from lhl.apis import measure_model_size, model_size_table
    from lhl.config_files import merge_options, parse_options, read_config
    cfg = read_config(args.config)
    merge_options(cfg, parse_options(args.cfg_options))
    height, width = args.size
    print(model_size_table(measure_model_size(cfg, (height, width))))
    print(f'next: lhl train {shlex.quote(args.config)}', file=sys.stderr)
