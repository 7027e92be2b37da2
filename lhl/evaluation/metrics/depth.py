"""How good a depth estimate is: AbsErr and RelErr over the whole set."""
import math

import torch
from torch import Tensor

from lhl.registry import METRICS

from .base import DenseMetric


@METRICS.register_module()
class DepthMetric(DenseMetric):
    """AbsErr, the mean of ``|p - g|``, and RelErr, the mean of ``|p - g| / g``, over all valid pixels of the set.

    Every pixel has the same weight. mmsegmentation's metric of the same name averages per image first; in a config
    that uses lhl's scope, this is the one that is found.

    Args:
        task: The name of the task that is scored.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.
    """

    higher_is_better = {'AbsErr': False, 'RelErr': False}
    units = {'AbsErr': 'm'}

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[float, float, int]:
        """Sum the absolute and the relative errors, in float64.

        Args:
            prediction: ``(1, H, W)`` metres.
            target: ``(1, H, W)`` metres, more than 0 where valid.
            valid: ``(H, W)`` bool.

        Returns:
            Sum of ``|p - g|``, sum of ``|p - g| / g``, number of valid pixels.
        """
        depth = target[:, valid].double()
        error = (prediction[:, valid].double() - depth).abs()
        absolute, relative = torch.stack([error.sum(), (error / depth).sum()]).tolist()
        return absolute, relative, depth.numel()

    def score(self, results: list[tuple[float, float, int]]) -> dict[str, float] | None:
        """Divide the sums over all images by their number of valid pixels."""
        count = sum(result[2] for result in results)
        if count == 0:
            return None
        return {'AbsErr': math.fsum(result[0] for result in results) / count,
                'RelErr': math.fsum(result[1] for result in results) / count}
