"""One writer per folder: a lock that a living process holds, seen by all processes and machines that share the disk."""
import contextlib
import errno
import fcntl
import json
import os
import socket
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from lhl.errors import RunError

#: The file that is locked; it says who holds it, and is gone when nobody does.
FILE_NAME = '.lock'
#: What a file system answers that has no locks.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)
#: The locks that this process holds: their descriptors, and their files.
_held: dict[int, Path] = {}


def _let_go_in_child() -> None:
    """Close the locks in a forked process: a loader's worker that outlives its killed parent must not hold them."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


@contextlib.contextmanager
def only_writer(folder: str | Path) -> Iterator[None]:
    """Be the only process that writes to a folder, which is made if it does not exist, as long as the block runs.

    The lock is the operating system's, on a file in the folder, so it ends with its process, however that ends. Across
    machines it holds where the file system passes locks on, as NFS, Lustre (mounted with ``flock``) and GPFS do. A
    folder in which nothing was written is removed again.

    Raises:
        RunError: If another process holds the lock, with who that is; or if the folder cannot be written to.
    """
    folder = Path(folder)
    path, descriptor = folder / FILE_NAME, None
    try:
        new = [path for path in (folder, *folder.parents) if not path.exists()]
        attempts = 0
        while descriptor is None:  # whoever held it may remove it, and the folder, at this moment
            try:
                folder.mkdir(parents=True, exist_ok=True)
                descriptor = _lock(path)
            except FileNotFoundError:  # also where no folder can be made, as in /proc
                attempts += 1
                if attempts == 100:
                    raise
    except OSError as error:
        raise RunError(f'{folder} cannot be written to ({error.strerror}); choose another `work_dir`') from error
    _held[descriptor] = path
    try:
        holder = dict(pid=os.getpid(), host=socket.gethostname(), since=time.strftime('%Y-%m-%d %H:%M:%S'))
        with contextlib.suppress(OSError):  # a full disk; the lock holds without it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        if _is_locked(path, descriptor):
            with contextlib.suppress(OSError):
                path.unlink()
        del _held[descriptor]
        os.close(descriptor)
        for empty in new:
            with contextlib.suppress(OSError):
                empty.rmdir()


def check_still_held() -> None:
    """Make sure that the folders of which this process is the only writer are still those that it locked.

    Raises:
        RunError: If one was removed, or another one has taken its place.
    """
    for descriptor, path in _held.items():
        if not _is_locked(path, descriptor):
            raise RunError(f'{path.parent} was removed or replaced while it was written to; what was in it is gone, so '
                           f'begin again, in another `work_dir` if this one is in use')


def _is_locked(path: Path, descriptor: int) -> bool:
    """Say whether a file is still the one that was locked."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _lock(path: Path) -> int | None:
    """Lock a file; None where it was removed by its last holder in the meantime."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_locked(path, descriptor):
            return descriptor
    except BlockingIOError:
        holder = _read_holder(descriptor)
        os.close(descriptor)
        raise RunError(f'{path.parent} is in use by {holder}; wait until it ends, or choose another `work_dir`'
                       ) from None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            warnings.warn(f'{path.parent} is on a file system without locks; make sure that nothing else writes to it',
                          stacklevel=2)
            return descriptor
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _read_holder(descriptor: int) -> str:
    """Say who holds a lock, as they have written it down."""
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f'process {holder["pid"]} on {holder["host"]}, since {holder["since"]}'
    except (ValueError, KeyError, TypeError):
        return 'another process'  # which has only just taken it
