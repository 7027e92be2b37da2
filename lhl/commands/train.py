"""Learn a stream of tasks, phase after phase.

Example: lhl train had/had_r18_nyuv2.py --work-dir work_dirs/had --cfg-options method.alpha=1
"""
import argparse
from pathlib import Path

from .options import (
    GO_ON,
    Parser,
    add_config_options,
    add_launcher,
    add_tracker,
    add_trust,
    config_of_run,
    resumable,
)
from .processes import processes_of


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('config', metavar='CONFIG', help='config file of the run, or the path of one of lhl\'s own, '
                        'such as had/had_r50_nyuv2.py')
    parser.add_argument('--work-dir', help='where the run is kept (default: work_dirs/NAME_OF_THE_CONFIG, with '
                        '_seedN at its end for another --seed than the config\'s)')
    parser.add_argument('--resume', action='store_true', help='continue the run in the work dir')
    parser.add_argument('--take-over', metavar='RUN', help='take over the phases that a run trained alike')
    parser.add_argument('--until', type=int, metavar='PHASE', help='stop after this phase')
    parser.add_argument('--seed', type=int, help='seed of the run (default: the config\'s)')
    parser.add_argument('--amp', action='store_true', help='mixed precision: bfloat16 where there is, else float16')
    add_tracker(parser)
    add_config_options(parser, 'method.alpha=1 train_dataloader.batch_size=4')
    add_launcher(parser)
    add_trust(parser, 'other runs: one to take over, a teacher')
    parser.set_defaults(after_interrupt=GO_ON)


def run(args: argparse.Namespace) -> None:
    """Train, and print the table of results."""
    from mmengine.dist import is_main_process

    from lhl.engine import train_stream  # not from lhl.apis, which draws figures: half a second before training
    from lhl.engine.runtime.optim_wrapper import preferred_amp
    with processes_of(args):
        cfg = config_of_run(args, args.config)
        if args.seed is not None:
            cfg.merge_from_dict({'randomness.seed': args.seed})
        if args.amp:
            cfg.optim_wrapper.amp = preferred_amp()
        if args.tracker:
            from lhl.progress import add_trackers
            add_trackers(cfg, args.tracker)
        with resumable(args, cfg.work_dir):
            results = train_stream(cfg, args.resume, args.take_over, args.until, trust_config=args.trust_config)
        if is_main_process():
            from lhl.visualization import results_table
            print(results_table([results]))
            print(f'results: {Path(cfg.work_dir, "results.json")}')
            print(f'next: lhl predict {cfg.work_dir} IMAGES --out FOLDER, lhl report {cfg.work_dir}')
