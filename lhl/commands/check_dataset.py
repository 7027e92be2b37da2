"""Read every image and target of train and val once, and list all that is wrong with them.

Statistics and a sheet of what they look like come with it. The exit status is 1 if something is wrong.
Example: lhl check-dataset my_rooms.py
"""
import argparse
import shlex
from pathlib import Path

from .options import Parser, add_config_options


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('config', metavar='CONFIG', help='config file of the stream')
    parser.add_argument('--out', metavar='FOLDER', help='folder for report.md, report.json and contact_sheet.png '
                        '(default: work_dirs/check/CONFIG_NAME)')
    parser.add_argument('--workers', type=int, help='processes that read (default: one per processor, 8 at most)')
    parser.add_argument('--manifest', metavar='FILE', help='compare the size and SHA-256 of every file with those in a '
                        'manifest: what is missing, added, truncated or changed')
    parser.add_argument('--write-manifest', metavar='FILE', help='write the manifest of all files that are read, a new '
                        'file, to compare other copies with')
    add_config_options(parser, 'train_dataloader.dataset.data_root=data/mine')


def run(args: argparse.Namespace) -> int:
    """Check, and print the report; 1 if something is wrong."""
    from lhl.apis import check_dataset
    from lhl.config_files import merge_options, parse_options, read_config
    from lhl.errors import printable
    cfg = read_config(args.config)
    merge_options(cfg, parse_options(args.cfg_options))
    out = Path(args.out or Path('work_dirs/check', Path(args.config).stem))
    report = check_dataset(cfg, out, args.workers, args.manifest, args.write_manifest)
    print(printable(report.markdown()))
    print(f"report: {out / 'report.md'}")
    print(f'next: correct the files or {args.config}, and check again' if report.problems else
          f'next: lhl train {shlex.quote(args.config)}')
    return int(bool(report.problems))
