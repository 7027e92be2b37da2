"""What the files of a task hold, as they are stored: types, channels, and how often each number occurs."""
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lhl.datasets.io.files import load_npy, load_picture
from lhl.datasets.io.target_pictures import load_labels
from lhl.errors import DataError

#: More colours than this are no classes.
MAX_CLASSES = 256


@dataclass
class Content:
    """The numbers of the files of a task.

    Args:
        dtype: As they are stored.
        channels: 1 for grey.
        files: How many could be read.
        unreadable: How many could not.
        counts: How many pixels have each number, of one channel of 8 or 16 bits.
        colours: How many pixels have each colour, ``0xRRGGBB``, where there are few.
        too_many: Whether there are more colours than any classes have.
        low: The smallest number, of other types.
        high: The largest one.
        trained: As ``counts``, of the images to train on.
        moments: Of the numbers above 0 of the images to train on: how many, their sum and the sum of their squares.
        nan: How many numbers are NaN.
        infinite: How many are infinite.
        negative: How many pixels have each number below 0; at most a few numbers are kept.
        is_grey: Whether all three channels are the same.
        lengths: The mean length of the vectors that are not 0.
    """

    dtype: np.dtype
    channels: int
    files: int = 0
    unreadable: int = 0
    counts: np.ndarray = field(default_factory=lambda: np.zeros(65536, np.int64))
    colours: Counter[int] = field(default_factory=Counter)
    too_many: bool = False
    low: float = np.inf
    high: float = -np.inf
    trained: np.ndarray = field(default_factory=lambda: np.zeros(65536, np.int64))
    moments: np.ndarray = field(default_factory=lambda: np.zeros(3))
    nan: int = 0
    infinite: int = 0
    negative: Counter[float] = field(default_factory=Counter)
    is_grey: bool = True
    lengths: float = 0.0

    @property
    def numbers(self) -> list[int]:
        """The whole numbers that occur, in order."""
        return np.flatnonzero(self.counts).tolist()

    @property
    def bits(self) -> int:
        """Of a whole number."""
        return 8 * self.dtype.itemsize

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are whole ones of 8 or 16 bits."""
        return self.dtype in (np.uint8, np.uint16)

    def add(self, raw: np.ndarray, is_trained: bool) -> None:
        """Count the numbers of one more file."""
        self.files += 1
        if self.is_whole and self.channels == 1:
            self._add_counts(raw, is_trained)
        elif self.channels == 3 and self.dtype == np.uint8:
            self.is_grey &= bool((raw == raw[..., :1]).all())
            if not self.too_many:
                values, counts = np.unique(raw @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
                self.colours.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
                self.too_many = len(self.colours) > MAX_CLASSES
            if self.is_grey:
                self._add_counts(raw[..., 0], is_trained)
        else:
            self._add_numbers(raw.astype(np.float64), is_trained)

    def _add_counts(self, raw: np.ndarray, is_trained: bool) -> None:
        counts = np.bincount(raw.ravel(), minlength=65536)
        self.counts += counts
        self.trained += counts * is_trained

    def _add_numbers(self, raw: np.ndarray, is_trained: bool) -> None:
        finite = raw[np.isfinite(raw)]
        self.nan += int(np.isnan(raw).sum())
        self.infinite += int(np.isinf(raw).sum())
        if finite.size:
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        if is_trained:
            positive = finite[finite > 0]
            self.moments += positive.size, positive.sum(), np.square(positive).sum()
        if len(self.negative) < 8:
            values, counts = np.unique(finite[finite < 0], return_counts=True)
            self.negative.update(dict(zip(values[:8].tolist(), counts[:8].tolist(), strict=True)))
        if self.channels == 3:
            lengths = np.linalg.norm(raw, axis=-1)
            lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
            if lengths.size:
                self.lengths += (float(lengths.mean()) - self.lengths) / self.files


def read_content(task: str, paths: Iterable[tuple[Path, bool]], as_classes: bool) -> Content:
    """Read the files of a task.

    Args:
        task: Its name, for errors.
        paths: Of the files, and whether each is trained on.
        as_classes: Whether the numbers of a palette count, not its colours.

    Raises:
        DataError: If no file can be read, or they are of different types.
    """
    content, first, unreadable, why = None, Path(), 0, ''
    for path, is_trained in paths:
        try:
            raw = read_raw(path, as_classes)
        except ValueError as error:
            unreadable, why = unreadable + 1, why or f'{path}: {error}'
            continue
        channels = 1 if raw.ndim == 2 else raw.shape[2]
        if content is None:
            content, first = Content(raw.dtype, channels), path
        elif (raw.dtype, channels) != (content.dtype, content.channels):
            raise DataError(
                f'the files of {task} are of different types: {first} holds '
                f'{_described(content.dtype, content.channels)}, {path} {_described(raw.dtype, channels)}, expected '
                f'one; export them alike, or name one kind of files, such as {task}={path.parent}/{{}}{path.suffix}')
        content.add(raw[..., 0] if raw.ndim == 3 and channels == 1 else raw, is_trained)
    if content is None:
        raise DataError(f'no file of {task} can be read, such as {why}')
    content.unreadable = unreadable
    return content


def read_raw(path: Path, as_classes: bool) -> np.ndarray:
    """Read a file as the data set does, or raise a ValueError that says what is wrong with it."""
    if path.suffix.lower() == '.npy':
        raw = load_npy(path)
        if raw.ndim > 3 or raw.dtype.kind not in 'fiub':
            raise ValueError(f'found shape {raw.shape} of type {raw.dtype}, expected numbers (height, width) or '
                             f'(height, width, channels); export it again')
        return raw.astype(np.uint8) if raw.dtype == bool else raw
    return load_labels(path) if as_classes else load_picture(path)


def _described(dtype: np.dtype, channels: int) -> str:
    return f'{dtype} in {channels} channels' if channels > 1 else f'{dtype}'
