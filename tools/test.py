"""Score a trained learner on all tasks it has seen: python tools/test.py RUN_DIR_OR_CHECKPOINT [options]."""
import argparse
import json
import os

from mmengine.dist import is_main_process

from lhl.apis import test_learner
from lhl.apis.command_line import add_config_arguments, errors_as_sentences, merge_options
from lhl.apis.inference import stored_config
from lhl.atomic import atomic_write
from lhl.engine import Stream
from lhl.engine.run import metric_units
from lhl.visualization import metrics_table


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Score a trained learner on all tasks it has seen.')
    parser.add_argument('run', metavar='RUN_DIR_OR_CHECKPOINT',
                        help='the folder of a run (its last finished phase), or a phase.pth')
    parser.add_argument('--out', help='write the metrics to this JSON file, too')
    add_config_arguments(parser)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    args = parse_args()
    metrics = test_learner(args.run, args.cfg_options, args.launcher)
    if is_main_process():
        cfg, _ = stored_config(args.run)
        merge_options(cfg, args.cfg_options)
        print(metrics_table(metrics, metric_units(Stream.from_config(cfg, check=False))))
        if args.out:
            with atomic_write(args.out) as file:
                file.write(json.dumps(metrics, indent=1).encode())


if __name__ == '__main__':
    with errors_as_sentences():
        main()
