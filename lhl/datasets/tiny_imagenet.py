"""Tiny ImageNet: 110000 small photographs of 200 things, read from the archive as published."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lhl.errors import DataError
from lhl.registry import DATASETS
from lhl.tasks import Task

from .image_labels import ImageLabelDataset, LabelledImage
from .io.archives import UnpackedFiles, ZippedFiles
from .io.files import as_rgb, decode_picture

FOLDER = 'tiny-imagenet-200'
ARCHIVE = f'{FOLDER}.zip'


@DATASETS.register_module()
class TinyImageNet(ImageLabelDataset):
    """200 classes, 500 training and 50 validation images of each, 64 x 64 (Stanford's course CS231n).

    ``data_root`` holds the archive ``tiny-imagenet-200.zip``, which is read as it is, or before it what it unpacks
    to::

        tiny-imagenet-200/wnids.txt                          the classes in their order, by their WordNet number
        tiny-imagenet-200/words.txt                          their names
        tiny-imagenet-200/train/WNID/images/*.JPEG
        tiny-imagenet-200/val/images/*.JPEG
        tiny-imagenet-200/val/val_annotations.txt            image, class and box of each

    The labels of ``test/`` are not published: validation is the test set. Grey images get three equal channels.

    Args:
        args: See :class:`~lhl.datasets.base.DenseDataset`.
        kwargs: See :class:`~lhl.datasets.image_labels.ImageLabelDataset`.
    """

    NUM_CLASSES = 200
    #: Of each split.
    IMAGES_PER_CLASS = dict(train=500, val=50)

    def list_images(self) -> list[LabelledImage]:
        """List the images by class in training, and in the order of their list in validation."""
        self.files = self._find()
        names = ('wnids.txt', 'words.txt', *(['val/val_annotations.txt'] if self.split == 'val' else []))
        self.lists = [self.files.location(name) for name in names]
        self.wnids = self._read_classes()
        self.class_names = self._read_names()
        files = self.files.names()
        images = self._training_images(files) if self.split == 'train' else self._validation_images(files)
        counts = np.bincount([image.label for image in images], minlength=self.NUM_CLASSES)
        expected = self.IMAGES_PER_CLASS[self.split]
        for wnid, count in zip(self.wnids, counts.tolist(), strict=True):
            if count != expected:
                raise DataError(f'class {wnid} has {count} images in the split {self.split!r} of '
                                f'{str(self.files.location(""))!r}, expected {expected}; restore them from {ARCHIVE}')
        return images

    def path(self, sample: LabelledImage, task: Task | None = None) -> Path:
        """The file, whose path goes through the archive if it is in one."""
        return self.files.location(sample.place)

    def load_image(self, sample: LabelledImage) -> np.ndarray:
        """Decode a picture."""
        return as_rgb(decode_picture(self.files.read(sample.place)))

    @property
    def metainfo(self) -> dict:
        """The names of the classes, beside what every data set tells."""
        return dict(super().metainfo, classes=list(self.class_names), wnids=list(self.wnids))

    def _find(self) -> UnpackedFiles | ZippedFiles:
        """Find the folder or the archive."""
        if (self.data_root / FOLDER).is_dir():
            return UnpackedFiles(self.data_root / FOLDER)
        if (self.data_root / ARCHIVE).is_file():
            return ZippedFiles(self.data_root / ARCHIVE, FOLDER)
        raise DataError(f'data_root {str(self.data_root)!r} holds no TinyImageNet, expected {ARCHIVE}, or what it '
                        f'unpacks to, {FOLDER}/; put the archive of CS231n there')

    def _lines(self, name: str) -> list[str]:
        """Read the lines of a list."""
        try:
            return [line for line in self.files.read(name).decode().splitlines() if line.strip()]
        except ValueError as error:
            raise DataError(f'list {str(self.files.location(name))!r} cannot be used: {error}') from error

    def _read_classes(self) -> list[str]:
        """Read the classes in their order."""
        wnids = [line.strip() for line in self._lines('wnids.txt')]
        if len(set(wnids)) != len(wnids) or len(wnids) != self.NUM_CLASSES:
            raise DataError(f'list {str(self.files.location("wnids.txt"))!r} names {len(set(wnids))} classes in '
                            f'{len(wnids)} lines, expected {self.NUM_CLASSES}, one per line; restore it from {ARCHIVE}')
        return wnids

    def _read_names(self) -> list[str]:
        """Read the first name of each class from those of all of WordNet."""
        names = dict(line.split('\t', 1) for line in self._lines('words.txt') if '\t' in line)
        missing = [wnid for wnid in self.wnids if wnid not in names]
        if missing:
            raise DataError(f'list {str(self.files.location("words.txt"))!r} has no name for class {missing[0]}, '
                            f'expected lines of a class, a tabulator and its names; restore it from {ARCHIVE}')
        return [names[wnid].split(',')[0].strip() for wnid in self.wnids]

    def _training_images(self, files: Sequence[str]) -> list[LabelledImage]:
        """Find the images in the folder of each class."""
        by_class: dict[str, list[str]] = {wnid: [] for wnid in self.wnids}
        for name in files:
            parts = name.split('/')
            if len(parts) == 4 and parts[0] == 'train' and parts[2] == 'images' and name.endswith('.JPEG'):
                if parts[1] not in by_class:
                    raise DataError(f'folder {str(self.files.location(f"train/{parts[1]}"))!r} is of no class in '
                                    f'wnids.txt, expected {self.wnids[0]} or another of its {self.NUM_CLASSES}; '
                                    f'restore both from {ARCHIVE}')
                by_class[parts[1]].append(name)
        return [LabelledImage(label, name) for label, wnid in enumerate(self.wnids) for name in by_class[wnid]]

    def _validation_images(self, files: Sequence[str]) -> list[LabelledImage]:
        """Read the list of images and classes, and make sure that each is there."""
        known, labels = set(files), {wnid: label for label, wnid in enumerate(self.wnids)}
        location = str(self.files.location('val/val_annotations.txt'))
        images = []
        for line in self._lines('val/val_annotations.txt'):
            name, *rest = line.split('\t')
            if not rest or rest[0] not in labels:
                raise DataError(f'list {location!r} has the line {line!r}, expected an image, a tabulator and a class '
                                f'of wnids.txt; restore it from {ARCHIVE}')
            images.append(LabelledImage(labels[rest[0]], f'val/images/{name}'))
            if images[-1].place not in known:
                raise DataError(f'{str(self.files.location(images[-1].place))!r} is missing, which the list '
                                f'{location!r} names; restore it from {ARCHIVE}')
        return images
