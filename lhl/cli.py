"""The console command: ``lhl train``, ``lhl test`` and the others. The files in tools/ call it, too.

Arguments are parsed before torch and OpenMMLab are imported, so ``--help`` and a misspelt option are answered at once.
"""
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

from lhl import __version__
from lhl.commands.options import Parser, with_flags
from lhl.commands.processes import is_first_process, tell_of_interruption
from lhl.errors import Interruption, LHLError, printable

#: Each is a module of :mod:`lhl.commands`.
COMMANDS = ('new', 'train', 'test', 'predict', 'demo', 'export', 'extend', 'search', 'benchmark', 'reproduce',
            'compare', 'report', 'check-dataset', 'convert', 'model-size', 'gradients')


def main(*arguments: str) -> None:
    """Run a command; exits with 1 and a sentence for each error that the user can correct.

    Args:
        arguments: Come before those of ``sys.argv``, such as ``'train'``.
    """
    parser, flags_of = make_parser()
    args = parser.parse_args([*arguments, *sys.argv[1:]])
    with errors_as_sentences(lambda text: with_flags(text, args.flags, flags_of['train'])):
        try:
            status = args.command(args)
        except KeyboardInterrupt as interruption:
            if is_first_process():
                how = f'; {args.after_interrupt}' if 'after_interrupt' in args else ''
                tell_of_interruption(' '.join(['interrupted', *map(str, interruption.args)]).strip() + how)
            status = interruption.status if isinstance(interruption, Interruption) else 130
        except BrokenPipeError:  # as of "| head", which has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 128 + signal.SIGPIPE
    if status:
        sys.exit(status)


def make_parser() -> tuple[Parser, dict[str, dict[str, str]]]:
    """Make the parser of all commands, and the names of the arguments of each, see :class:`Parser`."""
    parser = Parser(prog='lhl', description='Lifelong heterogeneous learning on dense prediction.',
                    epilog='lhl COMMAND --help explains a command.')
    parser.add_argument('--version', action='version', version=f'lhl {__version__}')
    commands = parser.add_subparsers(metavar='COMMAND', required=True)
    flags_of = {}
    for name in COMMANDS:
        module = import_module(f'lhl.commands.{name.replace("-", "_")}')
        summary, _, details = (module.__doc__ or '').partition('\n\n')
        command = commands.add_parser(name, help=summary, description=summary, epilog=details)
        module.add_arguments(command)
        flags_of[name] = command.flags
        command.set_defaults(command=module.run, flags=command.flags)
    return parser, flags_of


@contextlib.contextmanager
def errors_as_sentences(with_flags: Callable[[str], str] = str) -> Iterator[None]:
    """Print an error that the user can correct as one line on stderr, or a line for each of its problems, and exit
    with 1; let all others show their trace.

    Args:
        with_flags: Writes the parameters that a sentence mentions as flags of the command line.
    """
    try:
        yield
    except LHLError as error:
        # A loader's worker sends its traceback as the message; the sentence follows the error's name.
        name = f'\n{type(error).__module__}.{type(error).__qualname__}: '
        for problem in error.problems:
            sentence = problem.rpartition(name)[2]
            print(f'error: {printable(with_flags(" ".join(sentence.split())))}', file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # whoever reads the output has seen enough
        raise
    except OSError as error:  # of a path that was given, wherever it is opened
        if error.filename is None:
            raise
        path = printable(str(error.filename))
        print(f'error: {path if len(path) <= 200 else path[:196] + " ..."} cannot be used ({error.strerror}); give '
              f'another path, or see to its permissions', file=sys.stderr)
        sys.exit(1)
