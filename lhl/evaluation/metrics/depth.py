"""How good a depth estimate is: absolute, relative and squared errors over the whole set."""
import math

import torch
from torch import Tensor

from lhl.registry import METRICS

from .averaging import AveragedMetric

#: What predictions are raised to before their logarithm is taken, the value of MTL-PyTorch.
MIN_DEPTH_M = 1e-9


@METRICS.register_module()
class DepthMetric(AveragedMetric):
    """Errors of distances p against the true g, in metres, over all valid pixels of the set.

    AbsErr is the mean of ``|p - g|``, RelErr that of ``|p - g| / g``, rmse the root of the mean of ``(p - g)^2``, and
    log_rmse that of ``(ln p - ln g)^2``, with p raised to 1e-9 m. The last two are reported if named.

    Every pixel has the same weight. mtan and HAD average over batches (``aggregate='batch'``); astmt's rmse and
    mmsegmentation's metric of this name average over images (``aggregate='image'``). In a config that uses lhl's
    scope, this DepthMetric is the one that is found.

    Args:
        task: The name of the task that is scored.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        aggregate: See :class:`~lhl.evaluation.metrics.averaging.AveragedMetric`.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.
    """

    higher_is_better = {'AbsErr': False, 'RelErr': False, 'rmse': False, 'log_rmse': False}
    optional = ('rmse', 'log_rmse')
    units = {'AbsErr': 'm', 'rmse': 'm'}

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[list[float], int]:
        """Sum the errors of one image, in float64.

        Args:
            prediction: ``(1, H, W)`` metres.
            target: ``(1, H, W)`` metres, more than 0 where valid.
            valid: ``(H, W)`` bool.

        Returns:
            The sums of the absolute, relative, squared and squared logarithmic errors; the number of valid pixels.
        """
        predicted, depth = prediction[:, valid].double(), target[:, valid].double()
        error = (predicted - depth).abs()
        log_error = predicted.clamp(min=MIN_DEPTH_M).log() - depth.log()
        sums = [error.sum(), (error / depth).sum(), error.square().sum(), log_error.square().sum()]
        return torch.stack(sums).tolist(), depth.numel()

    def score_together(self, results: list[tuple[list[float], int]]) -> dict[str, float] | None:
        """Divide the sums over some images by their number of valid pixels."""
        count = sum(number for _, number in results)
        if count == 0:
            return None
        absolute, relative, squared, squared_log = (
            math.fsum(values) / count for values in zip(*(sums for sums, _ in results), strict=True))
        return {'AbsErr': absolute, 'RelErr': relative, 'rmse': math.sqrt(squared), 'log_rmse': math.sqrt(squared_log)}


@METRICS.register_module()
class DisparityMetric(DepthMetric):
    """The errors of :class:`DepthMetric`, with the same arguments, of disparities.

    Their unit is the data set's own, so none is printed, and AbsErr compares only with that on the same data.
    """

    units = {}
