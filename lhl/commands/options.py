"""What the commands share: the parser, and the arguments that several of them take."""
import argparse
import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lhl.errors import FOREIGN, LHLError, RunError, reason_of, suggest

from .processes import is_first_process

if TYPE_CHECKING:
    from mmengine.config import Config

    from lhl.evaluation import Results

#: What to do after Ctrl-C.
CONTINUE = 'run the same command again to continue'
CONTINUE_WITH_RESUME = 'run the same command with --resume to continue'
#: A parameter in an error: `name` or `name=value`; with dots in its name it is an option of the config.
_MENTION = re.compile(r'`([\w.]+)(?:=([^`]+))?`')


class Parser(argparse.ArgumentParser):
    """argparse's parser, which also suggests what is close to a misspelt choice or command.

    Attributes:
        flags: The name of each argument in ``run``'s arguments -> what it is called on the command line.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.flags: dict[str, str] = {}
        super().__init__(**kwargs)

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        """Add an argument, as argparse does, and remember its name."""
        action = super().add_argument(*args, **kwargs)
        if action.dest not in ('help', 'version'):
            self.flags[action.dest] = action.option_strings[0] if action.option_strings else str(action.metavar)
        return action

    def _print_message(self, message: str, file: Any = None) -> None:
        if is_first_process():  # all processes of a run have the same arguments
            super()._print_message(message, file)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f'found {value!r}; {suggest(str(value), action.choices)}')


def with_flags(text: str, flags: Mapping[str, str], flags_of_train: Mapping[str, str] = MappingProxyType({})) -> str:
    """Write the parameters of a sentence, which stand in backquotes, as the flags that set them.

    Args:
        text: Such as "add `resume=True` to continue it, or choose another `work_dir`".
        flags: Of the command at hand, by parameter.
        flags_of_train: A value that only ``lhl train`` takes becomes an option of that command.
    """
    def flag(match: re.Match) -> str:
        name, value = match.groups()
        words = '' if value in (None, 'True') else f' {value}'
        if name in flags:
            return flags[name] + words
        if '.' in name and value is not None and 'cfg_options' in flags:
            return f'{flags["cfg_options"]} {name}={value}'
        if value is not None and name in flags_of_train:
            return f'lhl train {flags_of_train[name]}{words}'
        return match[0]

    return _MENTION.sub(flag, text)


def add_config_options(parser: Parser, example: str) -> None:
    """Add ``--cfg-options``. Its values stay text here, see :func:`lhl.config_files.parse_options`."""
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[], metavar='KEY=VALUE',
                        help=f'change values of the config, e.g. {example}')
    parser.flags['options'] = '--cfg-options'  # as the functions of lhl.apis call them


def print_at_once() -> None:
    """Print each line when it is written, for whoever follows a long command through a pipe."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def add_training(parser: Parser, seed: str) -> None:
    """Add what the commands share that train a run.

    Args:
        parser: The command's.
        seed: What the help says of the seed.
    """
    parser.add_argument('--work-dir', help='where the run is kept (default: work_dirs/NAME_OF_THE_CONFIG, with '
                        '_seedN at its end for another --seed than the config\'s)')
    parser.add_argument('--resume', action='store_true', help='continue the run in the work dir')
    parser.add_argument('--until', type=int, metavar='PHASE', help='stop after this phase')
    parser.add_argument('--seed', type=int, help=seed)
    parser.add_argument('--amp', action='store_true', help='mixed precision: bfloat16 where there is, else float16')
    parser.add_argument('--tracker', nargs='+', action='extend', default=[], metavar='NAME',
                        choices=['tensorboard', 'wandb', 'mlflow'],
                        help='draw the curves of the whole stream in tensorboard, wandb or mlflow, too')
    parser.add_argument('--no-page', action='store_true', help='do not write the page of the run, report/index.html')
    add_config_options(parser, 'method.alpha=1 train_dataloader.batch_size=4')
    add_launcher(parser)
    parser.set_defaults(after_interrupt=CONTINUE)


def finish_training(args: argparse.Namespace, results: 'Results', cfg: 'Config') -> None:
    """Print what a run came to, and write its page unless that is not wanted: a figure that fails ends no run."""
    from mmengine.dist import is_main_process

    from lhl.visualization import results_table
    if not is_main_process():
        return
    print(results_table([results]))
    print(f'results: {Path(cfg.work_dir, "results.json")}')
    if results.phases and not args.no_page:
        _write_page(args, cfg)
    if results.finished:
        run = shlex.quote(str(cfg.work_dir))
        print(f'next: lhl predict {run} IMAGES --out FOLDER, lhl extend {run} --config NEW_TASK.py')
    else:
        print('next: the same command with --resume, and without --until, learns the phases that are left')


def _write_page(args: argparse.Namespace, cfg: 'Config') -> None:
    from lhl.apis import write_report
    from lhl.stored_configs import component_names
    from lhl.trust import trusting_names
    out = Path(cfg.work_dir, 'report')
    try:
        with trusting_names(component_names(cfg.to_dict())):  # as in training; what was taken over is another's
            write_report([cfg.work_dir], out, trust_config=args.trust_config)
    except (LHLError, *FOREIGN) as error:
        reason = '; '.join(str(error).splitlines()) if isinstance(error, LHLError) else reason_of(error)
        print(f'warning: the page of the run could not be written: {reason}; `lhl report {cfg.work_dir}` tries again',
              file=sys.stderr)
    else:
        print(f'page: {out / "index.html"}')


def add_suite(parser: Parser, kept_in: str) -> None:
    """Add what commands share that train many configs.

    Args:
        parser: The command's.
        kept_in: The default folder, for the help.
    """
    parser.add_argument('--seeds', nargs='+', type=int, default=[0], metavar='SEED',
                        help='seeds (default: 0); with several, differences have an error')
    parser.add_argument('--work-dir', help=f'where everything is kept (default: {kept_in})')
    parser.add_argument('--jobs', type=_count, default=1, help='number of runs at a time (default: 1)')
    parser.add_argument('--threads', type=_count, default=1,
                        help='threads of each run; the weights depend on it (default: 1)')
    add_config_options(parser, 'train_dataloader.num_workers=2; of every config')
    parser.set_defaults(after_interrupt=CONTINUE)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'found {text!r}, expected a whole number of at least 1')
    return int(text)


def add_trust(parser: Parser, of: str) -> None:
    """Add ``--trust-config``.

    Args:
        parser: The command's.
        of: Whose configs are meant, for the help.
    """
    parser.add_argument('--trust-config', action='store_true',
                        help=f'let the configs inside {of} name code and import modules: trust them as you trust code')


def add_names(parser: Parser) -> None:
    """Add ``--name``, which says what to call runs that are set side by side."""
    parser.add_argument('--name', nargs='+', action='extend', type=_run_and_label, default=[], metavar='LABEL=RUN',
                        help='what to call the method of a run (default: its method, and what sets its config apart)')
    parser.flags['names'] = '--name'


def _run_and_label(text: str) -> tuple[str, str]:
    """Split ``LABEL=RUN``, where both may have a = of their own: the run is what there is."""
    splits = [(text[place + 1:], text[:place]) for place, sign in enumerate(text) if sign == '=']
    run, label = next((split for split in splits if Path(split[0]).exists()), splits[-1] if splits else ('', ''))
    if not (label and run and label.isprintable()):
        raise argparse.ArgumentTypeError(f'found {text!r}, expected LABEL=RUN')
    return run, label


def add_launcher(parser: Parser) -> None:
    """Add what says how several processes were started."""
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how the processes were started')
    # torch.distributed.launch passes it; torchrun sets the environment variable
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


@contextlib.contextmanager
def resumable(args: argparse.Namespace, work_dir: str) -> Iterator[None]:
    """Advise to continue with ``--resume`` after an interruption, if there is a run by then that can be resumed."""
    try:
        yield
    except KeyboardInterrupt:
        if Path(work_dir, 'results.json').exists():
            args.after_interrupt = CONTINUE_WITH_RESUME
        raise


def config_of_run(args: argparse.Namespace, path: str) -> 'Config':
    """Read a config file with the options, the launcher and the work_dir that a command was given.

    Raises:
        ConfigError: If it cannot be read, or an option does not fit.
    """
    from lhl.config_files import merge_options, parse_options, read_config
    cfg = read_config(path)
    merge_options(cfg, parse_options(args.cfg_options))
    cfg.launcher = args.launcher
    folder = str(cfg.get('work_dir') or Path('work_dirs', Path(path).stem))
    cfg.work_dir = args.work_dir or _folder_of_seed(folder, cfg.get('randomness', {}).get('seed'), args)
    return cfg


def _folder_of_seed(folder: str, default: int | None, args: argparse.Namespace) -> str:
    """Give another seed than the config's a folder of its own, but continue a run that has it in the config's."""
    seed = getattr(args, 'seed', None)
    if seed in (None, default):
        return folder
    from lhl.evaluation import Results
    own = f'{folder}_seed{seed}'
    if args.resume and not Path(own).exists():
        with contextlib.suppress(RunError):
            return folder if Results.load(folder).seed == seed else own
    return own
