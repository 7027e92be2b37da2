"""Predict images with a trained model: pictures of every task, and numbers to compute with.

Example: lhl predict work_dirs/had_r18_nyuv2 photos --out predictions --format panel npy
"""
import argparse
import shlex
import sys
from pathlib import Path

from .options import Parser, add_trust


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('run', metavar='RUN_OR_CHECKPOINT',
                        help='the folder of a run (its last finished phase), or a phase.safetensors')
    parser.add_argument('images', nargs='+', metavar='IMAGES', help='pictures, folders of pictures, or videos')
    parser.add_argument('--out', required=True, metavar='FOLDER', help='the folder to write to')
    parser.add_argument('--format', dest='formats', nargs='+', choices=['panel', 'png', 'npy'], default=['panel'],
                        help='panel: a picture of all tasks with legends (default); png: class indices and 16-bit '
                             'numbers; npy: the numbers as they are')
    parser.add_argument('--tasks', nargs='+', metavar='TASK', help='predict these only (default: all)')
    parser.add_argument('--device', default='cpu', help='where to predict, e.g. cuda (default: cpu)')
    parser.add_argument('--precision', choices=['float32', 'bfloat16', 'float16'], default='float32',
                        help='of the network (default: float32)')
    parser.add_argument('--image-size', nargs='+', metavar='H W',
                        help='scale images to as many pixels as H x W, or "own" to leave them at their own size '
                             '(default: as many as the validation images had)')
    parser.add_argument('--window', nargs=2, type=int, metavar=('H', 'W'),
                        help='predict large images in windows of this size that overlap by a third')
    parser.add_argument('--batch-size', type=int, default=8, metavar='N',
                        help='images of the same size that are predicted at once (default: 8)')
    add_trust(parser, 'the run or checkpoint')


def run(args: argparse.Namespace) -> int:
    """Predict, write, and say where everything is; 1 if an image could not be read."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lhl.apis import Inferencer
    from lhl.apis.image_sources import count_frames, frames_of
    from lhl.apis.prediction_files import PredictionWriter
    from lhl.errors import DataError, printable
    inferencer = Inferencer(
        args.run, args.device, args.tasks, _image_size(args.image_size), args.window, args.precision, args.batch_size,
        args.trust_config)
    writer = PredictionWriter(args.out, inferencer.tasks, args.formats)
    failures: list[DataError] = []
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('ETA'),
               TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task('predicting', total=count_frames(args.images))
        for prediction in inferencer.predict(frames_of(args.images), failures.append):
            writer.write(prediction)
            progress.update(bar, completed=len(writer.written) + len(failures))
    for error in failures:
        print(f'error: {printable(str(error))}', file=sys.stderr)
    if writer.written:
        print(f'{len(writer.written)} images predicted; what each file holds is in {writer.close()}')
        if 'panel' in args.formats:
            print(f'pictures to look at are in {Path(args.out, "panel")}')
        print(f'next: lhl extend {shlex.quote(args.run)} --config NEW_TASK.py adds a task to the model')
    return 1 if failures else 0


def _image_size(given: list[str] | None) -> tuple[int, int] | str | None:
    """Read the height and width of the command line."""
    from lhl.errors import ConfigError
    if given is None:
        return 'validation'
    if given == ['own']:
        return None
    if len(given) != 2 or not all(side.isascii() and side.isdigit() for side in given):
        raise ConfigError(f'`image_size={" ".join(given)}` is not possible, expected two whole numbers, height and '
                          f'width, or own')
    return int(given[0]), int(given[1])
