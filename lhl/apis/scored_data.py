"""On which data the tasks of a run are scored: numbers of different data do not belong in one table."""
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from lhl.engine.plan import Stream
from lhl.errors import RunError

#: Options of a data set that its description names, and those that do not change what is scored.
_NAMED_OR_ALIKE = ('data_root', 'type', 'split', 'tasks', 'seed')


def scored_data(cfg: Config) -> dict[str, str]:
    """Describe the validation data of each task, that of the phase that learns it.

    Args:
        cfg: The config of a run; how it was learned does not matter, so that its method need not be known.

    Returns:
        For each task that is scored a description that does not depend on the machine: the name of the folder, the
        data set and the split, such as ``nyuv2 (NYUv2, val)``, with the options of the data set and the metrics that
        the config gives besides.
    """
    stream = Stream.from_config(cfg, check=False, method=dict(type='Vanilla'))
    metrics = {task: (cfg.get('tasks') or {}).get(task, {}).get('metrics') for task in stream.tasks}
    return {task: _with_options(loader['dataset'], task, metrics[task])
            for loader, tasks in stream.scored_tasks(stream.tasks) for task in tasks}


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
    return f'{Path(dataset.get("data_root") or "").name} ({dataset.get("type")}, {dataset.get("split", "all of it")})'


def _with_options(dataset: Mapping, task: str, metrics: Sequence[Mapping] | None) -> str:
    """Describe what a task is scored on by all that the configs of the data set and the metrics say."""
    options = {name: value for name, value in dataset.items() if name not in _NAMED_OR_ALIKE
               and value is not None and (name, value) != ('labels', 'all')}
    pipeline = [transform for transform in options.pop('pipeline', []) if transform.get('type') != 'PackSample']
    targets = options.pop('targets', {}).get(task)
    options |= {name: value for name, value in (('pipeline', pipeline), ('targets', targets), ('metrics', metrics))
                if value}
    return ', '.join([describe(dataset), *(f'{name}={_plain(options[name])}' for name in sorted(options))])


def _plain(value: Any) -> Any:
    """Turn tuples into lists, which a config is read back with."""
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value, key=str)}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
