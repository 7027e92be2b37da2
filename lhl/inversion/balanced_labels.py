"""Draws a class for each image to be inverted, each class for as many images as any other."""
from collections.abc import Sequence

import torch
from torch import Tensor


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
