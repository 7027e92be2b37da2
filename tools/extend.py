"""Add tasks to a trained model: python tools/extend.py RUN_OR_CHECKPOINT --config NEW_TASK.py [options]."""
import argparse
import os
from pathlib import Path

from mmengine.dist import is_main_process

from lhl.apis import extend_run
from lhl.apis.command_line import add_config_arguments, errors_as_sentences, merge_options, read_config
from lhl.engine.runtime.optim_wrapper import preferred_amp
from lhl.visualization import results_table


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Add tasks to a trained model, phase after phase.')
    parser.add_argument('run', metavar='RUN_OR_CHECKPOINT',
                        help='the folder of a finished run, a phase.pth, or a checkpoint of mmsegmentation')
    parser.add_argument('--config', required=True, help='config file of the new tasks')
    parser.add_argument('--segmentor-config', metavar='FILE',
                        help='config with which mmsegmentation trained the checkpoint')
    parser.add_argument('--task-name', default='segmentation', metavar='NAME',
                        help='name of the task of a checkpoint of mmsegmentation (default: segmentation)')
    parser.add_argument('--work-dir', help='where the run is kept (default: work_dirs/NAME_OF_THE_CONFIG)')
    parser.add_argument('--resume', action='store_true', help='continue the run in the work dir')
    parser.add_argument('--without-old-data', action='store_true', help='do not score the old tasks')
    parser.add_argument('--until', type=int, metavar='PHASE', help='stop after this phase')
    parser.add_argument('--seed', type=int, help='seed of the new phases (default: the run\'s, or else the config\'s)')
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
    if args.amp:
        cfg.optim_wrapper.amp = preferred_amp()
    segmentor_config = read_config(args.segmentor_config) if args.segmentor_config else None
    results = extend_run(args.run, cfg, args.resume, args.seed, args.without_old_data, segmentor_config, args.task_name,
                         args.until)
    if is_main_process():
        print(results_table([results]))
        print(f'results: {Path(cfg.work_dir, "results.json")}')


if __name__ == '__main__':
    with errors_as_sentences():
        main()
