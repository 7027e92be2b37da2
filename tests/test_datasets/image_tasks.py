"""Tasks about whole images for the data sets that have one class per image."""
import numpy as np

from lhl.registry import TASKS
from lhl.tasks import Task

if TASKS.get('ImageClassification') is None:
    @TASKS.register_module()
    class ImageClassification(Task):
        """As much of the kind as a data set sees of it."""

        image_level = True
        interpolation = 'nearest'

        def __init__(self, name, num_classes, labels, head=None, classes=None):
            super().__init__(name, num_classes)
            self.num_classes, self.labels, self.head = num_classes, tuple(labels), head or name
            self.classes = tuple(classes) if classes else tuple(f'class {index}' for index in range(num_classes))

        def draw(self, target, valid=None, value_range=None):
            return np.full((1, 1, 3), 20 * target.item(), np.uint8)


def split_tasks(num_classes, per_task):
    """Tasks that share out all classes, as in the configs."""
    return {f'classes_{first}_{first + per_task - 1}': dict(
        type='ImageClassification', num_classes=num_classes, labels=list(range(first, first + per_task)),
        head='classes') for first in range(0, num_classes, per_task)}
