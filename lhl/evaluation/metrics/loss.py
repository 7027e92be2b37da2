"""How well any task is done, in the unit in which it is learned: the test loss of HAD's Table 2."""
import math
from collections.abc import Mapping, Sequence
from functools import singledispatch

from torch import Tensor

from lhl.registry import METRICS, TASKS
from lhl.tasks import Regression, Task

from .base import DenseMetric


@METRICS.register_module()
class LossMetric(DenseMetric):
    """The task's own loss over all valid pixels of the set, in both conventions of the field.

    ``loss`` divides the sum by the number of valid pixels, as HAD does: the channels of an L1 loss add up.
    ``loss_mean`` divides it by the number of valid numbers, and differs only for L1 losses of several channels.

    Args:
        task: The name of the task that is scored.
        kind: The task's config, which tells what its loss is.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`; default: ``loss``.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.
    """

    higher_is_better = {'loss': False, 'loss_mean': False}
    optional = ('loss_mean', )

    def __init__(self, task: str, kind: Mapping, names: Sequence[str] | None = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(task, names, collect_device)
        self.kind = TASKS.build(dict(kind, name=task))

    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[float, int]:
        """Sum the losses of one image, in float64.

        Args:
            prediction: ``(C, H, W)`` in the task's unit.
            target: ``(C, H, W)``, or ``(H, W)`` class indices.
            valid: ``(H, W)`` bool.

        Returns:
            The sum over the valid pixels, and their number.
        """
        target = target.masked_fill(~valid, 0)  # an invalid label need not be a class, and would be looked up
        losses = self.kind.loss_map(prediction.float()[None], target[None])[0][valid].double()
        return float(losses.sum()), losses.numel()

    def score(self, results: list[tuple[float, int]]) -> dict[str, float] | None:
        """Divide the sum over all images by their number of valid pixels."""
        count = sum(result[1] for result in results)
        if count == 0:
            return None
        loss = math.fsum(result[0] for result in results) / count
        return {'loss': loss, 'loss_mean': loss / summed_numbers(self.kind)}


@singledispatch
def summed_numbers(task: Task) -> int:
    """Count the numbers of which the loss of one pixel is the sum: one, for any kind but those registered here."""
    return 1


@summed_numbers.register
def _(task: Regression) -> int:
    return task.out_channels
