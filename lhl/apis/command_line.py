"""What the command-line tools share: reading a config with options, and errors as one sentence."""
import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config, DictAction

from lhl.engine.runtime.process_group import end_distributed
from lhl.errors import ConfigError, LHLError


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments with which a config is changed and processes are launched."""
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='change values of the config, e.g. method.alpha=1 train_dataloader.batch_size=4')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how the processes were started')
    # torch.distributed.launch passes it; torchrun sets the environment variable
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def read_config(path: str | Path) -> Config:
    """Read a config file.

    Raises:
        ConfigError: If it does not exist or is no valid config.
    """
    if not Path(path).is_file():
        raise ConfigError(f'config {path} does not exist; the configs of lhl are in configs/')
    try:
        return Config.fromfile(path)
    except (SyntaxError, KeyError, NameError, TypeError, ImportError, AttributeError, OSError) as error:
        raise ConfigError(f'config {path} cannot be read ({type(error).__name__}: {error}); correct it') from error


def merge_options(cfg: Config, options: dict | None) -> None:
    """Apply ``--cfg-options``.

    Raises:
        ConfigError: If an option goes through a value that has no parts.
    """
    try:
        cfg.merge_from_dict(options or {})
    except (KeyError, TypeError, AssertionError, AttributeError) as error:
        raise ConfigError(f'--cfg-options does not fit the config ({error}); name existing keys') from error


@contextlib.contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Print an error that the user can mend as one line on stderr and exit with 1; let all others show their trace.

    Without an error the processes of a distributed run end together.
    """
    try:
        yield
        end_distributed()
    except LHLError as error:
        # A loader's worker sends its traceback as the message; the sentence follows the error's name.
        name = f'\n{type(error).__module__}.{type(error).__qualname__}: '
        sentence = str(error).rpartition(name)[2]
        print(f'error: {" ".join(sentence.split())}', file=sys.stderr)
        sys.exit(1)
