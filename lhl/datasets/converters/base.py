"""How files are converted one by one: never over anything, whole or not at all, resumable after any interruption."""
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lhl.atomic import atomic_write
from lhl.errors import DataError

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


def run_conversions(conversions: Sequence[Conversion], description: str) -> int:
    """Make the outputs that are not there yet, with a progress bar on stderr.

    A file that exists is kept as it is, so a call that was interrupted goes on when it is repeated.

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
        except OSError as error:
            raise DataError(f'{str(path)!r} cannot be written ({error}); make room or choose another folder, and give '
                            f'the same command again: it goes on where this one stopped') from error


@contextmanager
def source(path: str | Path) -> Iterator[None]:
    """Name the source file in what goes wrong inside the block.

    Raises:
        DataError: In place of a ValueError or OSError; the innermost block names the file.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        raise DataError(f'{str(path)!r} cannot be converted: {error}; what was converted so far is kept, and the same '
                        f'command goes on there') from error


def record_options(folder: Path, options: Mapping[str, object]) -> None:
    """Remember what the files of a folder are made with, and refuse to mix them with files made otherwise.

    Args:
        folder: The output folder; it need not exist.
        options: Plain values that the content of the files depends on, such as their size.

    Raises:
        DataError: If the folder was made with other options, or holds files of unknown origin.
    """
    path = folder / RECORD
    wanted = json.loads(json.dumps(options))
    try:
        if path.exists():
            found = json.loads(path.read_bytes())
            if found != wanted:
                raise DataError(f'{str(folder)!r} was converted with {found}, but {wanted} was asked for; convert into '
                                f'another folder, or ask for what is there')
            return
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f'{str(folder)!r} is not empty and was not made by this converter ({RECORD} is missing), '
                            f'expected a new or an empty folder; name another one')
        with atomic_write(path) as file:
            file.write(json.dumps(wanted, indent=2).encode() + b'\n')
    except (OSError, ValueError) as error:
        raise DataError(f'{str(path)!r} cannot be read or written ({error}); check the folder and its permissions, or '
                        f'convert into another folder') from error


def encode_npy(array: np.ndarray) -> bytes:
    """Encode an array as the content of a .npy file, without pickling."""
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(array), allow_pickle=False)
    return content.getvalue()


def encode_png(picture: np.ndarray) -> bytes:
    """Encode ``(H, W)`` or RGB ``(H, W, 3)``, uint8 or uint16, as the content of a PNG file, without loss.

    Raises:
        ValueError: If it is of another shape or type.
    """
    if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3, )):
        raise ValueError(f'found a picture of shape {picture.shape} and type {picture.dtype}, expected (height, width) '
                         f'or (height, width, 3) of 8 or 16 bits; convert it first')
    encoded, content = cv2.imencode('.png', picture if picture.ndim == 2 else picture[..., ::-1])
    if not encoded:
        raise ValueError('found a picture that cannot be encoded, expected one that a PNG can hold; check its size')
    return content.tobytes()


def resize_nearest(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize ``(H, W, ...)`` by taking, for every new pixel, the one that holds its centre."""
    rows = (2 * np.arange(height) + 1) * array.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * array.shape[1] // (2 * width)
    return array[rows[:, None], columns]


def resize_mean(array: np.ndarray, height: int, width: int, valid: np.ndarray | None = None) -> np.ndarray:
    """Shrink ``(H, W)`` or ``(H, W, C)`` by averaging over the area of every new pixel.

    Args:
        array: Numbers.
        height: Rows of the result.
        width: Columns of the result.
        valid: ``(H, W)`` bool: what is averaged over. Default: everything.

    Returns:
        float32 means; NaN where the area holds no valid pixel.
    """
    size = width, height
    if valid is None:
        return cv2.resize(array.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    shares = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    weights = valid if array.ndim == 2 else valid[..., None]
    sums = cv2.resize(np.where(weights, array, 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    shares = np.where(shares > 1e-6, shares, np.nan).astype(np.float32)
    return sums / (shares if array.ndim == 2 else shares[..., None])
