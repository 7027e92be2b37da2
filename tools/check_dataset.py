"""Check the data of a config, read every file once: python tools/check_dataset.py CONFIG."""
import argparse
import sys
from pathlib import Path

from mmengine.config import DictAction

from lhl.apis import check_dataset
from lhl.apis.command_line import errors_as_sentences, merge_options, read_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Read every image and target of train and val once, and list all that is wrong with them, '
                    'statistics, and what they look like.', epilog='The exit status is 1 if something is wrong.')
    parser.add_argument('config', help='config file of the stream')
    parser.add_argument('--out', help='folder for report.md, report.json and contact_sheet.png '
                        '(default: work_dirs/check/CONFIG_NAME)')
    parser.add_argument('--workers', type=int, help='processes that read (default: one per processor, 8 at most)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='change values of the config, e.g. train_dataloader.dataset.data_root=data/mine')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    out = Path(args.out or Path('work_dirs/check', Path(args.config).stem))
    report = check_dataset(cfg, out, args.workers)
    print(report.markdown())
    print(out / 'report.md')
    sys.exit(1 if report.problems else 0)


if __name__ == '__main__':
    with errors_as_sentences():
        main()
