"""Ends a phase early, when a metric of a task has not improved for a while."""
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mmengine.hooks import Hook

from lhl.registry import HOOKS

if TYPE_CHECKING:
    from lhl.engine.runtime.runner import PhaseRunner


@HOOKS.register_module()
class PhaseStoppingHook(Hook):
    """Stop a phase by what is scored while it trains; ``early_stopping`` of an entry of ``phases`` adds it.

    The phase keeps the weights of its last epoch. A resumed phase stops where an undisturbed one does: scores are part
    of its training checkpoints, and a validation that was cut off is made up for.

    Args:
        metric: ``task/metric``.
        higher_is_better: Whether it should rise.
        patience: After how many validations without an improvement to stop.
        min_delta: How much better than the best score before is an improvement: more than this.
    """

    priority = 'LOWEST'

    def __init__(self, metric: str, higher_is_better: bool, patience: int = 3, min_delta: float = 0.0) -> None:
        self.metric, self.higher_is_better = metric, higher_is_better
        self.patience, self.min_delta = patience, min_delta
        self.scores: dict[int, float] = {}  # by the number of epochs that are done
        self.reason = ''

    def before_train(self, runner: 'PhaseRunner') -> None:
        """Decide of a resumed phase what was still undecided when it was interrupted."""
        loop = runner.train_loop
        is_due = (loop.epoch >= max(loop.val_begin, 1) and loop.epoch % loop.val_interval == 0
                  and loop.iter == loop.epoch * len(loop.dataloader) and loop.epoch < loop.max_epochs)
        if is_due and loop.epoch not in self.scores:
            runner.validate_while_training()
        elif is_due:
            self._decide(runner)

    def after_val_epoch(self, runner: 'PhaseRunner', metrics: dict[str, float] | None = None) -> None:
        """Take in a score."""
        if metrics and self.metric in metrics and runner.epoch < runner.max_epochs and runner.epoch not in self.scores:
            self.scores[runner.epoch] = float(metrics[self.metric])
            self._decide(runner)

    def before_save_checkpoint(self, runner: 'PhaseRunner', checkpoint: dict) -> None:
        """Add the scores until now."""
        checkpoint['scores'] = dict(self.scores)

    def after_load_checkpoint(self, runner: 'PhaseRunner', checkpoint: dict) -> None:
        """Go on with the scores until then."""
        self.scores = dict(checkpoint.get('scores') or {})

    def _decide(self, runner: 'PhaseRunner') -> None:
        if waited(self.scores.values(), self.higher_is_better, self.min_delta) >= self.patience:
            runner.train_loop.stop_training = True
            self.reason = (f'after epoch {runner.epoch} of {runner.max_epochs}: {self.metric} has not improved by more '
                           f'than {self.min_delta:g} in {self.patience} validations')
            runner.logger.info(f'phase {runner.phase.index} stops early {self.reason}')


def waited(scores: Iterable[float], higher_is_better: bool, min_delta: float) -> int:
    """Count the scores since the last one that was an improvement; one that is no number never is.

    Args:
        scores: In order.
        higher_is_better: Whether they should rise.
        min_delta: How much more than the best before is an improvement.
    """
    best, count = math.nan, 0
    for score in scores:
        gain = (score - best) if higher_is_better else (best - score)
        if gain > min_delta or (math.isnan(best) and not math.isnan(score)):
            best, count = score, 0
        else:
            count += 1
    return count
