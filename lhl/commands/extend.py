"""Add tasks to a trained model, phase after phase.

Example: lhl extend work_dirs/had_r18_nyuv2 --config new_task.py
"""
import argparse

from .options import Parser, add_training, add_trust, config_of_run, finish_training, resumable
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
    parser.add_argument('--without-old-data', action='store_true', help='do not score the old tasks')
    add_training(parser, 'seed of the new phases (default: the run\'s, or else the config\'s)')
    add_trust(parser, 'the run or checkpoint')


def run(args: argparse.Namespace) -> None:
    """Train the new tasks, print the table of results, and write the page of the run."""
    from lhl.apis import extend_run
    from lhl.config_files import read_config
    from lhl.engine.runtime.optim_wrapper import preferred_amp
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
        finish_training(args, results, cfg)
