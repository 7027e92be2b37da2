"""How well what stands out is found: maxF and mIoU at the best threshold, in the two conventions of the field."""
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lhl.errors import ConfigError, suggest
from lhl.registry import METRICS

from .base import DenseMetric

#: Each definition's thresholds, and whether a probability equal to one is positive.
_THRESHOLDS = {'pooled': (np.arange(1, 20) / 20, True), 'per_image': (np.arange(4, 19) / 20, False)}


@METRICS.register_module()
class SaliencyMetric(DenseMetric):
    """maxF, the best F-measure over thresholds of the probability, and mIoU, the best mean IoU, in percent.

    Precision P is the share of the predicted pixels that are salient, recall R that of the salient ones that are
    predicted; either is 0 where its denominator is. With ``definition='pooled'``, as ATRC and InvPT have it, pixels of
    all images are counted together, predicted where the probability is at least 0.05, 0.10, ... 0.95,
    F is ``1.3 P R / (0.3 P + R)``, and mIoU is the mean of the IoUs of salient pixels and of the others; that of one
    which is neither predicted nor labelled is skipped. With ``'per_image'``, as astmt and MTL-PyTorch have it, P, R and
    the IoU of the salient pixels, 1 where there are none and none are predicted, are averaged over images, predicted
    where the probability is above 0.20, 0.25, ... 0.90, and F is ``2 P R / (P + R)``. Images without a valid pixel are
    left out. mIoU is reported if named; its threshold need not be that of maxF.

    Args:
        task: The name of the task that is scored.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        definition: ``'pooled'`` or ``'per_image'``.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.

    Raises:
        ConfigError: If the definition is unknown.
    """

    higher_is_better = {'maxF': True, 'mIoU': True}
    optional = ('mIoU', )
    units = {'maxF': '%', 'mIoU': '%'}

    def __init__(self, task: str, names: Sequence[str] | None = None, definition: str = 'pooled',
                 collect_device: str = 'cpu') -> None:
        super().__init__(task, names, collect_device)
        if definition not in _THRESHOLDS:
            raise ConfigError(f'task {task!r} has definition={definition!r}, which does not exist; '
                              f'{suggest(str(definition), _THRESHOLDS)}')
        self.definition = definition

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> np.ndarray:
        """Count the pixels of one image at every threshold.

        Args:
            prediction: ``(1, H, W)`` logits; NaN is never positive.
            target: ``(1, H, W)``, salient above 0.5.
            valid: ``(H, W)`` bool.

        Returns:
            ``(4, number of thresholds)`` int64: correctly predicted, predicted, salient and valid pixels.
        """
        thresholds, reached = _THRESHOLDS[self.definition]
        probability, salient = prediction[0, valid].double().sigmoid().nan_to_num(nan=-1), target[0, valid] > 0.5
        boundaries = torch.from_numpy(thresholds).to(probability.device)
        passed = torch.bucketize(probability, boundaries, right=reached)
        correct, predicted = (_count_above(numbers, len(thresholds)) for numbers in (passed[salient], passed))
        return np.stack([correct, predicted, np.full_like(correct, int(salient.sum())),
                         np.full_like(correct, salient.numel())])

    def score(self, results: list[np.ndarray]) -> dict[str, float] | None:
        """Take the best threshold of the set."""
        counts = np.stack(results, axis=1) if results else np.zeros((4, 0, 1), np.int64)
        counts = counts[:, counts[3, :, 0] > 0]
        if counts.shape[1] == 0:
            return None
        f_measure, iou = (_pooled if self.definition == 'pooled' else _per_image)(*counts)
        return {'maxF': 100 * float(f_measure.max()), 'mIoU': 100 * float(iou.max())}


def _count_above(passed: Tensor, num_thresholds: int) -> np.ndarray:
    """Count for each threshold the pixels that pass it, given how many of the lowest thresholds each passes."""
    histogram = torch.bincount(passed, minlength=num_thresholds + 1).cpu().numpy()
    return histogram[:0:-1].cumsum()[::-1]


def _pooled(correct: np.ndarray, predicted: np.ndarray, salient: np.ndarray,
            valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F and mean IoU at each threshold, of counts ``(images, thresholds)`` added over the images."""
    correct, predicted, salient, valid = (counts.sum(axis=0) for counts in (correct, predicted, salient, valid))
    # 1.3 P R / (0.3 P + R) with P = correct / predicted and R = correct / salient, in whole numbers.
    f_measure = _ratio(13 * correct, 3 * salient + 10 * predicted)
    either, not_both = predicted + salient - correct, valid - correct
    ious = _ratio(correct, either) + _ratio(valid - either, not_both)
    return f_measure, ious / ((either > 0).astype(int) + (not_both > 0))


def _per_image(correct: np.ndarray, predicted: np.ndarray, salient: np.ndarray,
               valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F of the mean precision and recall, and mean IoU of salient pixels, of counts ``(images, thresholds)``."""
    precision, recall = _mean(_ratio(correct, predicted)), _mean(_ratio(correct, salient))
    either = predicted + salient - correct
    iou = _mean(np.where(either > 0, _ratio(correct, either), 1))
    return _ratio(2 * precision * recall, precision + recall), iou


def _mean(values: np.ndarray) -> np.ndarray:
    """Average ``(images, thresholds)`` over the images, in whatever order they come."""
    return np.array([math.fsum(column) / len(column) for column in values.T])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
