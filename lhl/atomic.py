"""Write a file whole or not at all."""
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


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
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with open(temporary, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
