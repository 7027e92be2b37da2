"""How good surface normals are: the angle to the true normal, over the whole set."""
import math

import numpy as np
import torch
from torch import Tensor

from lhl.registry import METRICS

from .averaging import AveragedMetric


@METRICS.register_module()
class NormalMetric(AveragedMetric):
    """Mean and median angular error in degrees, and the percentage of pixels below 11.25, 22.5 and 30 degrees.

    All are over all valid pixels of the set; rmse, the root of the mean squared angle, is reported if named. The median
    is exact, the average of the two middle values where their number is even, so every angle is kept: 4 bytes per valid
    pixel until the set is scored (290 MB for the 654 test images of NYUv2 at 288 x 384), and as much again while it is.

    mtan and HAD average over batches: ``aggregate='batch'``. There the median of a batch is the lower of the two middle
    values, as torch.median has it and HAD with it; mtan takes their mean.

    Args:
        task: The name of the task that is scored.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        aggregate: See :class:`~lhl.evaluation.metrics.averaging.AveragedMetric`.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.
    """

    higher_is_better = {'mean': False, 'median': False, 'within_11.25': True, 'within_22.5': True, 'within_30': True,
                        'rmse': False}
    optional = ('rmse', )
    units = {'mean': '°', 'median': '°', 'within_11.25': '%', 'within_22.5': '%', 'within_30': '%', 'rmse': '°'}

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> np.ndarray:
        """Measure the angles of one image.

        Args:
            prediction: ``(3, H, W)`` vectors of any length.
            target: ``(3, H, W)`` vectors of any length.
            valid: ``(H, W)`` bool.

        Returns:
            ``(number of valid pixels,)`` float32 degrees.
        """
        return angles(prediction[:, valid], target[:, valid]).float().cpu().numpy()

    def score_together(self, results: list[np.ndarray]) -> dict[str, float] | None:
        """Score the angles of some images."""
        count = sum(result.size for result in results)
        if count == 0:
            return None
        degrees = np.concatenate(results)
        squares = math.fsum(np.square(result, dtype=np.float64).sum() for result in results)
        metrics = {'mean': math.fsum(result.sum(dtype=np.float64) for result in results) / count,
                   'rmse': math.sqrt(squares / count)}
        within = {f'within_{limit:g}': 100 * int((degrees < limit).sum()) / count for limit in (11.25, 22.5, 30)}
        # Last, because it reorders the angles instead of copying them once more.
        metrics['median'] = self._median(degrees)
        return metrics | within

    def _median(self, degrees: np.ndarray) -> float:
        if self.aggregate != 'batch':
            return float(np.median(degrees, overwrite_input=True))
        middle = (degrees.size - 1) // 2
        degrees.partition(middle)
        return math.nan if np.isnan(degrees).any() else float(degrees[middle])


def angles(first: Tensor, second: Tensor) -> Tensor:
    """Measure the angles between vectors.

    The arc cosine of a dot product loses everything below 0.02 degrees in float32; the half-angle form
    ``2 atan2(|p - g|, |p + g|)`` is accurate from 0 to 180 degrees.

    Args:
        first: ``(3, N)`` vectors of any length; the direction of a zero vector is taken as 90 degrees from all others.
        second: ``(3, N)``.

    Returns:
        ``(N,)`` float64 degrees, 0 to 180.
    """
    first, second = _unit(first.double()), _unit(second.double())
    return torch.rad2deg(2 * torch.atan2((first - second).norm(dim=0), (first + second).norm(dim=0)))


def _unit(vectors: Tensor) -> Tensor:
    lengths = vectors.norm(dim=0)
    return vectors / torch.where(lengths > 0, lengths, torch.ones_like(lengths))
