"""Checkpoints: safe to read, strict to load, atomic to write."""
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import get_torch_safe_globals
from torch import Tensor, nn

from lhl.atomic import atomic_write
from lhl.errors import CheckpointError, RunError
from lhl.evaluation import PhaseResults, Results
from lhl.evaluation.results import FILE_NAME
from lhl.models import Learner
from lhl.models.pretraining import without_pretraining
from lhl.registry import MODELS

CHECKPOINT_VERSION = 1
#: After an epoch, within one, or after an iteration where there are no epochs.
TRAINING_CHECKPOINT = re.compile(r'epoch_(\d+)(?:_iter_(\d+))?\.pth|iter_(\d+)\.pth')


def read_checkpoint(path: str | Path, map_location: str | torch.device = 'cpu') -> dict:
    """Read a checkpoint without running any code it may hold.

    Raises:
        CheckpointError: If the file is missing, truncated, or holds more than tensors and plain values.
    """
    if not Path(path).is_file():
        raise CheckpointError(f'checkpoint {path} does not exist; check the path')
    try:
        with torch.serialization.safe_globals(get_torch_safe_globals()):
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        raise CheckpointError(f'checkpoint {path} holds something other than tensors and plain values and is not '
                              f'loaded, because that could run code{_named_global(error)}; save it again as a '
                              f'state_dict') from error
    except Exception as error:  # what torch raises depends on where a damaged file ends
        raise CheckpointError(f'checkpoint {path} cannot be read ({_first_line(error)}); it is truncated or not a '
                              f'checkpoint, use another one') from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f'checkpoint {path} holds a {type(checkpoint).__name__}, expected a dict with a '
                              f'state_dict; use a checkpoint written by lhl')
    return checkpoint


def write_checkpoint(checkpoint: dict, path: str | Path) -> None:
    """Write a checkpoint so that the path never names half a file."""
    with atomic_write(path) as file:
        torch.save(checkpoint, file)


def copy_checkpoint(source: str | Path, path: str | Path) -> None:
    """Copy a checkpoint so that the path never names half a file."""
    with open(source, 'rb') as original, atomic_write(path) as file:
        shutil.copyfileobj(original, file)


def replace_durably(temporary: Path, path: Path) -> None:
    """Give a finished temporary file its final name, safe against a power cut."""
    with open(temporary, 'rb') as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], source: str | Path,
                 may_miss: Iterable[str] = ()) -> None:
    """Load weights strictly.

    Args:
        model: The model to fill.
        weights: A state dict.
        source: Where the weights come from, for messages.
        may_miss: Prefixes of keys that need not be there: the new head's.

    Raises:
        CheckpointError: If keys are missing or left over, or a shape differs.
    """
    expected = model.state_dict()
    prefixes = tuple(may_miss)
    missing = [key for key in expected if key not in weights and not key.startswith(prefixes)] if prefixes else [
        key for key in expected if key not in weights]
    unexpected = [key for key in weights if key not in expected]
    reshaped = [key for key in weights if key in expected and weights[key].shape != expected[key].shape]
    if missing or unexpected or reshaped:
        complaints = [f'{len(missing)} keys are missing (first {missing[0]!r})'] if missing else []
        complaints += [f'{len(unexpected)} keys are unknown (first {unexpected[0]!r})'] if unexpected else []
        if reshaped:
            key = reshaped[0]
            complaints.append(f'{len(reshaped)} shapes differ (first {key!r}: found {tuple(weights[key].shape)}, '
                              f'expected {tuple(expected[key].shape)})')
        raise CheckpointError(f'{source} is of another architecture or task list: {", ".join(complaints)}; use the '
                              f'config it was trained with')
    model.load_state_dict(weights, strict=False)


def find_checkpoint(path: str | Path) -> Path:
    """Find the checkpoint that a run's folder or a checkpoint's path stands for.

    Args:
        path: The folder of a run, which stands for its last finished phase, or a ``phase.pth``.

    Raises:
        RunError: If the run has no finished phase.
        CheckpointError: If there is nothing at the path.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise CheckpointError(f'{path} does not exist; give the folder of a run or a phase.pth in it')
        return path
    results = Results.load(path)
    if not results.phases:
        raise RunError(f'the run in {path} has not finished a phase yet; continue it with `resume=True`')
    return path / results.phases[-1].checkpoint


def stored_model(checkpoint: dict, source: str | Path) -> dict:
    """Give the config of the model, tasks included, that a phase checkpoint of lhl holds.

    Args:
        checkpoint: From :func:`read_checkpoint`.
        source: Where it comes from, for messages.

    Raises:
        CheckpointError: If it is not a phase checkpoint of lhl.
    """
    if 'lhl' not in checkpoint or 'model' not in checkpoint['lhl']:
        raise CheckpointError(f'{source} does not say which model it holds; use the phase.pth of a run')
    version = checkpoint['lhl'].get('version')
    if version != CHECKPOINT_VERSION:
        raise CheckpointError(f'{source} has version {version!r}, expected {CHECKPOINT_VERSION}; use the lhl that '
                              f'wrote it')
    return json.loads(checkpoint['lhl']['model'])


def stored_config(path: str | Path) -> tuple[Config, int]:
    """Read from a phase checkpoint the config of its stream and the number of its phase, from 1."""
    checkpoint = read_checkpoint(find_checkpoint(path))
    try:
        return Config(json.loads(checkpoint['lhl']['config'])), checkpoint['lhl']['phase']
    except KeyError:
        raise CheckpointError(f'{path} does not hold the config of a stream; use the phase.pth of a run') from None


def build_learner(checkpoint: dict, source: str | Path) -> Learner:
    """Rebuild the learner of a phase checkpoint, frozen and in evaluation mode: a teacher, or a model to use.

    Args:
        checkpoint: From :func:`read_checkpoint`.
        source: Where it comes from, for messages.

    Raises:
        CheckpointError: If it is not a phase checkpoint of lhl, or its weights do not fit its own config.
    """
    model = stored_model(checkpoint, source)
    model['backbone'] = without_pretraining(model['backbone'])
    with DefaultScope.overwrite_default_scope('lhl'):  # as in a Runner, where layers that only mmseg has are found
        learner = MODELS.build(model)
    load_weights(learner, checkpoint['state_dict'], source)
    return learner.eval().requires_grad_(False)


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Give the SHA-256 of all names, shapes and values of a state dict, independent of device and memory layout."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f'{name}{tuple(tensor.shape)}{tensor.dtype}'.encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b'')
    return digest.hexdigest()


def read_recorded(path: str | Path, recorded: PhaseResults) -> dict:
    """Read the checkpoint of a finished phase, and make sure that its weights are still those that were recorded.

    Raises:
        CheckpointError: If it cannot be read, or is another one.
    """
    checkpoint = read_checkpoint(path)
    if weights_digest(checkpoint['state_dict']) != recorded.weights_sha256:
        raise CheckpointError(f'{path} is not the checkpoint that {FILE_NAME} records for phase {recorded.phase}; '
                              f'restore it, or delete the folder of the run and train it again')
    return checkpoint


def training_checkpoints(folder: str | Path) -> list[Path]:
    """List the checkpoints written while training in a folder, the latest first."""
    found = [([int(number or 0) for number in match.groups()], path) for path in Path(folder).glob('*.pth')
             if (match := TRAINING_CHECKPOINT.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]


def _named_global(error: UnpicklingError) -> str:
    """Say which name a checkpoint would import; not torch's own words, which advise to load it unsafely."""
    found = re.search(r'GLOBAL (\S+)', str(error))
    return f' (found {found[1]})' if found else ''


def _first_line(error: Exception) -> str:
    return str(error).strip().split('\n')[0][:200]
