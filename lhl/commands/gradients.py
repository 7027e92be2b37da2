"""Show what each loss term of a phase does to the encoder: its gradient's norm, direction and largest pixels.

Example: lhl gradients work_dirs/had_tiny_synthrooms --phase 3
"""
import argparse

from .options import Parser, add_config_options, add_trust


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('run', metavar='RUN', help='the folder of a run')
    parser.add_argument('--phase', type=int, metavar='N', help='a finished phase, from 1 (default: the last one)')
    parser.add_argument('--at', choices=['start', 'end'], default='end',
                        help='with the weights at the end of the phase (default), or those that it started with')
    parser.add_argument('--batches', type=int, default=8, metavar='N', help='average over so many batches (default: 8)')
    parser.add_argument('--out', metavar='FILE', help='write the table to this Markdown file, too')
    add_config_options(parser, 'method.distribution_balanced.relative_epsilon=1e-6')
    add_trust(parser, 'the run')


def run(args: argparse.Namespace) -> None:
    """Measure, and print the table."""
    from lhl.apis import gradient_table, measure_gradients
    from lhl.atomic import atomic_write
    from lhl.config_files import parse_options
    from lhl.trust import trusting_configs
    with trusting_configs(args.trust_config):
        table = gradient_table(measure_gradients(args.run, args.phase, args.at, args.batches,
                                                 parse_options(args.cfg_options)))
    print(table)
    if args.out:
        with atomic_write(args.out) as file:
            file.write(table.encode() + b'\n')
        print(f'written: {args.out}')
    print('next: lhl gradients with --cfg-options shows how another strength or form of a loss would pull')
