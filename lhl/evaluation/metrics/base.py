"""What all metrics of dense predictions share: one partial result per image, merged once over the whole set."""
import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from lhl.errors import ConfigError, suggest


class DenseMetric(BaseMetric):
    """Scores one task over a whole data set; a subclass is one kind of task.

    Nothing depends on how the images were batched, on their order or on the number of processes: every image is reduced
    on its own to one partial result, and sums over images are exact or correctly rounded. One result per image is also
    what mmengine counts when it gathers the processes' results and drops the images that the sampler repeated.

    Args:
        task: The name of the task that is scored; metrics are logged as ``task/metric``.
        names: Which metrics to report, in this order. Default: all but the :attr:`optional` ones.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.
    """

    #: The metrics, in the order in which they are printed, and which direction is better.
    higher_is_better: dict[str, bool]
    #: The metrics that are reported only if a config names them.
    optional: ClassVar[tuple[str, ...]] = ()
    #: The unit of each metric, as a reader sees it; a metric without one is left out.
    units: ClassVar[dict[str, str]] = {}

    def __init__(self, task: str, names: Sequence[str] | None = None, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=task)
        self.task = task
        known = self.higher_is_better
        for name in names or ():
            if name not in known:
                raise ConfigError(f'{type(self).__name__} of task {task!r} has no metric {name!r}; '
                                  f'{suggest(name, known)}')
        chosen = names or [name for name in known if name not in self.optional]
        self.higher_is_better = {name: known[name] for name in chosen}

    @abstractmethod
    def image_result(self, prediction: Tensor, target: Tensor, valid: Tensor) -> Any:
        """Reduce one image.

        Args:
            prediction: ``(C, H, W)`` in the task's unit.
            target: ``(C, H, W)`` or, for classes, ``(H, W)``, on the prediction's device.
            valid: ``(H, W)`` bool, on the prediction's device. Other pixels may hold anything, NaN included.

        Returns:
            The partial result, on the CPU: numpy arrays or Python numbers. Never ``None``, which mmengine drops.
        """

    @abstractmethod
    def score(self, results: list) -> dict[str, float] | None:
        """Merge the partial results of all images.

        Args:
            results: One partial result per image of the set.

        Returns:
            At least the metrics that are reported; None where no pixel of the set is valid.
        """

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Merge the partial results of all images.

        Args:
            results: One partial result per image of the set.

        Returns:
            The metrics of :attr:`higher_is_better`; NaN, with a warning, where no pixel of the set is valid.
        """
        metrics = self.score(results)
        if metrics is None:
            print_log(f'task {self.task!r}: no pixel of the set is valid, so its metrics are NaN; check the targets '
                      f'and the masks of the data set', logger='current', level=logging.WARNING)
            return dict.fromkeys(self.higher_is_better, float('nan'))
        return {name: metrics[name] for name in self.higher_is_better}

    @torch.no_grad()
    def process(self, data_batch: Mapping[str, Any], data_samples: Sequence[Mapping[str, Tensor]]) -> None:
        """Reduce the images of one batch.

        Args:
            data_batch: ``targets[task]`` is ``(B, C, H, W)`` or ``(B, H, W)``, ``valid[task]`` is ``(B, H, W)`` bool.
            data_samples: For each image of the batch, its prediction ``(C, H, W)`` per task.

        Raises:
            ConfigError: If the batch has no target for the task.
            ValueError: If prediction, target and mask are not of the same size.
        """
        if self.task not in data_batch['targets']:
            raise ConfigError(f'task {self.task!r} cannot be scored on data whose only targets are '
                              f'{", ".join(data_batch["targets"]) or "none"}; add it to the tasks of the data set')
        predictions = [data_sample[self.task] for data_sample in data_samples]
        # The whole batch at once: with many tasks about small images, a copy for each would take the longest.
        targets, valid = (data_batch[key][self.task].to(predictions[0].device) for key in ('targets', 'valid'))
        for prediction, target, is_valid in zip(predictions, targets, valid, strict=True):
            self._check_shapes(prediction, target, is_valid)
            self.results.append(self.image_result(prediction, target, is_valid))

    def _check_shapes(self, prediction: Tensor, target: Tensor, valid: Tensor) -> None:
        """Refuse what would broadcast, or index the wrong pixels."""
        expected = target.shape if target.ndim == 3 else (prediction.shape[0], *target.shape)
        if prediction.shape != expected or valid.shape != target.shape[-2:]:
            raise ValueError(f'task {self.task!r}: found a prediction of shape {tuple(prediction.shape)} for a target '
                             f'of shape {tuple(target.shape)} with a mask of shape {tuple(valid.shape)}, expected '
                             f'(C, H, W) for (C, H, W) or (H, W) with (H, W)')
