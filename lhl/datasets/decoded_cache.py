"""Keeps the decoded samples of a small data set in one memory-mapped file, which the workers of a loader share."""
import mmap
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from lhl.errors import ConfigError

#: The types that class indices are stored as, if they fit.
_LABELS = (np.uint8, np.int16, np.int32)
#: Bytes of a place in the table: whether it is filled, and the sum of what is there.
_ENTRY = 16


class UnsuitableError(Exception):
    """Why a data set is decoded anew in every epoch; only whoever asked for a cache sees it."""


class DecodedCache:
    """Samples as :func:`encoded` gives them, in a file without a name that ends with the last process that uses it.

    So nothing of it can be out of date, changed by others or left behind: not even a run that is killed or resumed
    finds an earlier one. Each place has room for a sample like the first. Its sum is written after it and compared
    whenever it is read, so a place counts as empty if a worker died while it wrote, or the disk has lost something.
    Channels lie apart, as a batch needs them: cropping, mirroring and packing move rows in place of single numbers.
    What does not fit, because it is of another size or type, is decoded in every epoch.

    Processes that are forked share it. A process that is started otherwise gets ``None`` in its place.

    Args:
        folder: On the file system that has room for it.
        first: A sample, which decides the size and the types.
        count: The number of samples.

    Raises:
        OSError: If the file cannot be made.
    """

    def __init__(self, folder: str | Path, first: Mapping[tuple[str, str], np.ndarray], count: int) -> None:
        self.layout = _layout(first)
        self.slot = num_bytes(first)
        self.count = count
        self.start = -(-(count + 1) * _ENTRY // mmap.PAGESIZE) * mmap.PAGESIZE
        with tempfile.TemporaryFile(dir=folder) as file:
            os.pwrite(file.fileno(), bytes(self.start), 0)  # the table of sums is never missing on a full disk
            file.truncate(self.start + count * self.slot)
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.file = os.dup(file.fileno())

    def __del__(self) -> None:
        if hasattr(self, 'file'):
            os.close(self.file)

    def __reduce__(self) -> tuple:
        return type(None), ()

    def get(self, position: int) -> dict[tuple[str, str], np.ndarray] | None:
        """Give the sample at a position, to be read only, or None where it is not there."""
        is_there, total = np.frombuffer(self.map, np.uint64, 2, position * _ENTRY)
        arrays, offset = {}, self.start + position * self.slot
        if not is_there or np.frombuffer(self.map, np.uint64, self.slot // 8, offset).sum() != total:
            return None
        for key, dtype, shape in self.layout:
            size = int(np.prod(shape))
            values = np.frombuffer(self.map, dtype, size, offset)
            arrays[key] = (np.moveaxis(values.reshape(shape[-1], *shape[:-1]), 0, -1) if len(shape) == 3 else
                           values.reshape(shape))
            offset += _aligned(size * dtype.itemsize)
        return arrays

    def put(self, position: int, arrays: Mapping[tuple[str, str], np.ndarray]) -> None:
        """Keep a sample if it fits; a disk without room ends that, with one warning of all processes."""
        if self.map[self.count * _ENTRY] or _layout(arrays) != self.layout:
            return
        content = b''.join((np.moveaxis(array, -1, 0) if array.ndim == 3 else array).tobytes()
                           .ljust(_aligned(array.nbytes), b'\0') for array in arrays.values())
        total, written = np.frombuffer(content, np.uint64).sum(), 0
        try:
            while written < self.slot:
                written += os.pwrite(self.file, content[written:], self.start + position * self.slot + written)
            os.pwrite(self.file, np.array([1, total], np.uint64).tobytes(), position * _ENTRY)
        except OSError as error:
            os.pwrite(self.file, b'\1', self.count * _ENTRY)
            print_log(f'no further decoded image is kept ({error.strerror}): the others are decoded in every epoch',
                      logger='current', level=30)


def num_bytes(arrays: Mapping[tuple[str, str], np.ndarray]) -> int:
    """Count the bytes that a sample takes in the file."""
    return sum(_aligned(array.nbytes) for array in arrays.values())


def encoded(sample: Mapping) -> dict[tuple[str, str], np.ndarray]:
    """Make the arrays of a sample as small as they can be without loss.

    Args:
        sample: As :class:`~lhl.datasets.base.DenseDataset` describes it.

    Returns:
        By section and name: an image of 8 bits as uint8, another as it is; class indices in the smallest type; maps of
        numbers as they are.
    """
    arrays = {('image', ''): image_levels(sample['image'])}
    for section in ('targets', 'valid'):
        arrays |= {(section, name): array for name, array in sample[section].items()}
    return {key: _narrowed(array) if array.dtype == np.int64 else array for key, array in arrays.items()}


def image_levels(image: np.ndarray) -> np.ndarray:
    """Give the levels, uint8, of an image of 8 bits in [0, 1]; another image as it is."""
    levels = np.rint(image * np.float32(255)).astype(np.uint8)
    return levels if np.array_equal(from_levels(levels).view(np.int32), image.view(np.int32)) else image


def from_levels(levels: np.ndarray) -> np.ndarray:
    """Turn uint8 into float32 in [0, 1], to the bit as when a picture is read."""
    return levels.astype(np.float32) / 255 if levels.dtype == np.uint8 else levels


def room_for_cache(first: Mapping[tuple[str, str], np.ndarray], count: int, folder: str | Path, gib: float,
                   num_processes: int = 1) -> None:
    """Refuse to keep samples that take too much of the disk.

    Args:
        first: One of them.
        count: How many they are.
        folder: The folder of the file.
        gib: The most that they may take, in GiB.
        num_processes: How many processes keep all of them.

    Raises:
        UnsuitableError: If they take more, or half of what is free.
    """
    size = count * num_bytes(first) * num_processes
    free = shutil.disk_usage(folder).free
    if size > gib * 2**30:
        raise UnsuitableError(f'they would take {size / 2**30:.1f} GiB, more than env_cfg.decoded_cache_gib={gib:g}')
    if size > free / 2:
        raise UnsuitableError(f'they would take {size / 2**30:.1f} GiB of the {free / 2**30:.1f} GiB that are free')


def checked_gib(gib: object) -> float:
    """Refuse what is no amount of memory."""
    if isinstance(gib, bool) or not isinstance(gib, int | float) or not 0 <= gib < float('inf'):
        raise ConfigError(f'env_cfg.decoded_cache_gib={gib!r} is impossible; give the most that decoded images may '
                          f'take on the disk, in GiB, or 0 to decode them in every epoch')
    return gib


def _narrowed(labels: np.ndarray) -> np.ndarray:
    low, high = int(labels.min()), int(labels.max())
    fitting = (kind for kind in _LABELS if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return labels.astype(next(fitting, np.int64))


def _layout(arrays: Mapping[tuple[str, str], np.ndarray]) -> list:
    return [(key, array.dtype, array.shape) for key, array in arrays.items()]


def _aligned(size: int) -> int:
    """The next multiple of 8: numbers lie where processors want them."""
    return -(-size // 8) * 8
