"""The results of a run: ``results.json``, from which every table and plot is made.

Version 2 of the file::

    {"format": "lhl-results", "version": 2, "sha256": "5d41...",
     "method": "HAD", "seed": 0, "stream": ["segmentation", "depth", "normal"],
     "config": "configs/had/had_r50_nyuv2.py", "config_hash": "3f1c...", "versions": {"torch": "2.9.0", ...},
     "higher_is_better": {"segmentation": {"mIoU": true, "PixAcc": true}, ...},
     "units": {"segmentation": {"mIoU": "%", "PixAcc": "%"}, "depth": {"AbsErr": "m"}, ...},
     "phases": [{"phase": 1, "tasks": ["segmentation"], "metrics": {"segmentation": {"mIoU": 41.2, "PixAcc": 67.0}},
                 "seconds": 812.5, "iterations": 340, "peak_memory_mib": 10240.0, "parameters": 15902029,
                 "method_state_mib": 0.0, "stored_images": 0, "weights_sha256": "9a0b...",
                 "checkpoint": "phase1_segmentation/phase.safetensors", "backbone": "ResNet(depth=18, ...)",
                 "stopped_early": ""}, ...]}

``phases`` holds the phases that were completed, in order; ``metrics`` what was measured right after the phase, for
every task that was scored; ``checkpoint`` is relative to the file's folder. Metrics are in the order in which they are
printed. ``units`` names only metrics that have a unit, and may be missing: then no unit is known. So may ``backbone``,
which is empty then, and ``stopped_early``, which is empty for a phase that ran to its last epoch. ``sha256`` is of
the rest of the file, which is compared with it when it is read; a file of an earlier lhl has none. A number that is not
finite is written as ``null``, because JSON has none, and read as NaN.
"""
import dataclasses
import hashlib
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lhl.atomic import atomic_write
from lhl.errors import RunError
from lhl.regular_files import read_text_file

FILE_NAME = 'results.json'
_FORMAT, _VERSION = 'lhl-results', 2
#: In characters: of a method, a task, a metric.
_MAX_NAME = 200
#: Of iterations, weights and images, and of a seed: what can be computed with as a float.
_MAX_COUNT = 2**53


@dataclass
class PhaseResults:
    """What was measured right after one phase.

    Args:
        phase: Number of the phase, from 1.
        tasks: The tasks that were learned in it: one, or several at once.
        metrics: The metrics of each task that was scored.
        seconds: Duration of the training, what the method does at its end included.
        iterations: Number of training steps.
        peak_memory_mib: Largest amount of accelerator memory that was allocated, in MiB.
        parameters: Number of parameters that are needed to predict all tasks seen so far.
        method_state_mib: Size of what the method carries to the next phase, in MiB; the teacher does not count.
        stored_images: Number of training images among it.
        weights_sha256: Hash of the weights after the phase.
        checkpoint: The phase's checkpoint, relative to the run's folder.
        backbone: The config of the backbone that the phase trained, without its first weights; empty where it is not
            known.
        stopped_early: Why the training ended before its last epoch; empty where it did not.
    """

    phase: int
    tasks: list[str]
    metrics: dict[str, dict[str, float]]
    seconds: float
    iterations: int
    peak_memory_mib: float
    parameters: int
    method_state_mib: float
    stored_images: int
    weights_sha256: str
    checkpoint: str
    backbone: str = ''
    stopped_early: str = ''

    def __post_init__(self) -> None:
        self.metrics = {task: {metric: _number(value) for metric, value in values.items()}
                        for task, values in self.metrics.items()}
        self.seconds, self.peak_memory_mib = _number(self.seconds), _number(self.peak_memory_mib)
        self.method_state_mib = _number(self.method_state_mib)


@dataclass
class Results:
    """The results of one run: a stream learned by one method with one seed.

    Args:
        method: Name of the method.
        seed: The run's seed.
        stream: The tasks, in the order in which they are learned.
        config: Path of the config.
        config_hash: Hash of the whole config.
        versions: Version of each package that affects the numbers.
        higher_is_better: For each task its metrics, in the order in which they are printed.
        units: For each task the units of its metrics, of those that have one. Of a task that is missing here they are
            not known.
        phases: The completed phases, in order.
    """

    method: str
    seed: int
    stream: list[str]
    config: str
    config_hash: str
    versions: dict[str, str]
    higher_is_better: dict[str, dict[str, bool]]
    units: dict[str, dict[str, str]] = field(default_factory=dict)
    phases: list[PhaseResults] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether every task of the stream has been learned."""
        return len(self.learned_tasks) == len(self.stream)

    @property
    def learned_tasks(self) -> list[str]:
        """The tasks of the completed phases, in the stream's order."""
        return [task for phase in self.phases for task in phase.tasks]

    def add_phase(self, phase: PhaseResults) -> None:
        """Add the results of a phase, or replace them.

        Later phases are built on the replaced one: they are kept if its weights are the same, and dropped otherwise.

        Args:
            phase: The next phase, or one that is already there.

        Raises:
            RunError: If a phase before it is missing, or it is not a phase of the stream.
        """
        index = phase.phase - 1
        if not 0 <= index <= len(self.phases):
            raise RunError(f'phase {phase.phase} cannot be added to the results of {len(self.phases)} phases; the next '
                           f'one is phase {len(self.phases) + 1}')
        self._check_phase(index + 1, phase)
        unchanged = index < len(self.phases) and self.phases[index].weights_sha256 == phase.weights_sha256
        self.phases[index:] = [phase, *(self.phases[index + 1:] if unchanged else [])]

    def metrics_after(self, phase: int, task: str) -> dict[str, float]:
        """Look up how good a task was after a phase.

        Args:
            phase: Number of the phase, from 1.
            task: Name of the task.

        Returns:
            The task's metrics.

        Raises:
            RunError: If the phase is not completed, or the task was not scored after it.
        """
        if not 1 <= phase <= len(self.phases):
            raise RunError(f'there are no results of phase {phase}, only of the first {len(self.phases)}')
        metrics = self.phases[phase - 1].metrics
        if task not in metrics:
            raise RunError(f'task {task!r} was not scored after phase {phase}, only {", ".join(metrics) or "nothing"}')
        return metrics[task]

    def save(self, path: str | Path) -> None:
        """Write the file whole or not at all.

        Args:
            path: The file, or the run's folder, which gets a ``results.json``.

        Raises:
            RunError: If there already is a file that is not a result file of this version.
        """
        path = _result_file(path)
        if path.exists():
            _read(path)
        content = _finite(dataclasses.asdict(self))
        document = {'format': _FORMAT, 'version': _VERSION, 'sha256': _digest(content), **content}
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        with atomic_write(path) as file:
            file.write(text.encode() + b'\n')

    @classmethod
    def load(cls, path: str | Path) -> 'Results':
        """Read the file of a run.

        Args:
            path: The file, or the run's folder.

        Raises:
            RunError: If it is missing, unreadable, of another version, incomplete or contradicts itself.
        """
        path = _result_file(path)
        document = _read(path)
        fields = _take_fields(cls, {'units': {}, **document}, path, 'it')  # of a file before there were units
        for name in ('higher_is_better', 'units'):
            for task, of_task in fields[name].items():
                if not isinstance(of_task, dict):
                    raise RunError(f'{path} is damaged: its {name} of {task} is of type {type(of_task).__name__}, '
                                   f'expected dict; {_CURE}')
        phases = fields.pop('phases')
        results = cls(**fields)
        results._check_texts(path)
        for number, entry in enumerate(phases, start=1):
            entry = {'backbone': '', 'stopped_early': '', **entry} if isinstance(entry, dict) else entry
            try:
                phase = PhaseResults(**_take_fields(PhaseResults, entry, path, f'its phase {number}'))
            except (AttributeError, OverflowError, TypeError, ValueError):
                raise RunError(f'{path} is damaged: its phase {number} holds something else than numbers among its '
                               f'measurements; {_CURE}') from None
            for text in (phase.weights_sha256, phase.checkpoint, phase.backbone, phase.stopped_early):
                if not text.isprintable():
                    raise RunError(f'{path} is damaged: its phase {number} holds {text[:_MAX_NAME]!r}, expected '
                                   f'printable characters; {_CURE}')
            if Path(phase.checkpoint).is_absolute() or '..' in Path(phase.checkpoint).parts:
                raise RunError(f'{path} names the checkpoint {phase.checkpoint!r} of phase {number}, expected a path '
                               f'within the folder of the run; {_CURE}')
            try:
                results._check_phase(number, phase)
            except RunError as error:
                raise RunError(f'{path} contradicts itself: {error}') from None
            results.phases.append(phase)
        return results

    def _check_texts(self, path: Path) -> None:
        """Refuse names that are none: they are printed, and drawn."""
        names = [self.method, self.config_hash, *self.stream, *self.higher_is_better, *self.versions,
                 *self.versions.values()]
        for by_task in (self.higher_is_better, self.units):
            for task, of_task in by_task.items():
                names += [task, *of_task]
        names += [unit for of_task in self.units.values() for unit in of_task.values()]
        for name in names:
            if not isinstance(name, str) or not name.isprintable() or len(name) > _MAX_NAME:
                raise RunError(f'{path} is damaged: it names {str(name)[:_MAX_NAME]!r}, expected up to {_MAX_NAME} '
                               f'printable characters; {_CURE}')

    def _check_phase(self, number: int, phase: PhaseResults) -> None:
        """Refuse a phase that is not the next one of the stream, or metrics that the stream does not have."""
        before = sum(len(earlier.tasks) for earlier in self.phases[:number - 1])
        left = self.stream[before:]
        if not left:
            raise RunError(f'there is a phase {number}, but the {len(self.stream)} tasks of the stream are '
                           f'learned before')
        if phase.phase != number or not phase.tasks or phase.tasks != left[:len(phase.tasks)]:
            raise RunError(f'found phase {phase.phase} ({", ".join(map(str, phase.tasks))}), expected phase {number} '
                           f'({left[0]}) of the stream {", ".join(self.stream)}')
        for task, values in phase.metrics.items():
            known = self.higher_is_better.get(task, {}) if task in self.stream else {}
            unknown = [f'{task}/{metric}' for metric in values if metric not in known]
            if unknown:
                raise RunError(f'phase {number} was scored by {", ".join(unknown)}, which is not among the metrics of '
                               f'the stream')


def _result_file(path: str | Path) -> Path:
    path = Path(path)
    return path / FILE_NAME if path.is_dir() else path


def _read(path: Path) -> dict[str, Any]:
    """Read a file of this format and version."""
    if not os.path.lexists(path):
        raise RunError(f'{path} does not exist; give the folder of a run that has completed a phase')
    try:
        document = json.loads(read_text_file(path, RunError))
    except (ValueError, RecursionError):
        raise RunError(f'{path} is not valid JSON, perhaps a truncated copy; restore it or move it away') from None
    if not isinstance(document, dict) or document.get('format') != _FORMAT:
        raise RunError(f'{path} is not a result file of lhl ("format": "{_FORMAT}"); move it away or give another path')
    if document.get('version') != _VERSION:
        raise RunError(f'{path} has version {document.get("version")!r}, expected {_VERSION}; use the lhl that '
                       f'wrote it')
    content = {key: value for key, value in document.items() if key not in ('format', 'version', 'sha256')}
    if document.get('sha256', _digest(content)) != _digest(content):
        raise RunError(f'{path} is damaged: what it holds is not what was written; {_CURE}')
    return content


def _digest(content: Any) -> str:
    """Give the SHA-256 of what JSON can hold, in its order."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


_CURE = 'restore the file or run the stream again'
#: What JSON gives for the fields of the two dataclasses; the measurements of a phase may be null.
_JSON_TYPES: dict[str, type] = {
    'method': str, 'seed': int, 'stream': list, 'config': str, 'config_hash': str, 'versions': dict,
    'higher_is_better': dict, 'units': dict, 'phases': list, 'phase': int, 'tasks': list, 'metrics': dict,
    'iterations': int, 'parameters': int, 'stored_images': int, 'weights_sha256': str, 'checkpoint': str,
    'backbone': str, 'stopped_early': str}


def _take_fields(of: type, document: Any, path: Path, where: str) -> dict[str, Any]:
    """Pick the fields of a dataclass, and refuse what is missing or of the wrong type."""
    names = [described.name for described in dataclasses.fields(of)]
    missing = [name for name in names if not isinstance(document, dict) or name not in document]
    if missing:
        raise RunError(f'{path} is incomplete: {where} has no {", ".join(missing)}; {_CURE}')
    for name in names:
        expected = _JSON_TYPES.get(name, object)
        if not isinstance(document[name], expected):
            raise RunError(f'{path} is damaged: {where} has a {name} of type {type(document[name]).__name__}, expected '
                           f'{expected.__name__}; {_CURE}')
        if expected is int and not 0 <= document[name] <= _MAX_COUNT:
            raise RunError(f'{path} is damaged: {where} has a {name} that is no number from 0 to {_MAX_COUNT}; {_CURE}')
    return {name: document[name] for name in names}


def _number(value: float | None) -> float:
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else math.nan


def _finite(value: Any) -> Any:
    """Turn every number that is not finite into ``None``."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
