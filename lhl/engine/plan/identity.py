"""What identifies a run, the training of its phases, and a first phase that runs have in common: hashes."""
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .mmengine_config import runner_config
from .renamed import with_first_names
from .stream import Stream

#: What does not change the weights that a run ends with, so that a run may be resumed with other values.
NOT_HASHED = ('work_dir', 'launcher', 'log_level', 'log_processor', 'visualizer', 'vis_backends', 'env_cfg',
              'default_hooks', 'resume')
#: What of a phase's config trains nothing: how it is scored, and what is known by its tasks and its method.
_NOT_TRAINING = (*NOT_HASHED, 'phases', 'tasks', 'batch_norm', 'stored_images', 'experiment_name', 'val_dataloader',
                 'val_evaluator')
#: What of a data loader changes only how fast it loads.
NOT_HASHED_IN_DATALOADERS = ('num_workers', 'persistent_workers', 'prefetch_factor', 'pin_memory')
#: The options of a teacher with which it answers to the last bit alike.
_ALIKE = dict(cache=('exact', 'off'), fold=(None, ), compile=(False, ))
#: What a run that has diverged may be resumed with.
_NOT_HASHED_IN_OPTIM_WRAPPERS = ('nonfinite', 'max_skipped')


def config_hash(stream: Stream, num_processes: int = 1) -> str:
    """Identify a run: a hash of everything that decides which weights it ends with.

    Args:
        stream: The stream.
        num_processes: How many processes train; each has a batch of its own.
    """
    values = {key: value for key, value in stream.cfg.to_dict().items() if key not in NOT_HASHED}
    if 'phases' in values:
        values['phases'] = [_without(entry, optim_wrapper=_NOT_HASHED_IN_OPTIM_WRAPPERS) for entry in values['phases']]
    return _hash({**_without_what_trains_alike(values), 'num_processes': num_processes})


def training_hash(stream: Stream, index: int) -> str:
    """Identify the training of a phase and of those before it, the method's end of the phases included.

    Args:
        stream: The stream.
        index: The phase, from 1.

    Returns:
        A hash of everything that decides which weights and which state of the method the phase ends with.
    """
    return _hash([_training(stream, earlier) for earlier in range(1, index + 1)])


def first_phase_hash(stream: Stream) -> str | None:
    """Identify the training of a run's first phase, which runs of other methods may share.

    Args:
        stream: The stream.

    Returns:
        A hash of everything but the method that decides which weights the first phase ends with; None where the
        method trains the first phase in a way of its own.
    """
    requires = stream.requires
    if requires.own_first_phase or requires.single_phase or requires.separate_models:
        return None
    return _hash({key: value for key, value in _training(stream, 1).items() if key != 'method'})


def _training(stream: Stream, index: int) -> dict:
    """What of a phase's config decides how it is trained, wherever the run is kept."""
    cfg = Config({**stream.cfg.to_dict(), 'work_dir': ''})
    phase = runner_config(replace(stream, cfg=cfg), index).to_dict()
    phase['val_cfg'] = {}  # like the data: it trains nothing
    requires = stream.phases[index - 1].requires
    if not (requires.external_teacher or (requires.teacher and index > 1)):
        phase.pop('teacher', None)
    if phase['phase']['previous_checkpoint']:  # its name when runs were first hashed
        phase['phase']['previous_checkpoint'] = str(Path(phase['phase']['previous_checkpoint']).with_suffix('.pth'))
    dropped = set(_NOT_TRAINING)
    if stream.phases[index - 1].early_stopping:  # what it is scored on decides when it ends
        dropped -= {'val_dataloader', 'val_evaluator'}
    return _without_what_trains_alike({key: value for key, value in phase.items() if key not in dropped})


def _without_what_trains_alike(values: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what only changes how fast it is trained, and what to do with a run that would end otherwise."""
    teacher = {key: value for key, value in (values.get('teacher') or {}).items()
               if value not in _ALIKE.get(key, ()) and key != 'memory_gib'}
    others = {key: value for key, value in values.items() if key != 'teacher'}
    if teacher:
        others['teacher'] = teacher
    return _without(others, train_dataloader=NOT_HASHED_IN_DATALOADERS, val_dataloader=NOT_HASHED_IN_DATALOADERS,
                    optim_wrapper=_NOT_HASHED_IN_OPTIM_WRAPPERS)


def _without(values: Mapping[str, Any], **options: Sequence[str]) -> dict[str, Any]:
    """Drop some options of some sections."""
    return {name: {key: value for key, value in part.items() if key not in options[name]}
            if name in options and isinstance(part, Mapping) else part for name, part in values.items()}


def _hash(values: dict | list) -> str:
    return hashlib.sha256(json.dumps(with_first_names(values), sort_keys=True, default=str).encode()).hexdigest()[:16]
