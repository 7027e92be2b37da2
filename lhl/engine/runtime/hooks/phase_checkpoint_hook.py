"""Saves training checkpoints, and keeps the one before, should the newest turn out to be damaged."""
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from lhl.engine.checkpoint import training_checkpoints
from lhl.errors import ConfigError
from lhl.registry import HOOKS


@HOOKS.register_module()
class PhaseCheckpointHook(Hook):
    """Save every so many epochs or iterations, and after the last one.

    Args:
        interval: Number of epochs, or iterations, from one checkpoint to the next.
        by_epoch: Count epochs (True) or iterations, which a loop over epochs cannot resume from.
        max_keep_ckpts: How many of the latest to keep; a newer one is on disk before an older is deleted.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: int = 1, by_epoch: bool = True, max_keep_ckpts: int = 2) -> None:
        self.interval = interval
        self.by_epoch = by_epoch
        self.max_keep_ckpts = max_keep_ckpts

    def before_train(self, runner: Runner) -> None:
        """Refuse checkpoints from within an epoch where the loop would begin the epoch again."""
        if not self.by_epoch and isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ConfigError('default_hooks.checkpoint.by_epoch=False saves within an epoch, where a loop over epochs '
                              'cannot resume; set it to True, or train_cfg.by_epoch to False')

    def after_train_epoch(self, runner: Runner) -> None:
        """Save after an epoch."""
        if self.by_epoch and (self.every_n_epochs(runner, self.interval) or self.is_last_train_epoch(runner)):
            self._save(runner, f'epoch_{runner.epoch + 1}.pth')

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Save after an iteration."""
        if not self.by_epoch and (self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner)):
            self._save(runner, f'iter_{runner.iter + 1}.pth')

    @master_only
    def _save(self, runner: Runner, name: str) -> None:
        runner.save_checkpoint(runner.work_dir, name, by_epoch=self.by_epoch)
        for old in training_checkpoints(Path(runner.work_dir))[self.max_keep_ckpts:]:
            old.unlink()
