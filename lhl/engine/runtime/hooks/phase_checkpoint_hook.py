"""Saves training checkpoints, and keeps the one before, should the newest turn out to be damaged."""
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from lhl.engine.checkpoint import training_checkpoints
from lhl.options import Count
from lhl.registry import HOOKS

if TYPE_CHECKING:
    from lhl.engine.runtime.runner import PhaseRunner


@HOOKS.register_module()
class PhaseCheckpointHook(Hook):
    """Save every so many epochs or iterations, and after the last one.

    Args:
        interval: Number of epochs, or iterations, from one checkpoint to the next.
        by_epoch: Count epochs (True) or iterations.
        max_keep_ckpts: How many of the latest to keep; a newer one is on disk before an older is deleted.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: Count = 1, by_epoch: bool = True, max_keep_ckpts: Count = 2) -> None:
        self.interval = interval
        self.by_epoch = by_epoch
        self.max_keep_ckpts = max_keep_ckpts

    def after_train_epoch(self, runner: Runner) -> None:
        """Save after an epoch."""
        if self.by_epoch and (self.every_n_epochs(runner, self.interval) or self.is_last_train_epoch(runner)):
            self._save(runner, f'epoch_{runner.epoch + 1}.pth')

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Save after an iteration."""
        if not self.by_epoch and (self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner)):
            epoch = '' if isinstance(runner.train_loop, IterBasedTrainLoop) else f'epoch_{runner.epoch}_'
            self._save(runner, f'{epoch}iter_{runner.iter + 1}.pth')

    def _save(self, runner: 'PhaseRunner', name: str) -> None:
        runner.finite.check(runner)  # a run that has diverged must not replace the last good checkpoint
        self._write(runner, name)

    @master_only
    def _write(self, runner: Runner, name: str) -> None:
        runner.save_checkpoint(runner.work_dir, name, by_epoch=self.by_epoch)
        for old in training_checkpoints(Path(runner.work_dir))[self.max_keep_ckpts:]:
            old.unlink()
