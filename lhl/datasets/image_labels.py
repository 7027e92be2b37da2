"""The base of data sets whose images have one class each: tasks that divide the classes divide the images."""
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lhl.errors import ConfigError, DataError
from lhl.tasks import Task

from .base import DenseDataset


class LabelledImage(NamedTuple):
    """An image of a split: its class, and where it is found."""

    label: int
    place: Any


class ImageLabelDataset(DenseDataset):
    """Images that each show one thing, whose class is the target ``(1, 1)`` of image-level tasks.

    Each task names some of the classes in its ``labels``, by their numbers among all classes. The data set holds the
    images whose class is among those of one of its tasks, so that a phase sees its own classes and validation those
    of all tasks seen. An image is valid for the tasks that name its class. Its number, by which it is augmented, is
    that among all images of the split, whatever the tasks.

    A subclass lists its images (:meth:`list_images`) and, as every data set, locates and loads them (:meth:`path`,
    :meth:`load_image`).

    Args:
        args: See :class:`~lhl.datasets.base.DenseDataset`.
        kwargs: Likewise.

    Raises:
        ConfigError: If a task has no ``labels``, or one that is no class of the data set.
        DataError: If no image is left, beside what every data set refuses.
    """

    #: How many classes there are.
    NUM_CLASSES: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.indices = [index for index in self.indices if self._is_wanted(index)]
        if not self.indices:
            raise DataError(f'none of the {len(self.samples)} images of the split {self.split!r} of '
                            f'{type(self).__name__} is of a class of {", ".join(self.tasks)}; take more parts of the '
                            f'data set, or all with part=None')

    def list_images(self) -> list[LabelledImage]:
        """List all images of the split in a fixed order; refuse missing and damaged files here."""
        raise NotImplementedError(f'{type(self).__name__} must define list_images')

    def list_samples(self) -> list[LabelledImage]:
        """List the images, after making sure that the tasks are about their classes."""
        self.learned_labels: dict[str, frozenset[int]] = {}
        for name, task in self.tasks.items():
            labels = task.labels
            if not (task.image_level and labels):
                raise ConfigError(f'{type(self).__name__} has one class per image, which is no target for task '
                                  f'{name!r} ({type(task).__name__}); give it the type ImageClassification')
            wrong = [label for label in labels if not 0 <= label < self.NUM_CLASSES]
            if wrong:
                raise ConfigError(f'task {name!r} has the label {wrong[0]}, expected classes of {type(self).__name__}, '
                                  f'0 to {self.NUM_CLASSES - 1}; correct its labels')
            self.learned_labels[name] = frozenset(labels)
        return self.list_images()

    def load_target(self, sample: LabelledImage, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Return the class ``(1, 1)`` of an image, valid for the tasks that name it."""
        is_learned = sample.label in self.learned_labels[task.name]
        return np.array([[sample.label]], np.int64), np.array([[is_learned]])

    def _is_wanted(self, index: int) -> bool:
        """Return whether an image is of a class that is learned."""
        tasks = [self.labelled_task[index]] if self.labelled_task else self.tasks
        return not self.tasks or any(self.samples[index].label in self.learned_labels[name] for name in tasks)
