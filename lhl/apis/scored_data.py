"""On which data the tasks of a run are scored: numbers of different data do not belong in one table."""
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmengine.config import Config

from lhl.engine.plan import Stream
from lhl.errors import RunError


def scored_data(cfg: Config) -> dict[str, str]:
    """Describe the validation data of each task, that of the phase that learns it.

    Args:
        cfg: The config of a run; how it was learned does not matter, so that its method need not be known.

    Returns:
        For each task that is scored a description that does not depend on the machine: the name of the folder, the
        data set and the split, such as ``nyuv2 (NYUv2, val)``.
    """
    stream = Stream.from_config(cfg, check=False, method=dict(type='Vanilla'))
    return {task: describe(loader['dataset']) for loader, tasks in stream.scored_tasks(stream.tasks)
            for task in tasks}


def check_same_data(runs: Iterable[tuple[str, Mapping[str, str]]]) -> None:
    """Refuse runs that were not scored on the same data; where it is not known for a task, any will do.

    Args:
        runs: What each run is called in messages, and its :func:`scored_data`.

    Raises:
        RunError: If two runs were scored on different data for a task.
    """
    known: dict[str, tuple[str, str]] = {}
    for run, data in runs:
        for task, found in data.items():
            other, expected = known.setdefault(task, (run, found))
            if found != expected:
                raise RunError(f'{run} was scored on {found} for {task}, but {other} on {expected}; compare runs that '
                               f'were scored on the same data')


def describe(dataset: Mapping) -> str:
    """Describe a data set by its config: ``nyuv2 (NYUv2, val)``."""
    return f'{Path(dataset.get("data_root", "")).name} ({dataset.get("type")}, {dataset.get("split", "all of it")})'
