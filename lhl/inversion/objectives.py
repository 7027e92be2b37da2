"""What inverted images are optimised to show for a task: a class of its head, or the layout of another image."""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lhl.tasks import Task


def inversion_labels(same_head: Sequence[Task], count: int, generator: torch.Generator) -> Tensor | None:
    """Draw the classes that images are optimised to show, for tasks that have one class per image.

    Args:
        same_head: The old tasks of one head, at least one.
        count: How many images there are.
        generator: Of the draws.

    Returns:
        For image-level tasks with classes, ``(N, )`` int64 labels of the first N images, each class that these tasks
        teach as often as any other (HCL). N is at most ``count``; the other images are not used. ``None`` for any other
        kind, whose objective is taken from the images, see :func:`inversion_loss`.
    """
    classes = sorted({label for task in same_head for label in task.labels})
    return balanced_labels(classes, count, generator) if classes and same_head[0].image_level else None


def inversion_loss(task: Task, prediction: Tensor, labels: Tensor | None) -> Callable[[Tensor], Tensor]:
    """Measure how far images are from what they are optimised to show.

    With labels that is a class, and the loss is the task's own, smoothed as in training. Without, because an image of a
    dense task has no single class, it is the layout of another image: each image is given the teacher's pseudo-label of
    the image before it, and the first one that of the last. The loss to it is divided by its value at the start,
    because losses of different tasks have different units.

    Args:
        task: The task that the teacher predicts.
        prediction: The teacher's for the images as they are, ``(B, C, H, W)``.
        labels: The part of :func:`inversion_labels` for these images, ``(B, )``, or ``None``.

    Returns:
        From the teacher's prediction for the changed images ``(B, C, H, W)``, differentiable, to a scalar.
    """
    if labels is not None:
        target = labels[:, None, None]
        valid = torch.ones_like(target, dtype=torch.bool)
        return lambda changed: task.loss(changed, target, valid)
    layout = task.pseudo_label(prediction).roll(1, dims=0)
    start = task.loss_map(prediction, layout).mean()
    start = torch.where(start > 0, start, 1.0)
    return lambda changed: task.loss_map(changed, layout).mean() / start


def balanced_labels(classes: Sequence[int], count: int, generator: torch.Generator) -> Tensor:
    """Assign each class to ``count // len(classes)`` images, in a drawn order (HCL).

    Where there are fewer images than classes, each gets a class of its own, drawn without replacement.

    Args:
        classes: At least one.
        count: How many images there are.
        generator: Of the draws.

    Returns:
        ``(N, )`` int64: the largest multiple of the number of classes that is at most ``count``, or ``count`` itself
        where that is less than one of each.
    """
    drawn = torch.tensor(classes)[torch.randperm(len(classes), generator=generator)]
    labels = drawn[:count].repeat(max(1, count // len(classes)))
    return labels[torch.randperm(len(labels), generator=generator)]
