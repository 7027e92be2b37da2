"""A teacher from another run: whether it can teach a stream's tasks, and how it is loaded."""
import json
from pathlib import Path

import torch
from mmengine.config import Config
from torch import Tensor

from lhl.engine.checkpoint import build_learner, find_checkpoint, read_checkpoint, stored_model, weights_digest
from lhl.engine.plan.runner_config import task_names
from lhl.errors import CheckpointError, ConfigError, RunError, suggest
from lhl.evaluation import Results
from lhl.methods import ExternalTeacher
from lhl.models import Learner
from lhl.registry import MODELS
from lhl.tasks import build_tasks


def check_external_teacher(cfg: Config, teacher: ExternalTeacher, where: str) -> None:
    """Refuse a teacher that cannot teach, before anything is built.

    Args:
        cfg: The student's config.
        teacher: From the method's requirements.
        where: Names the method's config, for messages.

    Raises:
        CheckpointError: If there is no readable phase checkpoint.
        RunError: If the run has not finished a phase, or holds a model for each task.
        ConfigError: If the teacher lacks a task, has another kind of it or other channels, or sees other images.
    """
    source = find_checkpoint(teacher.path)
    model = stored_model(read_checkpoint(source), source)
    stream, configs = task_names(cfg), cfg.to_dict()['tasks']
    for name in teacher.tasks or ():
        if name not in stream:
            raise ConfigError(f'{where}.distilled_tasks names the unknown task {name!r}; {suggest(name, stream)}')
    if Path(teacher.path).is_dir() and set(Results.load(teacher.path).learned_tasks) - set(model['tasks']):
        raise RunError(f'{where}: the run {teacher.path} holds a model for each of its tasks, expected one for all; '
                       f'train the teacher with another method, such as Joint')
    ours, theirs = build_tasks({name: configs[name] for name in stream}), build_tasks(model['tasks'])
    for name in stream if teacher.tasks is None else teacher.tasks:
        if name not in theirs:
            raise ConfigError(f'{where}: the teacher {source} lacks the task {name!r}, it has {", ".join(theirs)}; '
                              f'name what it has in distilled_tasks, or give another teacher')
        kind, expected = type(theirs[name]), type(ours[name])
        if kind is not expected:
            raise ConfigError(f'{where}: for the teacher {source} the task {name!r} is a {kind.__name__}, for the '
                              f'student a {expected.__name__}; give a teacher of the same tasks')
        if theirs[name].out_channels != ours[name].out_channels:
            raise ConfigError(f'{where}: the teacher {source} has {theirs[name].out_channels} channels for the task '
                              f'{name!r}, the student {ours[name].out_channels}; give a teacher of the same classes or '
                              f'channels')
        if theirs[name].head != ours[name].head:
            raise ConfigError(f'{where}: the teacher {source} has the task {name!r} on the head {theirs[name].head!r}, '
                              f'the student on {ours[name].head!r}; let the same tasks share a head in both')
    _check_same_images(cfg.model.to_dict(), model, source, where)


def load_external_teacher(teacher: ExternalTeacher, device: str | torch.device) -> tuple[Learner, Tensor]:
    """Load a teacher, frozen and in evaluation mode, with the architecture that it was trained with.

    Args:
        teacher: From the method's requirements.
        device: Where to put it.

    Returns:
        The learner, and the SHA-256 of its weights as 32 bytes.
    """
    source = find_checkpoint(teacher.path)
    checkpoint = read_checkpoint(source)
    digest = torch.tensor(list(bytes.fromhex(weights_digest(checkpoint['state_dict']))), dtype=torch.uint8)
    return build_learner(checkpoint, source).to(device), digest


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


def _check_same_images(ours: dict, theirs: dict, source: str | Path, where: str) -> None:
    """Refuse a teacher that was trained on images of another normalisation: it is shown the student's."""
    found, expected = (_normalisation(model) for model in (theirs, ours))
    if found != expected:
        raise ConfigError(f'{where}: the teacher {source} expects images normalised by {json.dumps(found)}, the '
                          f"student's are by {json.dumps(expected)}; give both the same model.data_preprocessor")


def _normalisation(model: dict) -> dict:
    """What a model's preprocessor does to the values of an image: its kind and its numbers."""
    preprocessor = MODELS.build(model.get('data_preprocessor') or dict(type='DensePreprocessor'))
    numbers = {name: [round(value, 6) for value in values.flatten().tolist()]
               for name, values in preprocessor.named_buffers()}
    return dict(type=type(preprocessor).__name__, **numbers)
