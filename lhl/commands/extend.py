"""Add tasks to a trained model, phase after phase.

Example: lhl extend work_dirs/had_r18_nyuv2 --config new_task.py
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
    parser.add_argument('run', metavar='RUN_OR_CHECKPOINT',
                        help='the folder of a finished run, a phase.safetensors, or a checkpoint of mmsegmentation')
    parser.add_argument('--config', required=True, help='config file of the new tasks')
    parser.add_argument('--segmentor-config', metavar='FILE',
                        help='config with which mmsegmentation trained the checkpoint')
    parser.add_argument('--task-name', default='segmentation', metavar='NAME',
                        help='name of the task of a checkpoint of mmsegmentation (default: segmentation)')
    parser.add_argument('--work-dir', help='where the run is kept (default: work_dirs/NAME_OF_THE_CONFIG, with '
                        '_seedN at its end for another --seed than the config\'s)')
    parser.add_argument('--resume', action='store_true', help='continue the run in the work dir')
    parser.add_argument('--without-old-data', action='store_true', help='do not score the old tasks')
    parser.add_argument('--until', type=int, metavar='PHASE', help='stop after this phase')
    parser.add_argument('--seed', type=int, help='seed of the new phases (default: the run\'s, or else the config\'s)')
    parser.add_argument('--amp', action='store_true', help='mixed precision: bfloat16 where there is, else float16')
    add_tracker(parser)
    add_config_options(parser, 'method.alpha=1 train_dataloader.batch_size=4')
    add_launcher(parser)
    add_trust(parser, 'the run or checkpoint')
    parser.set_defaults(after_interrupt=GO_ON)


def run(args: argparse.Namespace) -> None:
    """Train the new tasks, and print the table of results."""
    from mmengine.dist import is_main_process

    from lhl.apis import extend_run
    from lhl.config_files import read_config
    from lhl.engine.runtime.optim_wrapper import preferred_amp
    from lhl.visualization import results_table
    with processes_of(args):
        cfg = config_of_run(args, args.config)
        if args.amp:
            cfg.optim_wrapper.amp = preferred_amp()
        if args.tracker:
            from lhl.progress import add_trackers
            add_trackers(cfg, args.tracker)
        segmentor_config = read_config(args.segmentor_config) if args.segmentor_config else None
        with resumable(args, cfg.work_dir):
            results = extend_run(args.run, cfg, args.resume, args.seed, args.without_old_data, segmentor_config,
                                 args.task_name, args.until, args.trust_config)
        if is_main_process():
            print(results_table([results]))
            print(f'results: {Path(cfg.work_dir, "results.json")}')
            print(f'next: lhl predict {cfg.work_dir} IMAGES --out FOLDER, lhl report {cfg.work_dir}')
