"""How well boundaries are found: odsF, the F-measure at the best threshold of the whole set."""
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from lhl.errors import ConfigError
from lhl.options import Count, NotNegative
from lhl.registry import METRICS

from .base import DenseMetric
from .matching import neighbours, num_matched
from .thinning import thin


@METRICS.register_module()
class BoundaryMetric(DenseMetric):
    """odsF of Martin, Fowlkes and Malik (PAMI 2004), in percent, with precision and recall there if named.

    At each threshold, pixels of at least this probability are predicted, thinned to lines of one pixel, and matched one
    to one with true pixels at most ``max_distance`` away, as many as possible. Matches and pixels are added over the
    set; precision P is the share of predicted pixels that are matched, recall R that of true ones,
    ``F = 2 P R / (P + R)``, and odsF is F at the threshold where it is largest (of equal ones the lowest). A share
    of nothing is 0.

    As in the benchmark, the true boundary is not thinned: lines that are two pixels wide should be thinned by the
    data set. The matching is exactly a largest one, at which the benchmark aims with a minimum-cost assignment where
    an unmatched pixel costs 100 times the largest distance. Unlike in some ports, odsF is not interpolated between
    thresholds. Nothing is suppressed or smoothed before. Invalid pixels are neither predicted nor true.

    An image of 425 x 560 with 7,000 to 12,000 boundary pixels takes 1 to 4 seconds on one core with 99 thresholds, so
    the 654 test images of NYUD-v2 take 11 to 40 minutes; the time is nearly proportional to the number of thresholds.

    Args:
        task: The name of the task that is scored.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        max_distance: Of matched pixels, as a fraction of the image's diagonal: 0.011 for NYUD-v2, 0.0075 for PASCAL.
        num_thresholds: How many, evenly spaced between 0 and 1: 99 are 0.01 to 0.99.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.

    Raises:
        ConfigError: If the distance is negative, or there is no threshold.
    """

    higher_is_better = {'odsF': True, 'precision': True, 'recall': True}
    optional = ('precision', 'recall')
    units = {'odsF': '%', 'precision': '%', 'recall': '%'}

    def __init__(self, task: str, names: Sequence[str] | None = None, max_distance: NotNegative = 0.011,
                 num_thresholds: Count = 99, collect_device: str = 'cpu') -> None:
        super().__init__(task, names, collect_device)
        if max_distance < 0 or num_thresholds < 1:
            raise ConfigError(f'task {task!r} has max_distance={max_distance} and num_thresholds={num_thresholds}, '
                              f'expected at least 0 and at least 1')
        self.max_distance = max_distance
        self.thresholds = np.arange(1, num_thresholds + 1) / (num_thresholds + 1)

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[np.ndarray, int, int]:
        """Match one image at every threshold.

        Args:
            prediction: ``(1, H, W)`` logits; NaN is predicted nowhere.
            target: ``(1, H, W)``, boundary above 0.5.
            valid: ``(H, W)`` bool.

        Returns:
            ``(2, num_thresholds)`` int64, the matched and the predicted pixels; the number of true and of valid pixels.
        """
        is_valid = valid.cpu().numpy()
        probability = prediction[0].double().sigmoid().nan_to_num(nan=0).cpu().numpy() * is_valid
        truth = (target[0] > 0.5).cpu().numpy() & is_valid
        pairs = neighbours(probability >= self.thresholds[0], truth, self.max_distance * np.hypot(*truth.shape))
        counts = np.zeros((2, len(self.thresholds)), np.int64)
        before = -1
        for index, threshold in enumerate(self.thresholds):
            mask = probability >= threshold
            size = int(np.count_nonzero(mask))
            if size == before:  # masks of growing thresholds are nested, so this one is the same
                counts[:, index] = counts[:, index - 1]
            elif size:
                pixels = np.flatnonzero(thin(mask))
                counts[:, index] = num_matched(pairs[pixels]), len(pixels)
            before = size
        return counts, int(truth.sum()), int(is_valid.sum())

    def score(self, results: list[tuple[np.ndarray, int, int]]) -> dict[str, float] | None:
        """Add the counts of all images, and take the threshold of the largest F."""
        if not any(num_valid for _, _, num_valid in results):
            return None
        matched, predicted = np.sum([counts for counts, _, _ in results], axis=0)
        num_true = sum(number for _, number, _ in results)
        f_measure = 2 * matched / np.maximum(predicted + num_true, 1)  # 2 P R / (P + R)
        best = int(f_measure.argmax())
        return {'odsF': 100 * float(f_measure[best]), 'precision': 100 * float(matched[best] / max(predicted[best], 1)),
                'recall': 100 * float(matched[best] / max(num_true, 1))}
