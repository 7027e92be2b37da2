"""Finds the files of the images that the text file of a split names."""
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lhl.errors import DataError


def read_names(path: Path) -> list[str]:
    """Read the names of a split's images, one per line, in their order.

    Raises:
        DataError: If there is no such file, no name in it, one name twice, or one that is no plain file name.
    """
    names = read_lines(path, f'point data_root at the folder that holds {path.parent.name}/, and check that it was '
                             f'unpacked fully')
    if not names:
        raise DataError(f'list {str(path)!r} names no image, expected one name per line; restore it from the archive')
    for name in names:
        if not re.fullmatch(r'\w[\w.-]*', name):
            raise DataError(f'list {str(path)!r} has the line {name!r}, expected the name of a file without folder and '
                            f'suffix; restore it from the archive')
    refuse_repetitions(path, names)
    return names


def read_lines(path: Path, advice: str) -> list[str]:
    """Read the lines of a list that are not empty, without the space around them.

    Args:
        path: The text file, UTF-8.
        advice: What to do if it cannot be read.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'list {str(path)!r} of the images of a split cannot be read ({error}); {advice}') from error
    return [line.strip() for line in lines if line.strip()]


def refuse_repetitions(path: Path, names: Sequence[str]) -> None:
    """Refuse a list that has a name more than once."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f'list {str(path)!r} has {twice!r} more than once; remove the repetitions')


def find_files(root: Path, names: Sequence[str], places: Sequence[str]) -> Mapping[str, Path]:
    """Find the file of each image.

    Args:
        root: The folder of the data set.
        names: The images.
        places: Where the files may lie below ``root``, such as ``depth/{}.npy`` and ``depth/{}.mat``; the first place
            that has a file is taken, for each image.

    Raises:
        DataError: If a folder or a file is missing.
    """
    folders = {Path(place).parent: Path(root, place).parent for place in places}
    content = {folder: {entry.name for entry in path.iterdir()} for folder, path in folders.items() if path.is_dir()}
    if not content:
        folder = next(iter(folders))
        raise DataError(f'folder {str(root / folder)!r} is missing, expected {" or ".join(map(str, folders))}/ in '
                        f'data_root {str(root)!r}; check that data_root is the folder of the data set, and that it was '
                        f'unpacked fully')
    files = {}
    for name in names:
        for place in places:
            path = Path(place.format(name))
            if path.name in content.get(path.parent, ()):
                files[name] = root / path
                break
    if len(files) < len(names):
        missing = next(name for name in names if name not in files)
        tried = ' or '.join(repr(str(root / place.format(missing))) for place in places)
        raise DataError(f'{tried} is missing ({len(files)} of the {len(names)} images in the list have such a file); '
                        f'restore it from the archive, or remove the name from the list')
    return files
