"""How good the regression of any numbers is: AbsErr, rmse and correlation over the whole set."""
import math

import torch
from torch import Tensor

from lhl.registry import METRICS

from .base import DenseMetric


@METRICS.register_module()
class RegressionMetric(DenseMetric):
    """Errors of numbers p against the true g, over all valid numbers of the set.

    AbsErr is the mean of ``|p - g|`` and rmse, reported if named, the root of the mean of ``(p - g)^2``, both in the
    target's unit. correlation is Pearson's, -1 to 1; where all predictions or all targets of the set are equal it is
    taken as 0. The channels of a pixel count as separate numbers of one population: that their means differ correlates,
    too.

    Args:
        task: The name of the task that is scored.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.
    """

    higher_is_better = {'AbsErr': False, 'correlation': True, 'rmse': False}
    optional = ('rmse', )

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> dict[str, float]:
        """Sum the errors of one image and its deviations from its own means, in float64.

        Args:
            prediction: ``(C, H, W)`` in the target's unit.
            target: ``(C, H, W)``.
            valid: ``(H, W)`` bool.

        Returns:
            The number of valid numbers, and, if there are any, sums, means and extremes.
        """
        p, g = prediction[:, valid].double().flatten(), target[:, valid].double().flatten()
        if p.numel() == 0:
            return dict(count=0)
        error, p_deviation, g_deviation = p - g, p - p.mean(), g - g.mean()
        sums = dict(absolute=error.abs().sum(), squared=error.square().sum(), p_mean=p.mean(), g_mean=g.mean(),
                    pp=p_deviation.square().sum(), gg=g_deviation.square().sum(), pg=(p_deviation * g_deviation).sum(),
                    p_min=p.min(), p_max=p.max(), g_min=g.min(), g_max=g.max())
        return dict(zip(sums, torch.stack(list(sums.values())).tolist(), strict=True), count=p.numel())

    def score(self, results: list[dict]) -> dict[str, float] | None:
        """Merge the sums of all images."""
        results = [result for result in results if result['count']]
        if not results:
            return None
        count = sum(result['count'] for result in results)
        return {'AbsErr': math.fsum(result['absolute'] for result in results) / count,
                'correlation': _correlation(results),
                'rmse': math.sqrt(math.fsum(result['squared'] for result in results) / count)}


def _correlation(results: list[dict]) -> float:
    """Correlate over images whose deviations from their own means are known.

    The deviations from the means of the set follow from those and the differences of the means (Chan, Golub and
    LeVeque, 1983), so that, unlike sums of squares, nothing cancels where numbers are large and vary little.
    """
    if not all(math.isfinite(value) for result in results for value in result.values()):
        return math.nan
    # Not by a variance of 0, which rounding may miss.
    if any(max(result[f'{side}_max'] for result in results) == min(result[f'{side}_min'] for result in results)
           for side in 'pg'):
        return 0.0
    count = sum(result['count'] for result in results)
    p_mean, g_mean = (math.fsum(result['count'] * result[mean] for result in results) / count
                      for mean in ('p_mean', 'g_mean'))
    p_shifts, g_shifts = [r['p_mean'] - p_mean for r in results], [r['g_mean'] - g_mean for r in results]

    def merged(sums: str, first: list[float], second: list[float]) -> float:
        return math.fsum(result[sums] + result['count'] * one * other
                         for result, one, other in zip(results, first, second, strict=True))

    spread = math.sqrt(merged('pp', p_shifts, p_shifts)) * math.sqrt(merged('gg', g_shifts, g_shifts))
    return max(-1.0, min(1.0, merged('pg', p_shifts, g_shifts) / spread)) if spread else 0.0
