"""Converts files one by one: nothing is overwritten, each file is written whole or not at all, and an interrupted
conversion can be resumed.
"""
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lhl.atomic import atomic_write
from lhl.errors import DataError, WriteError

#: The file in which :func:`record_options` remembers what a folder was made with.
RECORD = 'conversion.json'


class Conversion(NamedTuple):
    """One step of a conversion, usually one image with its targets.

    Args:
        name: What is converted, as an error names it: the path of the source file.
        outputs: The files that it makes.
        make: Gives the content of every output; a ValueError says what is wrong with the source.
    """

    name: str
    outputs: tuple[Path, ...]
    make: Callable[[], Mapping[Path, bytes]]


def convert_file(source_path: Path, output: Path, encode: Callable[[Path], bytes]) -> Conversion:
    """Describe the conversion of one file into one file.

    Args:
        source_path: The file to convert.
        output: The file to write.
        encode: Reads the source and gives the content of the output; it raises ValueError as ``make`` does.
    """
    return Conversion(str(source_path), (output, ), partial(_encode_file, source_path, output, encode))


def _encode_file(source_path: Path, output: Path, encode: Callable[[Path], bytes]) -> Mapping[Path, bytes]:
    return {output: encode(source_path)}


def run_conversions(conversions: Sequence[Conversion], description: str) -> int:
    """Make the outputs that do not exist yet, with a progress bar on stderr.

    A file that exists is kept as it is, so an interrupted call continues when it is repeated.

    Args:
        conversions: In the order in which they are made.
        description: What is being made, beside the progress bar.

    Returns:
        How many conversions had something to make.

    Raises:
        DataError: If a source cannot be used or an output cannot be written; what was converted before stays.
    """
    pending = [conversion for conversion in conversions if not all(path.exists() for path in conversion.outputs)]
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('ETA'),
               TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(description, total=len(conversions), completed=len(conversions) - len(pending))
        for conversion in pending:
            _convert(conversion)
            progress.advance(bar)
    return len(pending)


def _convert(conversion: Conversion) -> None:
    with source(conversion.name):
        contents = conversion.make()
    for path in conversion.outputs:
        if path.exists():
            continue
        try:
            with atomic_write(path) as file:
                file.write(contents[path])
        except WriteError as error:
            raise DataError(f'{error}, and run the same command again: it continues where this one stopped') from error


@contextmanager
def source(path: str | Path) -> Iterator[None]:
    """Name the source file in the errors of the block.

    Raises:
        DataError: In place of a ValueError or OSError; the innermost block names the file.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        raise DataError(f'{str(path)!r} cannot be converted: {error}; what was converted so far is kept, and the same '
                        f'command continues from there') from error


def record_options(folder: Path, options: Mapping[str, object]) -> None:
    """Record the options that the files of a folder are made with, and refuse to mix them with files of other options.

    Args:
        folder: The output folder; it need not exist.
        options: Plain values that the content of the files depends on, such as their size.

    Raises:
        DataError: If the folder was made with other options, or holds files of unknown origin.
        WriteError: If the record cannot be written.
    """
    path = folder / RECORD
    wanted = json.loads(json.dumps(options))
    try:
        if path.exists():
            found = json.loads(path.read_bytes())
            if found != wanted:
                raise DataError(f'{str(folder)!r} was converted with {found}, but {wanted} was asked for; convert into '
                                f'another folder, or ask for what it holds')
            return
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f'{str(folder)!r} is not empty and was not made by this converter ({RECORD} is missing), '
                            f'expected a new or an empty folder; name another one')
        with atomic_write(path) as file:
            file.write(json.dumps(wanted, indent=2).encode() + b'\n')
    except (OSError, ValueError) as error:
        raise DataError(f'{str(path)!r} cannot be read or written ({error}); check the folder and its permissions, or '
                        f'convert into another folder') from error
