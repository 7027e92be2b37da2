"""Refuses what is no regular file before it is opened: a FIFO would be waited for, a device has no end."""
import os
import stat
from pathlib import Path

from .errors import LHLError

#: No result file or config of a run is as large as this, in bytes.
MAX_TEXT_BYTES = 64 * 2**20
_KINDS = ((stat.S_ISDIR, 'folder'), (stat.S_ISFIFO, 'FIFO'), (stat.S_ISSOCK, 'socket'),
          (stat.S_ISCHR, 'device'), (stat.S_ISBLK, 'device'))


def check_regular_file(path: str | Path, error: type[LHLError]) -> int:
    """Refuse a path that is no regular file, without opening it.

    Args:
        path: The path; where it is a symbolic link, what it points to.
        error: What to raise.

    Returns:
        The size of the file in bytes.

    Raises:
        LHLError: Of the given class, if it is missing or something else than a file.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise error(f'{path} does not exist; check the path') from None
    except (OSError, ValueError) as problem:
        raise error(f'{path} cannot be read ({problem}); check the path') from None
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), 'something else')
        raise error(f'{path} is a {kind}, expected a regular file; check the path')
    return status.st_size


def read_text_file(path: str | Path, error: type[LHLError]) -> bytes:
    """Read a whole file of text that came with a run.

    Raises:
        LHLError: Of the given class, if it is missing, no regular file, unreadable, or larger than 64 MiB.
    """
    size = check_regular_file(path, error)
    if size > MAX_TEXT_BYTES:
        raise error(f'{path} has {size} bytes, expected at most {MAX_TEXT_BYTES}; it is no file of a run')
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise error(f'{path} cannot be read: {problem.strerror}') from None
