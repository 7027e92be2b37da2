"""Starts the processes' communication, once for all phases, and ends it; over gloo where there is no GPU."""
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import barrier, broadcast_object_list, init_dist, is_distributed, is_main_process
from mmengine.model import is_model_wrapper

from lhl.errors import ConfigError, RunError
from lhl.lock import only_writer

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def init_distributed(cfg: Config) -> None:
    """Initialise the process group that ``cfg.launcher`` asks for, unless there is one.

    Raises:
        ConfigError: If the launcher is unknown, or cannot be used without a GPU.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher not in LAUNCHERS:
        raise ConfigError(f'launcher={launcher!r} is unknown; use one of {", ".join(LAUNCHERS)}')
    if launcher == 'none' or is_distributed():
        return
    if torch.cuda.is_available():
        init_dist(launcher, **cfg.get('env_cfg', {}).get('dist_cfg', {}))
    elif launcher == 'pytorch':
        torch.distributed.init_process_group('gloo')
    else:
        raise ConfigError(f'launcher={launcher!r} needs GPUs and none was found; on CPUs use `launcher=pytorch` '
                          f'(tools/dist_train.sh)')


def unwrapped(model: torch.nn.Module) -> Any:
    """Give the model inside the wrapper of distributed training, or a model without one as it is."""
    return model.module if is_model_wrapper(model) else model


def end_distributed() -> None:
    """Wait for all processes and end their communication: one that exits while it is open may be aborted."""
    if is_distributed():
        barrier()
        torch.distributed.destroy_process_group()


@contextlib.contextmanager
def only_run_in(work_dir: str | Path) -> Iterator[None]:
    """Let the main process hold the lock of a folder for all processes of a run, see :func:`lhl.lock.only_writer`.

    Raises:
        RunError: In all of them, if another run holds it, or the folder cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        refusal = ['']
        if is_main_process():
            try:
                stack.enter_context(only_writer(work_dir))
            except RunError as error:
                refusal = [str(error)]
        broadcast_object_list(refusal)
        if refusal[0]:
            raise RunError(refusal[0])
        yield
