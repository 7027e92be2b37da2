"""How good a segmentation is: mIoU and PixAcc over the whole set."""
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from lhl.errors import ConfigError
from lhl.registry import METRICS

from .base import DenseMetric


@METRICS.register_module()
class SegmentationMetric(DenseMetric):
    """mIoU and PixAcc in percent, from one confusion matrix over all valid pixels of the set.

    The IoU of a class is the number of pixels where it is both predicted and labelled over the number where it is
    either. A class that is neither predicted nor labelled anywhere has no IoU and is skipped in the mean, as in
    mmsegmentation; one that is predicted but never labelled counts as 0. How many classes were averaged is logged.
    astmt, MTL-PyTorch, ATRC and InvPT count the former as 0, too: ``absent='zero'``.

    Only the diagonal and the margins of the confusion matrix enter, so these ``3 * num_classes`` counts are kept.

    Args:
        task: The name of the task that is scored.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        num_classes: Number of classes, and of channels of the prediction.
        absent: What a class that is neither predicted nor labelled adds to the mean: ``'skip'`` nothing, ``'zero'`` 0.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.

    Raises:
        ConfigError: If ``absent`` is something else.
    """

    higher_is_better = {'mIoU': True, 'PixAcc': True}
    units = {'mIoU': '%', 'PixAcc': '%'}

    def __init__(self, task: str, num_classes: int, names: Sequence[str] | None = None, absent: str = 'skip',
                 collect_device: str = 'cpu') -> None:
        super().__init__(task, names, collect_device)
        if absent not in ('skip', 'zero'):
            raise ConfigError(f"task {task!r} has absent={absent!r}, expected 'skip' or 'zero'")
        self.num_classes = num_classes
        self.absent = absent

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> np.ndarray:
        """Count, per class, the pixels where it is correctly predicted, predicted, and labelled.

        Args:
            prediction: ``(num_classes, H, W)`` logits or any other scores; the largest wins.
            target: ``(H, W)`` class indices.
            valid: ``(H, W)`` bool.

        Returns:
            ``(3, num_classes)`` int64.

        Raises:
            ValueError: If the prediction has another number of channels, or a valid label is not a class.
        """
        if prediction.shape[0] != self.num_classes:
            raise ValueError(f'task {self.task!r}: found a prediction of {prediction.shape[0]} channels, expected '
                             f'{self.num_classes}, one per class')
        predicted, labelled = prediction.argmax(dim=0)[valid], target[valid].long()
        if labelled.numel() and not 0 <= labelled.min() <= labelled.max() < self.num_classes:
            raise ValueError(f'task {self.task!r}: found labels from {labelled.min()} to {labelled.max()} among the '
                             f'valid pixels, expected 0 to {self.num_classes - 1}')
        confusion = torch.bincount(labelled * self.num_classes + predicted, minlength=self.num_classes**2)
        confusion = confusion.reshape(self.num_classes, self.num_classes)
        return torch.stack([confusion.diagonal(), confusion.sum(dim=0), confusion.sum(dim=1)]).cpu().numpy()

    def score(self, results: list[np.ndarray]) -> dict[str, float] | None:
        """Add the counts of all images ``(3, num_classes)`` and score them."""
        correct, predicted, labelled = sum(results, start=np.zeros((3, self.num_classes), np.int64))
        if not labelled.any():
            return None
        union = predicted + labelled - correct
        averaged = (union > 0) | (self.absent == 'zero')
        print_log(f'{self.task}: mIoU is the mean of {averaged.sum()} of {self.num_classes} classes'
                  + ('' if averaged.all() else '; the others are neither predicted nor labelled'), logger='current')
        return {'mIoU': float(100 * (correct[averaged] / union[averaged].clip(min=1)).mean()),
                'PixAcc': float(100 * correct.sum() / labelled.sum())}
