"""What a stream costs on this machine: it is learned from a few of its images, with a watch in its hooks."""
import contextlib
import copy
import io
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from lhl.engine import train_stream
from lhl.engine.plan import Stream
from lhl.engine.plan.data import check_data
from lhl.registry import DATASETS, HOOKS

#: Steps of each phase that are timed after its first one, batches that are scored, and the seconds after which a trial
#: comes to its end.
STEPS, BATCHES, LIMIT = 4, 3, 30.0
#: How many images a method asks for in its options.
_WANTED = ('memory_size', 'num_images')


class Amounts(NamedTuple):
    """What a phase does."""

    iterations: int  #: steps of training
    epochs: int  #: how many
    batches: int  #: in which all images of the phase are seen once
    scored: int  #: batches of validation images


class PhaseCost(NamedTuple):
    """What a phase was seen to take, in seconds."""

    start: float  #: from the end of the phase before, or from the first Runner, to the first step, which is included
    step: float  #: each further one, with its loading
    epoch: float  #: what follows an epoch: a checkpoint
    end: float  #: what the method does at the end, for each batch of the phase's images
    scoring: float  #: each batch that is scored

    def of(self, amount: Amounts, is_trained: bool = True) -> float:
        """Give the seconds of a phase; one that is taken over is only scored."""
        seconds = self.start + self.scoring * amount.scored
        if is_trained:
            seconds += self.step * (amount.iterations - 1) + self.epoch * amount.epochs + self.end * amount.batches
        return seconds


class _Enough(Exception):  # noqa: N818  # it is none
    """Ends a trial."""


@HOOKS.register_module()
class TrialHook(Hook):
    """Note when what happens."""

    priority = 'VERY_LOW'
    #: The phase, what happened, and when.
    marks: list[tuple[int, str, float]] = []  # noqa: RUF012  # a Runner builds the hook: there is no other way to it

    def before_run(self, runner: Runner) -> None:
        """Note the time; scoring is a run of its own."""
        self._mark(runner, 'run')

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Note the time; where the trial has taken long, score a batch and end it."""
        self._mark(runner, 'step')
        times = [time for phase, what, time in self.marks if (phase, what) == (runner.phase.index, 'step')]
        if len(times) < 2 or times[-1] - self.marks[0][2] < LIMIT:
            return
        if runner.val_loop is not None:
            runner.model.eval()
            with torch.no_grad():
                first = next(iter(runner.val_loop.dataloader))
                self._mark(runner, 'scored')
                runner.model.val_step(first)
            self._mark(runner, 'scored')
        raise _Enough

    def after_train_epoch(self, runner: Runner) -> None:
        """Note the time."""
        self._mark(runner, 'epoch')

    def before_val(self, runner: Runner) -> None:
        """Note the time."""
        self._mark(runner, 'ended')

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                       outputs: Any = None) -> None:
        """Note the time."""
        self._mark(runner, 'scored')

    def _mark(self, runner: Runner, what: str) -> None:
        self.marks.append((runner.phase.index, what, now()))


def now() -> float:
    """Give seconds: of work on a processor, which do not grow with what else it does, or as they pass with a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time() / torch.get_num_threads()


def measure(stream: Stream, threads: int, folder: str | Path) -> list[PhaseCost]:
    """Learn a stream from a few of its images, and give what each phase costs.

    Phases that a slow trial does not come to cost as much as the last one that it came to.

    Args:
        stream: The stream.
        threads: Of the processor, for each run.
        folder: Where the run is left, as a teacher of others.

    Raises:
        LHLError: If it cannot be trained.
    """
    own_threads = torch.get_num_threads()
    torch.set_num_threads(threads)
    TrialHook.marks.clear()
    try:
        with contextlib.suppress(_Enough):
            train_stream(_shortened(stream, folder))
    finally:
        torch.set_num_threads(own_threads)
    costs: list[PhaseCost] = []
    begun = None
    for number in range(1, len(stream.phases) + 1):
        marks = [(what, when) for phase, what, when in TrialHook.marks if phase == number]
        if not marks:
            costs.append(costs[-1])
            continue
        costs.append(_cost(marks, begun if begun is not None else marks[0][1]))
        begun = marks[-1][1]
    return costs


def _cost(marks: list[tuple[str, float]], begun: float) -> PhaseCost:
    """Make costs of what was noted in a phase."""
    times: dict[str, list[float]] = {what: [] for what in ('step', 'epoch', 'ended', 'scored')}
    for what, when in marks:
        times.setdefault(what, []).append(when)
    steps, epochs, scored = times['step'], times['epoch'], times['scored']
    return PhaseCost(
        start=steps[0] - begun,
        step=_mean_difference(steps) or steps[0] - begun,
        epoch=epochs[0] - steps[-1] if epochs else 0.0,
        end=(times['ended'][0] - epochs[-1]) / len(steps) if epochs and times['ended'] else 0.0,
        scoring=_mean_difference(scored) or (scored[0] - times['ended'][0] if scored else 0.0))


def _mean_difference(times: list[float]) -> float:
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0


def amounts(stream: Stream) -> list[Amounts]:
    """Count what each phase of a stream does.

    Raises:
        DataError: If the data are not there.
    """
    counted = []
    for phase, iterations in zip(stream.phases, check_data(stream), strict=True):
        epochs = phase.train_cfg.get('max_epochs') or 1
        scored = sum(math.ceil(_num_images(stream, loader, names) / loader['batch_size'])
                     for loader, names in stream.scored_tasks(phase.tasks))
        counted.append(Amounts(iterations, epochs, iterations // epochs, scored))
    return counted


def _num_images(stream: Stream, loader: Mapping, names: list[str]) -> int:
    tasks = {name: stream.task_configs[name] for name in names}
    return len(DATASETS.build({**loader['dataset'], 'tasks': tasks}))


def _shortened(stream: Stream, folder: str | Path) -> Config:
    """Change a config so that each phase trains on and scores a few batches, without a word."""
    cfg = copy.deepcopy(stream.cfg)
    cfg.merge_from_dict(dict(log_level='ERROR', work_dir=str(folder)))
    cfg.visualizer = cfg.param_scheduler = None  # a schedule may end after the trial
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='TrialHook')]
    _shorten_loop(cfg.train_cfg)
    for section in (cfg, *cfg.phases):
        if (section.get('method') or {}).get('inversion'):
            section.method.inversion.update(steps=2, warmup_steps=1)
    if cfg.get('val_dataloader') is not None:
        _take_part(cfg, 'val_dataloader', _share_of_scored(stream))
    for entry, phase, amount in zip(cfg.phases, stream.phases, amounts(stream), strict=True):
        for name in ('param_scheduler', 'early_stopping'):
            entry.pop(name, None)
        if 'train_cfg' in entry:
            _shorten_loop(entry.train_cfg)
        if entry.get('val_dataloader') is not None:
            _take_part(entry, 'val_dataloader', _share_of_scored(stream))
        size = phase.train_dataloader['batch_size']
        wanted = max((STEPS + 1) * size, *(phase.method.get(name) or 0 for name in _WANTED))
        _take_part(entry, 'train_dataloader', max(1, amount.batches * size // wanted), phase.part)
    return cfg


def _share_of_scored(stream: Stream) -> int:
    """Say into how many parts validation images are cut, of which one is scored: enough batches in each set."""
    sizes = [_num_images(stream, loader, names) / loader['batch_size']
             for loader, names in stream.scored_tasks(stream.tasks)]
    return max(1, int(min(sizes, default=0)) // BATCHES)


def _take_part(section: Any, name: str, share: int, part: Mapping | None = None) -> None:
    """Let a loader of a config read one of so many parts of its images, or of a part of them."""
    index, count = (part['index'], part['count']) if part else (0, 1)
    taken = index * share if isinstance(index, int) else [one * share for one in index]
    section.setdefault(name, {}).setdefault('dataset', {})['part'] = dict(
        part or {}, index=taken, count=count * share)


def _shorten_loop(loop: Any) -> None:
    if 'max_epochs' in loop:
        loop.max_epochs = 1
    else:
        loop.max_iters = STEPS + 1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Do without the words of a training."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield
