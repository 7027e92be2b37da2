"""Training that can be resumed after any iteration, and evaluation where tasks have data of their own."""
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from mmengine.evaluator import Evaluator
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner, ValLoop
from torch import nn
from torch.utils.data import DataLoader

from lhl.datasets import EpochSampler
from lhl.registry import LOOPS

from .signals import let_signals_wait

if TYPE_CHECKING:
    from .runner import PhaseRunner


class PhaseEpochLoop(EpochBasedTrainLoop):
    """mmengine's loop over epochs, which can also begin in the middle of one, and which a signal ends.

    Arguments are those of mmengine's.
    """

    runner: 'PhaseRunner'

    def run(self) -> nn.Module:
        """Train, from where a checkpoint ends."""
        self.runner.call_hook('before_train')
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._decide_current_val_interval()
            if self.runner.val_loop is not None and self._epoch >= self.val_begin and (
                    self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs):
                self.runner.validate_while_training()
        self.runner.stop_if_told(wait=True)
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Go through the batches of an epoch that have not been trained on yet."""
        let_signals_wait(True)
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        first = self._iter - self._epoch * len(self.dataloader)
        for idx, batch in enumerate(self._batches(first), first):
            self.run_iter(idx, batch)
            if idx + 1 < len(self.dataloader):
                self.runner.stop_if_told()
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
        self.runner.stop_if_told()
        let_signals_wait(False)

    def _batches(self, first: int) -> Iterator[dict]:
        """Give the batches of an epoch from one on; those before it are not even loaded where the sampler can skip."""
        sampler = self.dataloader.sampler
        if isinstance(sampler, EpochSampler) and self.dataloader.batch_size is not None:
            sampler.start_at(first * self.dataloader.batch_size)
            return iter(self.dataloader)
        return islice(self.dataloader, first, None)


class PhaseIterLoop(IterBasedTrainLoop):
    """mmengine's loop over iterations, which a signal ends with a checkpoint; arguments are those of mmengine's."""

    runner: 'PhaseRunner'

    def run_iter(self, data_batch: dict) -> None:
        """Train on a batch; where the run is told to stop, it does so now."""
        let_signals_wait(True)
        super().run_iter(data_batch)
        is_last = self._iter == self._max_iters
        self.runner.stop_if_told(wait=is_last)
        let_signals_wait(not is_last)


@LOOPS.register_module()
class MultiDatasetValLoop(ValLoop):
    """Score the tasks of one data set after those of another, and give the metrics of all.

    Args:
        runner: Its learner is scored.
        dataloader: The first validation loader.
        evaluator: The metrics of the tasks that are scored on it.
        others: ``dict(dataloader=..., evaluator=...)`` of each further data set.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader | dict, evaluator: Evaluator | list,
                 others: Sequence[dict]) -> None:
        super().__init__(runner, dataloader, evaluator)
        self.others = [ValLoop(runner, **other) for other in others]

    def run(self) -> dict:
        """Score all tasks."""
        metrics = dict(super().run())
        for loop in self.others:
            metrics.update(loop.run())
        return metrics
