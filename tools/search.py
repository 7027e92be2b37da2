"""Find a method's strength phase by phase: python tools/search.py CONFIG --step OPTION VALUE ... --reference RUN."""
import argparse
import ast
from pathlib import Path

from lhl.apis import search_strengths
from lhl.apis.command_line import add_config_arguments, errors_as_sentences, merge_options, read_config
from lhl.apis.strength_search import Step, best_options, search_table
from lhl.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Try values of one option after the other, keeping the best of each.')
    parser.add_argument('config', help='config file of the stream')
    parser.add_argument('--step', nargs='+', action='append', required=True, metavar=('OPTION', 'VALUE'),
                        help='an option and its values, e.g. phases.1.method.alpha 0.5 1 2; may be given repeatedly')
    parser.add_argument('--reference', required=True, metavar='RUN', help='run to compare with: sequential fine-tuning '
                        'with the same seed, validated on the same data')
    parser.add_argument('--work-dir', required=True, help='where the trials are kept')
    parser.add_argument('--seed', type=int, help='seed of the trials (default: the config\'s)')
    add_config_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    cfg.launcher = args.launcher
    if args.seed is not None:
        cfg.merge_from_dict({'randomness.seed': args.seed})
    steps = []
    for option, *values in args.step:
        if not values:
            raise ConfigError(f'--step {option} has no values; give at least one after the option')
        steps.append(Step(option, [_read(value) for value in values]))
    trials = search_strengths(cfg, steps, args.reference, args.work_dir)
    print(search_table(trials))
    print('best:', ' '.join(f'{option}={value}' for option, value in best_options(trials).items()))
    print(Path(args.work_dir, 'search.md'))


def _read(value: str) -> object:
    """Read a value as Python would, else as text."""
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


if __name__ == '__main__':
    with errors_as_sentences():
        main()
