"""Learn a stream of tasks: python tools/train.py CONFIG [options]."""
import argparse
import os
from pathlib import Path

from mmengine.dist import is_main_process

from lhl.apis import train_stream
from lhl.apis.command_line import add_config_arguments, errors_as_sentences, merge_options, read_config
from lhl.engine.runtime.optim_wrapper import preferred_amp
from lhl.visualization import results_table


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Learn a stream of tasks, phase after phase.')
    parser.add_argument('config', help='config file of the run')
    parser.add_argument('--work-dir', help='where the run is kept (default: work_dirs/NAME_OF_THE_CONFIG)')
    parser.add_argument('--resume', action='store_true', help='continue the run in the work dir')
    parser.add_argument('--take-over', metavar='RUN', help='take over the phases that a run trained alike')
    parser.add_argument('--until', type=int, metavar='PHASE', help='stop after this phase')
    parser.add_argument('--seed', type=int, help='seed of the run (default: the config\'s)')
    parser.add_argument('--amp', action='store_true', help='mixed precision: bfloat16 where there is, else float16')
    add_config_arguments(parser)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    args = parse_args()
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', Path(args.config).stem))
    if args.seed is not None:
        cfg.merge_from_dict({'randomness.seed': args.seed})
    if args.amp:
        cfg.optim_wrapper.amp = preferred_amp()
    results = train_stream(cfg, args.resume, args.take_over, args.until)
    if is_main_process():
        print(results_table([results]))
        print(f'results: {Path(cfg.work_dir, "results.json")}')


if __name__ == '__main__':
    with errors_as_sentences():
        main()
