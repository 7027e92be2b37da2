"""A manifest: size and SHA-256 of every file that the streams read, to tell whether another copy is the same."""
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from lhl.atomic import atomic_write
from lhl.datasets import DenseDataset
from lhl.errors import DataError
from lhl.regular_files import check_regular_file

from .report import Problem

FORMAT = 'lhl manifest 1'
_CHUNK = 2**20
_KEYS = {'path', 'size', 'sha256'}


class FileDigest(NamedTuple):
    """What a manifest says of a file."""

    size: int  #: bytes
    sha256: str  #: 64 hexadecimal digits


def common_root(datasets: Iterable[DenseDataset]) -> Path:
    """The folder that all data roots lie in, below which a manifest names the files; of one data root itself."""
    roots = [os.path.abspath(dataset.data_root) for dataset in datasets if next(dataset.source_files(), None)]
    if not roots:
        raise DataError('the data sets that could be opened read no file, so there is nothing to compare or to write '
                        'into a manifest; see what is wrong without it')
    return Path(os.path.commonpath(roots))


def find_source_files(datasets: Iterable[DenseDataset]) -> list[Path]:
    """Find every file that some data sets read, each once, sorted; an archive stands for what is in it.

    A folder, which a data set gives where a target is missing, is none.
    """
    found: dict[Path, None] = {}
    for dataset in datasets:
        for path in dataset.source_files():
            absolute = Path(os.path.abspath(path))
            if absolute.exists():
                if not absolute.is_dir():
                    found[absolute] = None
                continue
            parent = next((parent for parent in absolute.parents if parent.exists()), absolute)
            found[absolute if parent.is_dir() else parent] = None
    return sorted(found)


def digest_files(paths: Iterable[Path], workers: int, progress: Callable[[int], None],
                 ) -> tuple[dict[Path, FileDigest], list[str]]:
    """Read files to their ends.

    Args:
        paths: The files.
        workers: How many are read at once.
        progress: Is called with the number of bytes of each piece that was read.

    Returns:
        What was found, in the order of the paths; and a sentence for each path that cannot be read or is no file.
    """
    def digest(path: Path) -> FileDigest | str:
        try:
            check_regular_file(path, DataError)
            size, state = 0, hashlib.sha256()
            with path.open('rb') as file:
                while piece := file.read(_CHUNK):
                    state.update(piece)
                    size += len(piece)
                    progress(len(piece))
        except DataError as error:
            return str(error)
        except OSError as error:
            return f'{path} cannot be read ({error.strerror}); see to its permissions and the disk'
        return FileDigest(size, state.hexdigest())

    paths = list(paths)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        results = dict(zip(paths, pool.map(digest, paths), strict=True))
    return ({path: found for path, found in results.items() if isinstance(found, FileDigest)},
            [found for found in results.values() if isinstance(found, str)])


def save_manifest(path: str | Path, root: Path, digests: Mapping[Path, FileDigest]) -> None:
    """Write what was found, a line for each file, sorted by path.

    Raises:
        DataError: If a file lies outside the root.
        WriteError: If the system refuses to write.
    """
    lines = []
    for file in sorted(digests):
        if not file.is_relative_to(root):
            raise DataError(f'{str(file)!r} lies outside {str(root)!r}, which the paths of a manifest are relative to; '
                            f'move it there, or set data_root to a folder that holds both')
        entry = dict(path=file.relative_to(root).as_posix(), **digests[file]._asdict())
        lines.append('  ' + json.dumps(entry))
    with atomic_write(path) as out:
        out.write(f'{{"format": "{FORMAT}", "files": [\n'.encode())
        out.write(',\n'.join(lines).encode())
        out.write(b'\n]}\n')


def read_manifest(path: str | Path) -> dict[str, FileDigest]:
    """Read a manifest: what it says of each file, by its path below the root.

    Raises:
        DataError: If it is no manifest, names a file twice or one outside the root.
    """
    check_regular_file(path, DataError)
    cure = 'write it again with `write_manifest`, or restore it'
    try:
        document = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f'{path} is no manifest: it cannot be read as JSON ({type(error).__name__}); {cure}') from None
    except OSError as error:
        raise DataError(f'{path} cannot be read ({error.strerror}); see to its permissions') from None
    if not isinstance(document, dict) or document.get('format') != FORMAT:
        raise DataError(f'{path} is no manifest: expected "format": "{FORMAT}" in it; {cure}')
    files = document.get('files')
    if not isinstance(files, list) or not files:
        raise DataError(f'{path} is no manifest: expected "files", a list of at least one file; {cure}')
    entries: dict[str, FileDigest] = {}
    for number, entry in enumerate(files, 1):
        where = f'{path} cannot be used: entry {number}'
        if not _is_entry(entry):
            raise DataError(f'{where} is {_shortened(entry)}, expected a path, a size in bytes and a sha256 of 64 '
                            f'lower-case hexadecimal digits; {cure}')
        name = entry['path']
        if not _is_below(name):
            raise DataError(f'{where} names {_shortened(name)}, expected a path below the data root, such as '
                            f"'train/image/0.npy', without '..'; {cure}")
        if name in entries:
            raise DataError(f'{where} names {_shortened(name)} a second time; {cure}')
        entries[name] = FileDigest(entry['size'], entry['sha256'])
    return entries


def compare_with_manifest(path: str | Path, entries: Mapping[str, FileDigest], root: Path, read: Iterable[Path],
                          workers: int, progress: Callable[[int], None]) -> list[Problem]:
    """List in what the files below a folder differ from a manifest.

    Args:
        path: The manifest.
        entries: What it says. Each of its files is looked at, also one that the config does not read.
        root: The folder that its paths are relative to.
        read: The files that the data sets read; one that the manifest does not name was added.
        workers: How many files are read at once.
        progress: Is called with the number of bytes of each piece that was read. Of files of another size none is.

    Raises:
        DataError: If none of its files is there.
    """
    places = {root / name: expected for name, expected in entries.items()}
    if not any(place.exists() for place in places):
        raise DataError(f'none of the {len(entries)} files of {path} is in {str(root)!r}, such as '
                        f'{next(iter(entries))!r}; it is of another data set, or data_root is another folder')
    name = Path(path).name
    problems, same_size = [], []
    for place, expected in places.items():
        what = repr(place.relative_to(root).as_posix())
        try:
            size = check_regular_file(place, DataError)
        except DataError as error:
            kind = 'unusable file' if os.path.lexists(place) else 'missing file'
            problems.append(Problem(kind, name, f'{what} is missing; restore it' if kind == 'missing file'
                                    else str(error)))
            continue
        if size < expected.size:
            problems.append(Problem('truncated file', name, f'{what} has {size} bytes, expected {expected.size}: it is '
                                    f'truncated or another version; restore it'))
        elif size > expected.size:
            problems.append(Problem('changed file', name, f'{what} has {size} bytes, expected {expected.size}; '
                                    f'restore it'))
        else:
            same_size.append(place)
    digests, unreadable = digest_files(same_size, workers, progress)
    problems += [Problem('unusable file', name, sentence) for sentence in unreadable]
    problems += [Problem('changed file', name, f'{place.relative_to(root).as_posix()!r} has the size but not the '
                         f'content that is expected; restore it')
                 for place, digest in digests.items() if digest != places[place]]
    problems += [Problem('added file', name, f'{_below(place, root)!r} is read and not in the manifest; remove it, or '
                         f'write another manifest') for place in read if place not in places]
    return problems


def _below(place: Path, root: Path) -> str:
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else str(place)


def _is_entry(entry: object) -> bool:
    return (isinstance(entry, dict) and entry.keys() == _KEYS and isinstance(entry['path'], str)
            and type(entry['size']) is int and entry['size'] >= 0 and isinstance(entry['sha256'], str)
            and re.fullmatch('[0-9a-f]{64}', entry['sha256']) is not None)


def _is_below(name: str) -> bool:
    """Whether a path stays below the folder that it is relative to, and is written in the only way."""
    parts = name.split('/')
    return '\0' not in name and not {'', '.', '..'} & set(parts)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:96] + ' ...'
