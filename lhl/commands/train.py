"""Learn a stream of tasks, phase after phase.

Example: lhl train had/had_r18_nyuv2.py --work-dir work_dirs/had --cfg-options method.alpha=1
"""
import argparse

from .options import Parser, add_training, add_trust, config_of_run, finish_training, resumable
from .processes import processes_of


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('config', metavar='CONFIG', help='config file of the run, or the path of one of lhl\'s own, '
                        'such as had/had_r50_nyuv2.py')
    parser.add_argument('--take-over', metavar='RUN', help='take over the phases that a run trained alike')
    add_training(parser, 'seed of the run (default: the config\'s)')
    add_trust(parser, 'other runs: one to take over, a teacher')


def run(args: argparse.Namespace) -> None:
    """Train, print the table of results, and write the page of the run."""
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
        finish_training(args, results, cfg)
