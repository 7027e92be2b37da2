"""Write a file whole or not at all."""
import errno
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from .errors import WriteError

_MAKE_ROOM, _CHOOSE, _CHECK = 'make room there', 'make it writable or choose another place', 'check the path'
#: The ways in which a system refuses to write, and what can be done.
_CURES = {errno.ENOSPC: _MAKE_ROOM, errno.EDQUOT: _MAKE_ROOM, errno.EFBIG: _MAKE_ROOM, errno.EROFS: _CHOOSE,
          errno.EACCES: _CHOOSE, errno.EPERM: _CHOOSE, errno.EIO: 'check the disk', errno.ESTALE: 'check the disk',
          errno.ENOENT: _CHECK, errno.ENOTDIR: _CHECK, errno.EISDIR: _CHECK, errno.EEXIST: _CHECK,
          errno.ENOTEMPTY: _CHECK, errno.ENAMETOOLONG: _CHECK, errno.ELOOP: _CHECK, errno.EMFILE: 'close other files'}
_TEMPORARY = re.compile(r'\..+\.\d+\.tmp')


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only once it is complete and on the disk.

    What is written goes to a hidden file in the same folder (renaming is atomic only within a file system), which
    replaces ``path`` when the block ends, and is removed when the block raises. A reader sees the old file or the new
    one, never a part, even if the machine stops in between.

    Args:
        path: The file to write. Its folder is made if it does not exist.

    Yields:
        A binary file to write to.

    Raises:
        WriteError: If the system refuses to write, for want of room or otherwise.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    with writing(path, names=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = _RawFile(temporary, 'w')
    try:
        with io.BufferedWriter(raw) as file:
            yield cast(BinaryIO, file)
            file.flush()
            with writing(path, names=False):
                os.fsync(raw.fileno())
        with writing(path, names=False):
            os.replace(temporary, path)
    except Exception:
        if raw.refusal is not None:  # torch.save makes a RuntimeError of it that does not say why
            with writing(path, names=False):
                raise raw.refusal from None
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def writing(path: str | Path, names: bool = True) -> Iterator[None]:
    """Make a sentence of the system's refusal to write.

    Args:
        path: The file that is written, or the folder.
        names: Whether the block writes several files in that folder: then the one that the system names is given. An
            error of a file elsewhere is left to others: that one was read.

    Raises:
        WriteError: In place of an OSError that is such a refusal.
    """
    try:
        yield
    except OSError as error:
        where = error.filename if names and isinstance(error.filename, str) else str(path)
        if error.errno not in _CURES or not Path(where).is_relative_to(path):
            raise
        raise WriteError(f'{where} cannot be written ({error.strerror}); {_CURES[error.errno]}') from error


def remove_leftovers(folder: str | Path) -> None:
    """Remove what processes that were killed while they wrote have left in a folder; no other may write there now."""
    for path in Path(folder).glob('.*.tmp'):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink()


class _RawFile(io.FileIO):
    """A file that remembers why the system refused to write to it."""

    refusal: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.refusal = error
            raise
