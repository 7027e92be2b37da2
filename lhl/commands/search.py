"""Find a method's strength: try values of one option after the other, keeping the best of each.

Example: lhl search had/had_r18_nyuv2.py --step method.alpha 0.5 1 2 --reference work_dirs/vanilla --work-dir trials
"""
import argparse
import ast
from pathlib import Path

from lhl.errors import ConfigError

from .options import CONTINUE, Parser, add_config_options, add_launcher, add_trust, config_of_run
from .processes import processes_of


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('config', metavar='CONFIG', help='config file of the stream')
    parser.add_argument('--step', nargs='+', action='append', required=True, metavar=('OPTION', 'VALUE'),
                        help='an option and its values, e.g. phases.1.method.alpha 0.5 1 2; may be given repeatedly')
    parser.add_argument('--reference', required=True, metavar='RUN', help='run to compare with: sequential fine-tuning '
                        'with the same seed, validated on the same data')
    parser.add_argument('--work-dir', required=True, help='where the trials are kept')
    parser.add_argument('--seed', type=int, help='seed of the trials (default: the config\'s)')
    add_config_options(parser, 'train_dataloader.batch_size=4')
    add_launcher(parser)
    add_trust(parser, 'the reference')
    parser.set_defaults(after_interrupt=CONTINUE)


def run(args: argparse.Namespace) -> None:
    """Search, and print the trials and the best values."""
    from lhl.apis import search_strengths
    from lhl.apis.strength_search import Step, best_options, search_table
    with processes_of(args):
        cfg = config_of_run(args, args.config)
        if args.seed is not None:
            cfg.merge_from_dict({'randomness.seed': args.seed})
        steps = []
        for option, *values in args.step:
            if not values:
                raise ConfigError(f'--step {option} has no values; give at least one after the option')
            steps.append(Step(option, [_read(value) for value in values]))
        trials = search_strengths(cfg, steps, args.reference, args.work_dir, args.trust_config)
        print(search_table(trials))
        print('best:', ' '.join(f'{option}={value}' for option, value in best_options(trials).items()))
        print(f"trials: {Path(args.work_dir, 'search.md')}")
        print('next: give the best values to lhl train with --cfg-options')


def _read(value: str) -> object:
    """Read a value as Python would, else as text."""
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
