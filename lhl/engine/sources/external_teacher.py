"""A source that teaches: whether it can teach a stream's tasks, and how its learner is loaded."""
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lhl.engine.checkpoint import build_learner, find_checkpoint, stored_model, weights_digest, weights_of
from lhl.engine.plan import Stream
from lhl.errors import CheckpointError, ConfigError, suggest
from lhl.methods import ExternalTeacher
from lhl.models import Learner
from lhl.registry import MODELS
from lhl.tasks import Task, build_tasks
from lhl.weight_files import read_checkpoint

from .run import read_run


def check_external_teachers(stream: Stream) -> None:
    """Refuse teachers that cannot teach, before anything is built.

    Args:
        stream: The student's.

    Raises:
        CheckpointError: If a checkpoint cannot be read, is none of a phase, or is not the one that its run recorded.
        RunError: If a run has not finished a phase, or holds a model for each task.
        ConfigError: If a teacher lacks a task, has another kind of it or other channels, or sees other images.
    """
    checked = []
    for phase in stream.phases:
        teacher = phase.requires.external_teacher
        if phase.trained_by is None and teacher is not None and teacher not in checked:
            is_own = phase.method != stream.phases[0].method
            _check_teacher(stream, teacher, f'phases[{phase.index - 1}].method' if is_own else 'method')
            checked.append(teacher)


def _check_teacher(stream: Stream, teacher: ExternalTeacher, where: str) -> None:
    """Refuse a teacher that cannot teach what it is asked about."""
    source, checkpoint = _read(teacher)
    model = stored_model(checkpoint, source)
    for name in teacher.tasks or ():
        if name not in stream.tasks:
            raise ConfigError(f'{where}.distilled_tasks names the unknown task {name!r}; {suggest(name, stream.tasks)}')
    theirs = build_tasks(model['tasks'])
    for name in stream.tasks if teacher.tasks is None else teacher.tasks:
        if name not in theirs:
            raise ConfigError(f'{where}: the teacher {source} lacks the task {name!r}, it has {", ".join(theirs)}; '
                              f'name what it has in distilled_tasks, or give another teacher')
        _check_same_task(stream.tasks[name], theirs[name], source, where)
    _check_same_images(stream.cfg.model.to_dict(), model, source, where)


def _check_same_task(ours: Task, theirs: Task, source: Path, where: str) -> None:
    """Refuse a teacher whose predictions of a task are not of the student's form."""
    name, kind, expected = ours.name, type(theirs), type(ours)
    if kind is not expected:
        raise ConfigError(f'{where}: for the teacher {source} the task {name!r} is a {kind.__name__}, for the student '
                          f'a {expected.__name__}; give a teacher of the same tasks')
    if theirs.out_channels != ours.out_channels:
        raise ConfigError(f'{where}: the teacher {source} has {theirs.out_channels} channels for the task {name!r}, '
                          f'the student {ours.out_channels}; give a teacher of the same classes or channels')
    if theirs.head != ours.head:
        raise ConfigError(f'{where}: the teacher {source} has the task {name!r} on the head {theirs.head!r}, the '
                          f'student on {ours.head!r}; let the same tasks share a head in both')


def load_external_teacher(teacher: ExternalTeacher, device: str | torch.device) -> tuple[Learner, Tensor]:
    """Load a teacher, frozen and in evaluation mode, with the architecture that it was trained with.

    Args:
        teacher: From the method's requirements.
        device: Where to put it.

    Returns:
        The learner, and the SHA-256 of its weights as 32 bytes.
    """
    source, checkpoint = _read(teacher)
    digest = torch.tensor(list(bytes.fromhex(weights_digest(weights_of(checkpoint, source)))), dtype=torch.uint8)
    return build_learner(checkpoint, source).to(device), digest


def _read(teacher: ExternalTeacher) -> tuple[Path, dict]:
    """Read the last finished phase of a run, or a ``phase.safetensors``."""
    if Path(teacher.path).is_dir():
        source = read_run(teacher.path)
        return Path(teacher.path, source.phases[-1].results.checkpoint), source.read_last()
    path = find_checkpoint(teacher.path)
    return path, read_checkpoint(path)


def check_same_teacher(digest: Tensor, expected: Tensor | None, path: str) -> None:
    """Refuse to resume with another teacher than the training began with.

    Args:
        digest: Of the teacher now, from :func:`load_external_teacher`.
        expected: Of the teacher that the training checkpoint was made with; None where it was made without one.
        path: Of the teacher, for the message.

    Raises:
        CheckpointError: If they differ.
    """
    if expected is None or not torch.equal(digest, expected.cpu()):
        raise CheckpointError(f'the teacher {path} has other weights than when this run began; restore it, or start '
                              f'the run again in another work_dir')


def _check_same_images(ours: Mapping, theirs: Mapping, source: str | Path, where: str) -> None:
    """Refuse a teacher that was trained on images of another normalisation: it is shown the student's."""
    found, expected = (_normalisation(model) for model in (theirs, ours))
    if found != expected:
        raise ConfigError(f'{where}: the teacher {source} expects images normalised by {json.dumps(found)}, the '
                          f"student's are by {json.dumps(expected)}; give both the same model.data_preprocessor")


def _normalisation(model: Mapping) -> dict:
    """What a model's preprocessor does to the values of an image: its kind and its numbers."""
    preprocessor = MODELS.build(model.get('data_preprocessor') or dict(type='DensePreprocessor'))
    numbers = {name: [round(value, 6) for value in values.flatten().tolist()]
               for name, values in preprocessor.named_buffers()}
    return dict(type=type(preprocessor).__name__, **numbers)
