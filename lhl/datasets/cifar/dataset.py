"""CIFAR-10 and CIFAR-100: 60000 tiny photographs of 10 and of 100 things, read from the archives as published."""
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from lhl.datasets.image_labels import ImageLabelDataset, LabelledImage
from lhl.datasets.io.archives import read_folder, read_tar
from lhl.errors import DataError
from lhl.registry import DATASETS
from lhl.tasks import Task

from .batch_files import check_labels, decode_batch, decode_records

#: In the order of their labels.
CIFAR10_CLASSES = ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')
CIFAR100_CLASSES = (
    'apple', 'aquarium_fish', 'baby', 'bear', 'beaver', 'bed', 'bee', 'beetle', 'bicycle', 'bottle', 'bowl', 'boy',
    'bridge', 'bus', 'butterfly', 'camel', 'can', 'castle', 'caterpillar', 'cattle', 'chair', 'chimpanzee', 'clock',
    'cloud', 'cockroach', 'couch', 'crab', 'crocodile', 'cup', 'dinosaur', 'dolphin', 'elephant', 'flatfish', 'forest',
    'fox', 'girl', 'hamster', 'house', 'kangaroo', 'keyboard', 'lamp', 'lawn_mower', 'leopard', 'lion', 'lizard',
    'lobster', 'man', 'maple_tree', 'motorcycle', 'mountain', 'mouse', 'mushroom', 'oak_tree', 'orange', 'orchid',
    'otter', 'palm_tree', 'pear', 'pickup_truck', 'pine_tree', 'plain', 'plate', 'poppy', 'porcupine', 'possum',
    'rabbit', 'raccoon', 'ray', 'road', 'rocket', 'rose', 'sea', 'seal', 'shark', 'shrew', 'skunk', 'skyscraper',
    'snail', 'snake', 'spider', 'squirrel', 'streetcar', 'sunflower', 'sweet_pepper', 'table', 'tank', 'telephone',
    'television', 'tiger', 'tractor', 'train', 'trout', 'tulip', 'turtle', 'wardrobe', 'whale', 'willow_tree', 'wolf',
    'woman', 'worm')


class Version(NamedTuple):
    """One of the forms in which a data set is published."""

    folder: str  #: what the archive unpacks to
    archive: str
    files: dict[str, tuple[str, ...]]  #: of each split
    decode: Callable[[bytes, int], tuple[np.ndarray, np.ndarray]]  #: a file and how many images it must have


class _CIFAR(ImageLabelDataset):
    """What both data sets share; the first version that is found is read."""

    #: In the order in which they are tried: what needs no pickle first.
    VERSIONS: ClassVar[tuple[Version, ...]]
    #: Of each split.
    IMAGES_PER_FILE: ClassVar[dict[str, int]]

    def list_images(self) -> list[LabelledImage]:
        """Read all images of the split, file after file."""
        version, place = self._find()
        names = version.files[self.split]
        self.paths = [place / name for name in names]
        content = (read_folder(place, names, version.archive) if place.name == version.folder
                   else read_tar(place, version.folder, names))
        images, labels = [], []
        for path in self.paths:
            try:
                file_images, file_labels = version.decode(content[path.name], self.IMAGES_PER_FILE[self.split])
                check_labels(file_labels, self.NUM_CLASSES)
            except ValueError as error:
                raise DataError(f'file {str(path)!r} cannot be used: {error}') from error
            images.append(file_images)
            labels += file_labels.tolist()
        self.images = np.concatenate(images)
        return [LabelledImage(label, number) for number, label in enumerate(labels)]

    def path(self, sample: LabelledImage, task: Task | None = None) -> Path:
        """The file, and below it the number of the image in the split, as if it were a file of its own."""
        return self.paths[sample.place // self.IMAGES_PER_FILE[self.split]] / f'{sample.place:05}'

    def load_image(self, sample: LabelledImage) -> np.ndarray:
        """Return an image ``(32, 32, 3)``."""
        return self.images[sample.place].astype(np.float32) / 255

    def _find(self) -> tuple[Version, Path]:
        """Find the folder or the archive of one of the versions."""
        for version in self.VERSIONS:
            for place in (self.data_root / version.folder, self.data_root / version.archive):
                if place.exists():
                    return version, place
        expected = ' or '.join(version.archive for version in self.VERSIONS)
        unpacked = ' or '.join(f'{version.folder}/' for version in self.VERSIONS)
        raise DataError(f'data_root {str(self.data_root)!r} holds no {type(self).__name__}, expected {expected}, or '
                        f'what they unpack to, {unpacked}; put an archive from the page of the CIFAR data sets there')


@DATASETS.register_module()
class CIFAR10(_CIFAR):
    """10 classes, 5000 training and 1000 test images of each, 32 x 32 (Krizhevsky, 2009).

    ``data_root`` holds one of these, which is read as it is; the first that is found::

        cifar-10-batches-bin/ or cifar-10-binary.tar.gz    {data_batch_1,...,data_batch_5,test_batch}.bin
        cifar-10-batches-py/ or cifar-10-python.tar.gz     {data_batch_1,...,data_batch_5,test_batch}, pickles

    Of the pickles no code is run, see :func:`~lhl.datasets.io.plain_pickle.load_plain_pickle`. The images of a split,
    150 and 30 MB, are kept in memory. Validation is the test set.

    Args:
        args: See :class:`~lhl.datasets.base.DenseDataset`.
        kwargs: See :class:`~lhl.datasets.image_labels.ImageLabelDataset`.
    """

    METAINFO = dict(classes=list(CIFAR10_CLASSES))
    NUM_CLASSES = 10
    IMAGES_PER_FILE = dict(train=10000, val=10000)
    VERSIONS = (
        Version('cifar-10-batches-bin', 'cifar-10-binary.tar.gz',
                dict(train=tuple(f'data_batch_{number}.bin' for number in range(1, 6)), val=('test_batch.bin', )),
                partial(decode_records, label_bytes=1)),
        Version('cifar-10-batches-py', 'cifar-10-python.tar.gz',
                dict(train=tuple(f'data_batch_{number}' for number in range(1, 6)), val=('test_batch', )),
                partial(decode_batch, label_key=b'labels')))


@DATASETS.register_module()
class CIFAR100(_CIFAR):
    """100 classes, 500 training and 100 test images of each, 32 x 32 (Krizhevsky, 2009): the fine labels.

    ``data_root`` holds one of these, see :class:`CIFAR10`::

        cifar-100-binary/ or cifar-100-binary.tar.gz    train.bin, test.bin
        cifar-100-python/ or cifar-100-python.tar.gz    train, test: pickles

    Args:
        args: See :class:`~lhl.datasets.base.DenseDataset`.
        kwargs: See :class:`~lhl.datasets.image_labels.ImageLabelDataset`.
    """

    METAINFO = dict(classes=list(CIFAR100_CLASSES))
    NUM_CLASSES = 100
    IMAGES_PER_FILE = dict(train=50000, val=10000)
    VERSIONS = (
        Version('cifar-100-binary', 'cifar-100-binary.tar.gz', dict(train=('train.bin', ), val=('test.bin', )),
                partial(decode_records, label_bytes=2)),  # the coarse label, the fine one
        Version('cifar-100-python', 'cifar-100-python.tar.gz', dict(train=('train', ), val=('test', )),
                partial(decode_batch, label_key=b'fine_labels')))
