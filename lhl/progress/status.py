"""How far a stream is, and the words for it."""
import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Status:
    """How far a stream is.

    Args:
        phase: The phase that is trained, from 1.
        phases: How many there are.
        tasks: The tasks that it learns.
        iteration: How many of its iterations are done.
        iterations: How many it has.
        epoch: Its epoch, from 1; 0 where it counts iterations alone.
        epochs: How many it has.
        losses: The total loss, ``loss``, and its terms, averaged over the latest iterations.
        scores: The metrics that were measured last, ``task/metric``.
        images_per_second: Over the latest iterations, the loading included; NaN where it is not known.
        phase_seconds: The time that is left of the phase; NaN where it is not known.
        stream_seconds: That of the stream, if an iteration of the later phases takes as long as now.
        scored: The batch that is being scored; 0 while the phase is trained.
    """

    phase: int
    phases: int
    tasks: str
    iteration: int = 0
    iterations: int = 0
    epoch: int = 0
    epochs: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    images_per_second: float = math.nan
    phase_seconds: float = math.nan
    stream_seconds: float = math.nan
    scored: int = 0

    @property
    def name(self) -> str:
        """The phase, such as ``phase 2/3 (depth)``."""
        return f'phase {self.phase}/{self.phases} ({self.tasks})'

    @property
    def place(self) -> str:
        """Where in the phase it is, such as ``epoch 3/14, iteration 40/60``."""
        epoch = f'epoch {self.epoch}/{self.epochs}, ' if self.epochs else ''
        return f'{epoch}iteration {self.iteration}/{self.iterations}'

    @property
    def speed(self) -> str:
        """The speed and the time that is left, as far as they are known."""
        parts = []
        if not math.isnan(self.images_per_second):
            parts.append(f'{self.images_per_second:.1f} images/s')
        if not math.isnan(self.phase_seconds):
            parts.append(f'left: phase {duration(self.phase_seconds)}, stream {duration(self.stream_seconds)}')
        return ', '.join(parts)


def loss_text(losses: Mapping[str, float], terms: bool) -> str:
    """Write the total loss and, if wanted, its terms: ``loss 2.8 (new_depth 1.6, distillation_segmentation 1.2)``."""
    if not losses:
        return ''
    total = f'loss {losses["loss"]:.4g}' if 'loss' in losses else ''
    parts = [f'{name.removeprefix("loss_")} {value:.4g}' for name, value in losses.items() if name != 'loss']
    return f'{total} ({", ".join(parts)})'.strip() if terms and parts else total


def scores_text(scores: Mapping[str, float]) -> str:
    """Write metrics task by task: ``segmentation mIoU 45.1, PixAcc 67; depth AbsErr 0.52``."""
    by_task: dict[str, list[str]] = {}
    for key, value in scores.items():
        task, _, metric = key.partition('/')
        by_task.setdefault(task, []).append(f'{metric} {value:.4g}')
    return '; '.join(f'{task} {", ".join(values)}' for task, values in by_task.items())


def duration(seconds: float) -> str:
    """Write a duration for a person: ``2 h 5 min``, ``3 min 20 s``, ``12 s``."""
    seconds = round(seconds)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f'{hours} h {minutes % 60} min'
    return f'{minutes} min {seconds % 60} s' if minutes else f'{seconds} s'
