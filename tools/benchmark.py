"""Train the configs of a suite and rank them: python tools/benchmark.py SUITE [options]."""
import argparse
import sys

from lhl.apis.benchmark import describe_plan, describe_suites, plan_benchmark, run_benchmark
from lhl.apis.command_line import errors_as_sentences


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train the configs of a suite, whatever happens to one of them, and write a leaderboard. What is '
        'finished is skipped, what was interrupted is resumed.')
    parser.add_argument('suite', nargs='?', metavar='SUITE', help='name of the suite; --list shows all')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0], metavar='SEED', help='seeds (default: 0)')
    parser.add_argument('--work-dir', help='where everything is kept (default: work_dirs/benchmark/SUITE)')
    parser.add_argument('--jobs', type=int, default=1, help='number of runs at a time (default: 1)')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME',
                        help='train only these members, as MEMBER or GROUP/MEMBER, and their reference')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='change values of every config, e.g. train_dataloader.num_workers=2')
    parser.add_argument('--list', action='store_true', help='show the suites and their members')
    parser.add_argument('--dry-run', action='store_true', help='show what would be trained, resumed and skipped')
    args = parser.parse_args()
    if args.suite is None and not args.list:
        parser.error('give a SUITE, or --list to see what there is')
    return args


def main() -> None:
    args = parse_args()
    if args.list:
        print(describe_suites())
        return
    if args.dry_run:
        runs = plan_benchmark(args.suite, args.seeds, args.work_dir, args.only, args.cfg_options)
        print(describe_plan(runs, args.cfg_options))
        return
    try:
        runs = run_benchmark(args.suite, args.seeds, args.work_dir, args.jobs, args.only, args.cfg_options)
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command continues where it stopped')
    if any(run.error for run in runs):
        sys.exit(1)


if __name__ == '__main__':
    sys.stdout.reconfigure(line_buffering=True)  # for whoever follows it through a pipe
    with errors_as_sentences():
        main()
