"""Starts the processes' communication, once for all phases, and ends it, however a run ends."""
import atexit
import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import barrier, broadcast_object_list, init_dist, is_distributed, is_main_process
from mmengine.model import is_model_wrapper
from torch.distributed import DistError, Store
from torch.distributed.rendezvous import rendezvous

from lhl.engine.plan.sections import TIMEOUT
from lhl.errors import ConfigError, LostProcessError, RunError
from lhl.lock import only_writer

#: The environment variables in which each launcher gives a process its rank, the number of processes, and its rank on
#: its own machine.
LAUNCHERS = dict(
    none=(), pytorch=('RANK', 'WORLD_SIZE', 'LOCAL_RANK'), slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    mpi=('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'))
#: How long the process at which the others ask for leave waits for them at its end, in seconds.
_LINGER = 5.0
_TOLD, _LEFT = 'lhl/told', 'lhl/left'


class _Meeting:
    """Where the processes of this run meet."""

    store: Store | None = None
    timeout = timedelta(seconds=TIMEOUT)


def meet(launcher: str) -> None:
    """Find the other processes of a run, before anything can go wrong in one of them alone.

    Raises:
        ConfigError: If the launcher is unknown, or did not start this process.
        RunError: If not all processes come.
    """
    if launcher not in LAUNCHERS:
        raise ConfigError(f'launcher={launcher!r} is unknown; use one of {", ".join(LAUNCHERS)}')
    if launcher == 'none' or _Meeting.store is not None or is_distributed():
        return
    names = LAUNCHERS[launcher]
    missing = [name for name in names if not os.environ.get(name, '').isdecimal()]
    if missing:
        raise ConfigError(f'launcher={launcher!r} finds no number in the environment variable {missing[0]}, which it '
                          f'sets; start with tools/dist_train.sh or tools/slurm_train.sh, or without launcher')
    rank, size, local_rank = (os.environ[name] for name in names)
    os.environ.update(RANK=rank, WORLD_SIZE=size, LOCAL_RANK=local_rank)
    if launcher == 'slurm':
        os.environ.setdefault('MASTER_ADDR', _first_host())
        # Jobs may share a machine.
        os.environ.setdefault('MASTER_PORT', str(20000 + int(os.environ.get('SLURM_JOB_ID', 9500)) % 10000))
    where = ':'.join(os.environ.get(name, f'no {name}') for name in ('MASTER_ADDR', 'MASTER_PORT'))
    try:
        _Meeting.store = next(rendezvous('env://', timeout=_Meeting.timeout))[0]
    except (DistError, OSError, RuntimeError, ValueError) as error:
        raise RunError(f'the {size} processes of the run do not meet at {where} ({_reason(error)}); check that all '
                       f'of them were started, and that MASTER_ADDR and MASTER_PORT name a free port of the machine of '
                       f'rank 0') from None
    hosts = rank == '0' and os.environ.get('TORCHELASTIC_USE_AGENT_STORE') != 'True'
    atexit.register(_leave, _Meeting.store, hosts, int(size))


def init_distributed(cfg: Config) -> None:
    """Initialise the process group that ``cfg.launcher`` asks for, unless there is one; over gloo without a GPU.

    Raises:
        ConfigError: If the launcher is unknown, or did not start this process.
        RunError: If not all processes come.
    """
    launcher = cfg.get('launcher', 'none')
    meet(launcher)
    if launcher == 'none' or is_distributed():
        return
    options = dict(cfg.get('env_cfg', {}).get('dist_cfg', {}))
    _Meeting.timeout = timedelta(seconds=options.pop('timeout', TIMEOUT))
    rank, size = int(os.environ['RANK']), int(os.environ['WORLD_SIZE'])
    with lost_processes_as_errors():
        if torch.cuda.is_available():
            init_dist(launcher, timeout=_Meeting.timeout.total_seconds(), store=_Meeting.store, rank=rank,
                      world_size=size, **options)
        else:
            torch.distributed.init_process_group(
                'gloo', store=_Meeting.store, rank=rank, world_size=size, timeout=_Meeting.timeout)


@contextlib.contextmanager
def lost_processes_as_errors(how_to_continue: str = 'run the same command again') -> Iterator[None]:
    """Turn what communication raises when another process is gone, or does not answer in time, into a sentence.

    Args:
        how_to_continue: What to do then.

    Raises:
        LostProcessError: If a communication failed.
    """
    try:
        yield
    except (RuntimeError, KeyboardInterrupt) as error:
        # A launcher ends the others when one is gone, perhaps while they notice.
        cause = error.__context__ if isinstance(error, KeyboardInterrupt) else error
        if _Meeting.store is None or not (isinstance(cause, DistError) or 'gloo' in str(cause)):
            raise
        raise LostProcessError(
            f'another process of the run is gone, or did not answer within {_Meeting.timeout.total_seconds():g} s '
            f'({_reason(cause)}); {how_to_continue}') from error


def claim_to_tell(is_lost: bool) -> bool:
    """Ask for being the one process of the run that prints an error, and say whether it is.

    Args:
        is_lost: Whether the error is that another process is gone. Where that one held what is asked here, the next
            one tells.
    """
    if _Meeting.store is None:
        return True
    with contextlib.suppress(RuntimeError):
        return _Meeting.store.add(_TOLD, 1) == 1
    return is_lost and os.environ['RANK'] == '1'


def was_told() -> bool:
    """Say whether a process of the run has printed an error."""
    with contextlib.suppress(RuntimeError):
        return _Meeting.store is not None and _Meeting.store.add(_TOLD, 0) > 0
    return False


def group_timeout() -> timedelta:
    """How long a process waits for another one."""
    return _Meeting.timeout


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


def _leave(store: Store, hosts: bool, size: int) -> None:
    """Let the process that hosts the meeting place go last: the others ask there who tells of an error."""
    if is_distributed() and not torch.cuda.is_available():
        torch.distributed.destroy_process_group()  # the others notice at once, and need not be waited for
    end = time.monotonic() + _LINGER
    with contextlib.suppress(RuntimeError):
        left = store.add(_LEFT, 1)
        while hosts and left < size and time.monotonic() < end:
            time.sleep(0.05)
            left = store.add(_LEFT, 0)


def _first_host() -> str:
    """Name the machine of Slurm's rank 0."""
    nodes = os.environ.get('SLURM_JOB_NODELIST', '')
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        names = subprocess.run(['scontrol', 'show', 'hostnames', nodes], check=True, capture_output=True, text=True)
        if names.stdout.split():
            return names.stdout.split()[0]
    return socket.gethostname()


def _reason(error: BaseException | None) -> str:
    """What torch says, without its source code's place and its advice."""
    return re.sub(r'^\[/\S+\] ', '', str(error).strip()).split('\n')[0].partition('. ')[0]
