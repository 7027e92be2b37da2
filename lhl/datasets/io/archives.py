"""Reads the files of a published archive where they are: in the archive itself, or in the folder that it unpacks to."""
import gzip
import os
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from lhl.errors import DataError

#: What a damaged .tar.gz raises, depending on where the damage is.
_BROKEN_TAR = (tarfile.TarError, EOFError, OSError, zlib.error)
#: What a damaged .zip raises; a RuntimeError where it is encrypted, a NotImplementedError where it is compressed
#: otherwise.
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError)
#: No file in an archive that is read has as many bytes; one of CIFAR-100 has 155 MB.
_MAX_MEMBER_BYTES = 2**30


def read_folder(folder: Path, names: Sequence[str], archive: str) -> Mapping[str, bytes]:
    """Read some files of an unpacked archive.

    Args:
        folder: What the archive unpacks to.
        names: The files.
        archive: The name of the archive, which an error says where to look for them.

    Raises:
        DataError: If one is missing or unreadable.
    """
    content = {}
    for name in names:
        try:
            content[name] = (folder / name).read_bytes()
        except OSError as error:
            raise DataError(f'file {str(folder / name)!r} cannot be read ({error.strerror}), the folder holds '
                            f'{_some(sorted(entry.name for entry in folder.iterdir()))}; restore it from '
                            f'{archive}') from error
    return content


def read_tar(path: Path, folder: str, names: Sequence[str]) -> Mapping[str, bytes]:
    """Read some files of a .tar.gz in one pass; nothing is unpacked to the disk.

    Args:
        path: The archive.
        folder: The folder in it that holds the files.
        names: The files.

    Raises:
        DataError: If the archive is damaged, or lacks one of them.
    """
    content, seen = {}, []
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode='r|') as archive:
            for member in archive:
                seen.append(member.name.removeprefix('./'))
                name = seen[-1].removeprefix(f'{folder}/')
                wanted = name != seen[-1] and name in names and member.isfile()  # never a link
                if wanted and member.size > _MAX_MEMBER_BYTES:
                    raise tarfile.TarError(f'{name} has {member.size} bytes')
                file = archive.extractfile(member) if wanted else None
                if file is not None:
                    content[name] = file.read()
            while stream.read(2**20):  # to the end, where the checksum is
                pass
    except _BROKEN_TAR as error:
        raise DataError(f'archive {str(path)!r} is truncated, damaged or not a .tar.gz ({error}); download it again '
                        f'from the page of the data set') from error
    missing = next((name for name in names if name not in content), None)
    if missing is None:
        return content
    raise DataError(f'archive {str(path)!r} lacks {folder}/{missing}, found {_some(seen)}; download the archive of '
                    f'this name from the page of the data set')


class ZippedFiles:
    """The files of a folder in a .zip.

    Each process opens the archive for itself: forked workers that shared it would also share its read position.

    Args:
        path: The archive.
        folder: The folder in it that holds the files.

    Raises:
        DataError: If it is damaged, or another archive.
    """

    def __init__(self, path: Path, folder: str) -> None:
        self.path, self.folder = path, folder
        self._process: int | None = None
        try:
            names = self._archive.namelist()
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f'archive {str(path)!r} is truncated, damaged or not a .zip ({error}); download it again '
                            f'from the page of the data set') from error
        if not any(name.startswith(f'{folder}/') for name in names):
            raise DataError(f'archive {str(path)!r} holds {_some(names)}, expected the folder {folder}/; download '
                            f'the archive of this name from the page of the data set')

    def names(self) -> list[str]:
        """List all files, ``train/n01443537/images/n01443537_0.JPEG``, sorted."""
        return sorted(name.removeprefix(f'{self.folder}/') for name in self._archive.namelist()
                      if name.startswith(f'{self.folder}/') and not name.endswith('/'))

    def location(self, name: str) -> Path:
        """Return where a file lies."""
        return self.path / self.folder / name

    def read(self, name: str) -> bytes:
        """Read a file.

        Raises:
            ValueError: With the clause "found ..., expected ...".
        """
        try:
            size = self._archive.getinfo(f'{self.folder}/{name}').file_size
            if size > _MAX_MEMBER_BYTES:
                raise zipfile.BadZipFile(f'it has {size} bytes')
            return self._archive.read(f'{self.folder}/{name}')
        except KeyError:
            raise ValueError('found no such file in the archive, expected one; download it again') from None
        except _BROKEN_ZIP as error:
            raise ValueError(f'found a damaged file in the archive ({error}), expected a whole one; download the '
                             f'archive again') from error

    @property
    def _archive(self) -> zipfile.ZipFile:
        """The archive as this process has opened it."""
        if self._process != os.getpid():
            self._opened, self._process = zipfile.ZipFile(self.path), os.getpid()
        return self._opened

    def __getstate__(self) -> dict:
        return dict(path=self.path, folder=self.folder, _process=None)


class UnpackedFiles:
    """The files of a folder; see :class:`ZippedFiles`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """List all files, sorted."""
        return sorted(Path(parent, name).relative_to(self.folder).as_posix()
                      for parent, _, names in os.walk(self.folder, followlinks=True) for name in names)

    def location(self, name: str) -> Path:
        """Return where a file lies."""
        return self.folder / name

    def read(self, name: str) -> bytes:
        """Read a file.

        Raises:
            ValueError: With the clause "found ..., expected ...".
        """
        try:
            return self.location(name).read_bytes()
        except OSError as error:
            raise ValueError(f'found no readable file ({error.strerror}), expected one; restore it from the '
                             f'archive') from error


def _some(names: Sequence[str]) -> str:
    """Name a few of many."""
    if not names:
        return 'nothing'
    return ', '.join(map(repr, names[:3])) + (f' and {len(names) - 3} more' if len(names) > 3 else '')
