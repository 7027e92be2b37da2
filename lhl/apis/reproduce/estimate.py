"""How long runs will take on this machine, from a few of their steps."""
import contextlib
import io
import math
import tempfile
import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from lhl.engine import train_stream
from lhl.engine.plan import Stream
from lhl.engine.plan.data import check_data
from lhl.registry import DATASETS, HOOKS

#: Steps that are timed after the first one, and for how many seconds at most.
STEPS, LIMIT = 5, 30.0
#: The range that is given, as factors: a step of a method with a teacher, stored images or bases takes longer than one
#: of the first phase. A guess; once, on a machine that many others used, the runs took 0.46 of the estimate.
LEAST, MOST = 0.4, 2.5


class Cost(NamedTuple):
    """What was measured of a config, in seconds."""

    step: float  #: a training step of the first phase, with its loading
    scoring: float  #: scoring one batch of validation images
    start: float  #: from the call to the first step
    steps: int  #: how many were timed

    def of(self, iterations: int, scored_batches: int, phases: int) -> float:
        """Estimate the seconds of a run with so many iterations, batches to score and phases."""
        return self.step * iterations + self.scoring * scored_batches + self.start * phases


class _Enough(Exception):  # noqa: N818  # it is none
    """Ends the trial."""


@HOOKS.register_module()
class TrialHook(Hook):
    """Time the first steps of a training, score a few batches, and end it with :class:`_Enough`."""

    priority = 'VERY_LOW'
    seconds: list[float]

    def __init__(self) -> None:
        self.times: list[float] = []

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Note the time; at the end measure the scoring."""
        _wait()
        self.times.append(time.perf_counter())
        count = len(self.times) - 1
        is_over = count and (self.times[-1] - self.times[0] > LIMIT or self.is_last_train_iter(runner))
        if count < STEPS and not is_over:
            return
        scoring = 0.0
        if runner.val_loop is not None:
            runner.model.eval()
            with torch.no_grad():
                first = next(iter(runner.val_loop.dataloader))
                before = time.perf_counter()
                runner.model.val_step(first)
                _wait()
            scoring = time.perf_counter() - before
        raise _Enough((self.times[-1] - self.times[0]) / max(count, 1), scoring, self.times[0], count)


def measure(stream: Stream, threads: int) -> Cost:
    """Train the first phase of a stream for a few steps, in a temporary folder.

    Args:
        stream: The stream.
        threads: Of the processor, for each run.

    Raises:
        DataError: If its data are not there.
    """
    cfg = stream.cfg.copy()
    cfg.merge_from_dict(dict(log_level='ERROR', visualizer=None))
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='TrialHook')]
    own_threads = torch.get_num_threads()
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        before = time.perf_counter()
        try:
            train_stream(cfg, until=1)
        except _Enough as enough:
            step, scoring, first, steps = enough.args
            return Cost(step, scoring, first - before, steps)
        finally:
            torch.set_num_threads(own_threads)
    raise AssertionError('a phase has an iteration')


def amounts(stream: Stream, finished: int) -> tuple[int, int, int]:
    """Count the iterations, the batches to score and the phases that a run has left.

    Args:
        stream: What it learns.
        finished: How many phases are done.
    """
    iterations, batches = check_data(stream, finished), 0
    left = stream.phases[finished:]
    for phase in left:
        for loader, _ in stream.scored_tasks(phase.tasks):
            dataset = DATASETS.build({**loader['dataset'], 'tasks': stream.task_configs})
            batches += math.ceil(len(dataset) / loader['batch_size'])
    return sum(iterations), batches, len(left)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Do without the words of a training."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield
