"""Score a trained learner on all tasks it has seen.

Example: lhl test work_dirs/had_r18_nyuv2
"""
import argparse
import json
import shlex
import sys

from .options import Parser, add_config_options, add_launcher, add_trust
from .processes import processes_of


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('run', metavar='RUN_OR_CHECKPOINT',
                        help='the folder of a run (its last finished phase), or a phase.safetensors')
    parser.add_argument('--out', metavar='FILE', help='write the metrics to this JSON file, too')
    add_config_options(parser, 'val_dataloader.dataset.data_root=data/mine')
    add_launcher(parser)
    add_trust(parser, 'the run or checkpoint')


def run(args: argparse.Namespace) -> None:
    """Score, and print the metrics."""
    from mmengine.dist import is_main_process

    from lhl.apis import test_learner
    from lhl.atomic import atomic_write
    from lhl.config_files import merge_options, parse_options
    from lhl.engine import Stream
    from lhl.engine.checkpoint import stored_config
    from lhl.engine.run import metric_units
    from lhl.trust import trusting_configs
    from lhl.visualization import metrics_table
    with processes_of(args), trusting_configs(args.trust_config):
        options = parse_options(args.cfg_options)
        metrics = test_learner(args.run, options, args.launcher)
        if is_main_process():
            cfg, _ = stored_config(args.run)
            merge_options(cfg, options)
            print(metrics_table(metrics, metric_units(Stream.from_config(cfg, check=False))))
            if args.out:
                with atomic_write(args.out) as file:
                    file.write(json.dumps(metrics, indent=1).encode())
                print(f'metrics: {args.out}')
            print(f'next: lhl predict {shlex.quote(args.run)} IMAGES --out FOLDER shows what it predicts',
                  file=sys.stderr)
