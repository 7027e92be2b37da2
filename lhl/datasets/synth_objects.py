"""Ten classes of drawn objects as a data set; there is nothing on the disk."""
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lhl.errors import ConfigError
from lhl.options import Count, CountFrom0
from lhl.registry import DATASETS
from lhl.synthetic.objects.drawing import draw_object
from lhl.synthetic.objects.shapes import CLASSES
from lhl.tasks import Task

from .image_labels import ImageLabelDataset, LabelledImage

_SMALLEST_SIDE = 16


@DATASETS.register_module()
class SynthObjects(ImageLabelDataset):
    """One object of ten classes per image, drawn when it is asked for and then kept in memory.

    Shape and texture alone tell the class: place, size, turn and all colours are random. An image is given by
    ``image_seed``, the split, its number and ``size``, to the bit on every machine; image i is of class i modulo 10,
    so that more images per class only add to those that there are.

    Args:
        split: ``train`` or ``val``, which share no image.
        tasks: See :class:`~lhl.datasets.base.DenseDataset`.
        pipeline: Likewise.
        images_per_class: How many images of each class the split has.
        size: Height and width in pixels, at least 16.
        image_seed: Draws other images; ``seed`` is that of the transforms.
        kwargs: See :class:`~lhl.datasets.image_labels.ImageLabelDataset`.

    Raises:
        ConfigError: If size or number are impossible.
    """

    METAINFO = dict(classes=list(CLASSES))
    NUM_CLASSES = len(CLASSES)

    def __init__(self, split: str, tasks: Mapping[str, dict], pipeline: Sequence[dict], images_per_class: Count = 500,
                 size: Count = 32, image_seed: CountFrom0 = 0, **kwargs: Any) -> None:
        for option, value, least in (('images_per_class', images_per_class, 1), ('size', size, _SMALLEST_SIDE),
                                     ('image_seed', image_seed, 0)):
            if not isinstance(value, int) or value < least:
                raise ConfigError(f'SynthObjects got {option}={value}, expected a whole number of at least {least}')
        self.images_per_class, self.size, self.image_seed = images_per_class, size, image_seed
        super().__init__('synth_objects', split, tasks, pipeline, **kwargs)

    def list_images(self) -> list[LabelledImage]:
        """Return the classes in turn."""
        return [LabelledImage(number % self.NUM_CLASSES, number)
                for number in range(self.images_per_class * self.NUM_CLASSES)]

    def path(self, sample: LabelledImage, task: Task | None = None) -> Path:
        """A name for the image, of which there is no file."""
        return self.data_root / self.split / f'{CLASSES[sample.label]}_{sample.place:05}'

    def source_files(self) -> Iterator[Path]:
        """Nothing is read."""
        return iter(())

    def load_image(self, sample: LabelledImage) -> np.ndarray:
        """Draw an image ``(size, size, 3)``."""
        seed = (self.image_seed, self.SPLITS.index(self.split), sample.place)
        return draw_object(sample.label, seed, self.size).astype(np.float32) / 255
