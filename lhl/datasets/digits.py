"""Handwritten digits: 1797 real images that come with scikit-learn, so that there is nothing to download."""
import gzip
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lhl.errors import ConfigError, DataError
from lhl.options import Count
from lhl.registry import DATASETS
from lhl.tasks import Task

from .image_labels import ImageLabelDataset, LabelledImage

FILE = 'datasets/data/digits.csv.gz'
#: The SHA-256 of its content, unpacked.
CONTENT = '6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8'
#: Height and width of an image as it was published.
SIDE = 8
#: Which lines of the file a split has, the first and the one after the last.
LINES = dict(train=(0, 1000), search=(1000, 1200), val=(1200, 1797))


@DATASETS.register_module()
class Digits(ImageLabelDataset):
    """Ten classes, the digits 0 to 9 in the handwriting of 13 people: the test set of UCI's "Optical recognition of
    handwritten digits" (Alpaydin and Kaynak, 1998).

    A pixel counts how many of 4x4 points of a scan are ink, 0 to 16. The image is enlarged by a whole factor, each
    pixel to a square, and the three channels are equal: white on black. The file of the installed scikit-learn is
    read, of which nothing is imported.

    Args:
        split: ``train`` (1000 images), ``search`` (200, to choose strengths with) or ``val`` (597), which follow each
            other in the file.
        tasks: See :class:`~lhl.datasets.base.DenseDataset`.
        pipeline: Likewise.
        size: Height and width in pixels, a multiple of 8.
        kwargs: See :class:`~lhl.datasets.image_labels.ImageLabelDataset`.

    Raises:
        ConfigError: If the size is no multiple of 8.
        DataError: If scikit-learn is not installed, or its file is another one.
    """

    METAINFO = dict(classes=[str(digit) for digit in range(10)])
    NUM_CLASSES = 10
    SPLITS = tuple(LINES)

    def __init__(self, split: str, tasks: Mapping[str, dict], pipeline: Sequence[dict], size: Count = 32,
                 **kwargs: Any) -> None:
        if not isinstance(size, int) or size < SIDE or size % SIDE:
            raise ConfigError(f'Digits got size={size}, expected a multiple of {SIDE}, such as {4 * SIDE}')
        self.file, self.factor = _package() / FILE, size // SIDE
        super().__init__(self.file.parent, split, tasks, pipeline, **kwargs)

    def list_images(self) -> list[LabelledImage]:
        """Return the images of the split in the order of the file."""
        images, labels = _read(self.file)
        self.images = np.kron(images / np.float32(16), np.ones((self.factor, self.factor), np.float32))
        first, last = LINES[self.split]
        return [LabelledImage(int(labels[line]), line) for line in range(first, last)]

    def path(self, sample: LabelledImage, task: Task | None = None) -> Path:
        """The file, and below it the line, as if it were a file of its own."""
        return self.file / f'{sample.place:04}'

    def load_image(self, sample: LabelledImage) -> np.ndarray:
        """Return an image ``(size, size, 3)``."""
        return np.repeat(self.images[sample.place, ..., None], 3, axis=-1)


def _package() -> Path:
    """Find the folder of scikit-learn."""
    found = find_spec('sklearn')
    if found is None or found.origin is None:
        raise DataError("Digits are in a file of scikit-learn, which is not installed; pip install 'lhl[digits]'")
    return Path(found.origin).parent


@cache
def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the images ``(1797, 8, 8)`` uint8, and their labels ``(1797,)``."""
    cure = "install scikit-learn again, pip install 'lhl[digits]'"
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f'file {str(path)!r} of scikit-learn cannot be read ({error}); {cure}') from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != CONTENT:
        raise DataError(f'file {str(path)!r} of scikit-learn is another one: found the SHA-256 {digest} of its '
                        f'content, expected {CONTENT}; {cure}')
    numbers = np.array([line.split(',') for line in content.decode().split()], np.uint8)
    numbers.setflags(write=False)
    return numbers[:, :-1].reshape(-1, SIDE, SIDE), numbers[:, -1]
