"""An image with its truth and what was predicted for it after each phase: what panels and pages show."""
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lhl.tasks import Task


class Frame(NamedTuple):
    """What a run predicts of a task after a phase."""

    prediction: np.ndarray  #: int ``(H, W)`` or float ``(C, H, W)``
    score: str = ''  #: the first metric of the task on this image, with its unit; empty where there is no truth


class View(NamedTuple):
    """One image with its truth, of the tasks for which it has one, and what each run predicts for it after each phase.

    Tasks that share a head are one row: that of the one that has a truth.
    """

    label: str  #: which image it is
    image: np.ndarray  #: ``(H, W, 3)`` in [0, 1]
    targets: Mapping[str, np.ndarray]  #: per row, int ``(H, W)`` or float ``(C, H, W)``
    valid: Mapping[str, np.ndarray]  #: per row, ``(H, W)`` bool
    frames: Mapping[str, Mapping[str, Mapping[int, Frame]]]  #: per run, row and phase from 1, from where it was learned

    def value_range(self, row: str) -> tuple[float, float] | None:
        """Give the numbers that get the first and the last colour of a row; None of one without such a scale.

        It is the range of the truth or, without one, of the first prediction.
        """
        numbers = self.targets.get(row)
        where = self.valid.get(row)
        if numbers is None or where is None or not where.any():
            numbers = next((frame.prediction for of_run in self.frames.values()
                            for frame in of_run.get(row, {}).values()), None)
            where = None
        if numbers is None or not np.issubdtype(numbers.dtype, np.floating):
            return None
        shown = numbers if where is None else numbers[..., where]
        return float(shown.min()), float(shown.max())

    def rows(self, tasks: Mapping[str, Task]) -> list[str]:
        """List the rows of some tasks of which there is anything to see."""
        return [row for row in tasks if any(of_run.get(row) for of_run in self.frames.values())]


def has_scale(task: Task) -> bool:
    """Say whether a task has one number per pixel, which a colour scale can explain."""
    return not task.classes and task.out_channels == 1 and not task.image_level


def ramp_of(task: Task, value_range: tuple[float, float]) -> np.ndarray:
    """Draw the colours of a task's numbers from the lowest to the highest: ``(1, 128, 3)`` uint8."""
    return task.draw(np.linspace(*value_range, 128, dtype=np.float32)[None, None], None, value_range)


def seen_classes(views: Sequence[View], row: str, task: Task) -> list[int]:
    """List the classes that a row of any view shows, in its truth or a prediction."""
    if not task.classes:
        return []
    seen: set[int] = set()
    for view in views:
        if row in view.targets:
            seen.update(np.unique(view.targets[row][view.valid[row]]).tolist())
        for of_run in view.frames.values():
            for frame in of_run.get(row, {}).values():
                seen.update(np.unique(frame.prediction).tolist())
    return sorted(seen)
