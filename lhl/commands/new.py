"""Write the config of your own images: looks at the folders, declares what they hold, and checks every file.

Example: lhl new my_rooms --images data/images --target depth=data/depth --target segmentation=data/masks
"""
import argparse
import shlex

from .options import Parser


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('name', metavar='NAME', help='of the config: it becomes NAME.py')
    parser.add_argument('--images', required=True, metavar='FOLDER',
                        help='the images, or FOLDER/{}_rgb where files have names of their own')
    parser.add_argument('--target', dest='targets', nargs='+', action='extend', required=True, metavar='TASK=FOLDER',
                        help='a task and its files, or TASK:KIND=FOLDER where the name does not tell the kind: depth, '
                             'segmentation, normal, edges, ...; learned in this order')
    parser.add_argument('--classes', nargs='+', action='extend', default=[], metavar='TASK=A,B,C',
                        help='the names of the classes of a segmentation')
    parser.add_argument('--extend', metavar='RUN', help='the tasks are new ones for this run or phase.safetensors')
    parser.add_argument('--imagenet', action='store_true',
                        help="start from ImageNet's weights, which the training downloads (default: from random ones)")
    parser.flags['target'] = '--target'


def run(args: argparse.Namespace) -> int:
    """Write the config, and say what was found, what is wrong, and what comes next; 1 if something is wrong."""
    from lhl.apis import new_config
    from lhl.errors import ConfigError, printable
    classes = {}
    for given in args.classes:
        task, _, names = given.partition('=')
        if not all(names.split(',')):
            raise ConfigError(f'`classes` is {given!r}, expected TASK=A,B,C, such as segmentation=floor,wall')
        classes[task] = names.split(',')
    new = new_config(args.name, args.images, args.targets, args.extend, classes, args.imagenet)
    print(printable('\n'.join(new.found)))
    print(f'written: {new.path}')
    for problem in new.report.problems[:20]:
        print(printable(f'problem: {problem.split}: {problem.sentence}'))
    if len(new.report.problems) > 20:
        print(f'and {len(new.report.problems) - 20} more')
    for note in new.report.notes:
        print(printable(f'note: {note}'))
    print(f'checked: {len(new.report.problems)} problems; all is in {new.report_folder / "report.md"}')
    if new.report.contact_sheet:
        print(f'look at: {new.report_folder / new.report.contact_sheet}')
    if new.report.problems:
        print(f'next: correct the files or the lines of {new.path}, and lhl check-dataset {new.path}')
        return 1
    command = ['lhl', 'extend', args.extend, '--config'] if args.extend else ['lhl', 'train']
    print(f'next: {shlex.join([*command, str(new.path)])}')
    return 0
