"""Follows the training of a stream, and tells a display or a log, and trackers, how far it is."""
import math
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from .display import LiveDisplay, is_terminal
from .status import Status, loss_text, scores_text
from .trackers import Trackers

#: What a record of the log carries that is for the terminal: the file has it in full from mmengine.
FOR_THE_TERMINAL = dict(for_the_terminal=True)


class StreamProgress:
    """Tells how far a stream is, while it is trained; of several processes the first does.

    Args:
        cfg: The stream's config, with the folder of the run, and the trackers.
        tasks: For each phase its tasks.
        iterations: For each phase that will be trained the number of its iterations.
    """

    def __init__(self, cfg: Config, tasks: Sequence[Sequence[str]], iterations: Sequence[int]) -> None:
        self.tasks, self.iterations = tasks, iterations
        self.is_shown = is_main_process()
        self.trackers = Trackers(cfg) if self.is_shown else None
        self.display: LiveDisplay | None = None

    def __enter__(self) -> 'StreamProgress':
        if self.trackers is not None:
            self.trackers.open()
        if self.is_shown and is_terminal():
            self.display = LiveDisplay()
            self.display.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.display is not None:
            self.display.stop()
        if self.trackers is not None:
            self.trackers.close()

    def follow(self, runner: Runner, phase: int, before: int) -> None:
        """Follow a phase.

        Args:
            runner: Its runner, before it trains.
            phase: Its number, from 1.
            before: The iterations of the phases before: the curves of trackers continue there.
        """
        if self.is_shown:
            status = Status(phase, len(self.tasks), ', '.join(self.tasks[phase - 1]))
            runner.register_hook(ProgressHook(self, status, before))


class ProgressHook(Hook):
    """Keeps the status of a phase up to date, and passes it on.

    Args:
        progress: Where to.
        status: Of the phase, before its first iteration.
        before: The iterations of the phases before.
    """

    priority = 'LOW'  # after mmengine's logger, whose numbers it takes

    def __init__(self, progress: StreamProgress, status: Status, before: int) -> None:
        self.progress, self.status, self.before = progress, status, before
        self.first: tuple[int, float] | None = None
        self.told: tuple[int, dict] | None = None

    def before_train(self, runner: Runner) -> None:
        """Look how long the phase is, and where it begins."""
        self.interval = next((hook.interval for hook in runner.hooks if hasattr(hook, 'interval_exp_name')), 10)
        self.status.iteration, self.status.iterations = runner.iter, runner.max_iters
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            self.status.epoch, self.status.epochs = runner.epoch, runner.max_epochs
        self._mark()
        self._draw(now=True)

    def before_train_epoch(self, runner: Runner) -> None:
        """Count the images anew."""
        self._mark()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Count the iteration; at the interval of the log, tell how far it is."""
        status, now = self.status, time.monotonic()
        status.iteration, status.scored = runner.iter + 1, 0
        if status.epochs:
            status.epoch = runner.epoch + 1
        self.images += len((data_batch or {}).get('inputs', ()))
        if self.first is None:  # the first iteration warms up
            self.first = (status.iteration, now)
        elif status.iteration > self.first[0]:
            pace = (now - self.first[1]) / (status.iteration - self.first[0])
            later = sum(self.progress.iterations[status.phase:])
            left = status.iterations - status.iteration
            status.phase_seconds, status.stream_seconds = pace * left, pace * (left + later)
        if self.every_n_inner_iters(batch_idx, self.interval) or (
                self.end_of_epoch(runner.train_dataloader, batch_idx) and batch_idx < self.interval):
            self._tell(runner, now)
        self._draw()

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                       outputs: Any = None) -> None:
        """Show that it is scored."""
        self.status.scored = batch_idx + 1
        self._draw()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Tell how well the tasks of a validation set are solved."""
        status, found = self.status, metrics or {}
        status.scored = 0
        self._mark()
        if self.told == (status.iteration, found):  # of the last epoch, and then of the phase
            return
        self.told = (status.iteration, found)
        status.scores = {**status.scores, **found}
        place = f', epoch {status.epoch}/{status.epochs}' if status.epochs and status.iteration < status.iterations \
            else ''
        runner.logger.info(f'{status.name}{place}, scores: {scores_text(found)}', extra=FOR_THE_TERMINAL)
        self._track(found)
        self._draw(now=True)

    def _tell(self, runner: Runner, now: float) -> None:
        status, scalars = self.status, runner.message_hub.log_scalars
        status.losses = {name.removeprefix('train/'): float(scalars[name].mean(self.interval))
                         for name in scalars if name.startswith('train/loss')}
        status.images_per_second = self.images * get_world_size() / max(now - self.marked, 1e-9)
        self._mark()
        if self.progress.display is None:
            parts = [status.place, loss_text(status.losses, terms=False), status.speed]
            runner.logger.info(f'{status.name}: {", ".join(part for part in parts if part)}', extra=FOR_THE_TERMINAL)
        rates = {name.removeprefix('train/'): float(scalars[name].current())
                 for name in scalars if name.startswith('train/lr')}
        self._track({**status.losses, **rates, 'images_per_second': status.images_per_second, 'phase': status.phase})

    def _track(self, scalars: Mapping[str, float]) -> None:
        if self.progress.trackers is not None:
            finite = {name: value for name, value in scalars.items() if math.isfinite(value)}
            self.progress.trackers.add(finite, self.before + self.status.iteration)

    def _mark(self) -> None:
        self.images, self.marked = 0, time.monotonic()

    def _draw(self, now: bool = False) -> None:
        if self.progress.display is not None:
            self.progress.display.update(self.status, now)
