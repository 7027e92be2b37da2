"""Checkpoints of runs: found, compared with what was recorded, loaded strictly."""
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from lhl.errors import CheckpointError, RunError
from lhl.evaluation import PhaseResults, Results
from lhl.evaluation.results import FILE_NAME
from lhl.models import Learner
from lhl.models.pretraining import without_pretraining
from lhl.registry import MODELS
from lhl.stored_configs import check_stored_config, has_phase
from lhl.weight_files import no_pickled_code, read_checkpoint, tensor_bytes

CHECKPOINT_VERSION = 1
#: No model was scored on larger images: what a file says may be made up.
LARGEST_SIDE = 32768
#: After an epoch, within one, or after an iteration where there are no epochs.
TRAINING_CHECKPOINT = re.compile(r'epoch_(\d+)(?:_iter_(\d+))?\.pth|iter_(\d+)\.pth')


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
        path: The folder of a run, which stands for its last finished phase, or a ``phase.safetensors``.

    Raises:
        RunError: If the run has no finished phase.
        CheckpointError: If there is nothing at the path.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise CheckpointError(f'{path} does not exist; give the folder of a run or a phase.safetensors in it')
        return path
    results = Results.load(path)
    if not results.phases:
        raise RunError(f'the run in {path} has not finished a phase yet; continue it with `resume=True`')
    return recorded_checkpoint(path, results.phases[-1])


def stored_model(checkpoint: dict, source: str | Path) -> dict:
    """Give the config of the model, tasks included, that a phase checkpoint of lhl holds.

    Args:
        checkpoint: From :func:`read_checkpoint`.
        source: Where it comes from, for messages.

    Raises:
        CheckpointError: If it is not a phase checkpoint of lhl.
    """
    description = checkpoint.get('lhl')
    if not isinstance(description, dict) or 'model' not in description:
        raise CheckpointError(f'{source} does not say which model it holds; use the phase.safetensors of a run')
    version = description.get('version')
    if version != CHECKPOINT_VERSION:
        raise CheckpointError(f'{source} has version {version!r}, expected {CHECKPOINT_VERSION}; use the lhl that '
                              f'wrote it')
    model = _json(description['model'], 'model', source)
    check_stored_config({'model': model}, source)
    return model


def stored_config(path: str | Path) -> tuple[Config, int]:
    """Read from a phase checkpoint the config of its stream and the number of its phase, from 1."""
    return config_in(read_checkpoint(find_checkpoint(path)), path)


def config_in(checkpoint: dict, source: str | Path) -> tuple[Config, int]:
    """Give the config of the stream, and the number of the phase, from 1, of a phase checkpoint that was read.

    Args:
        checkpoint: From :func:`read_checkpoint`.
        source: Where it comes from, for messages.

    Raises:
        CheckpointError: If it holds none, or one that names anything but registered components.
    """
    description = checkpoint.get('lhl')
    if not isinstance(description, dict) or not {'config', 'phase'} <= set(description):
        raise CheckpointError(f'{source} does not hold the config of a stream; use the phase.safetensors of a run')
    config, phase = _json(description['config'], 'config', source), description['phase']
    check_stored_config(config, source)
    try:
        cfg = Config(config)
        if not has_phase(config, phase):
            raise ValueError(f'phase {phase!r}')
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f'{source} holds no valid config of a stream ({error}); use another file') from None
    return cfg, phase


def image_sizes(checkpoint: dict, source: str | Path) -> dict[str, tuple[int, int] | None]:
    """Give the height and width of the images on which each task was scored, None where they differ; may be empty.

    Args:
        checkpoint: From :func:`read_checkpoint`.
        source: Where it comes from, for messages.

    Raises:
        CheckpointError: If it holds something else.
    """
    sizes = checkpoint['lhl'].get('image_sizes')
    if sizes is None:
        return {}
    if not isinstance(sizes, dict) or not all(size is None or is_image_size(size) for size in sizes.values()):
        shown = str(sizes)[:200]
        raise CheckpointError(f'{source} says that its tasks were scored on images of the sizes {shown}, which is not '
                              f'possible; use another file')
    return {name: None if size is None else (size[0], size[1]) for name, size in sizes.items()}


def is_image_size(value: object) -> bool:
    """Say whether a value is a height and a width."""
    return (isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
            and all(isinstance(side, int) and not isinstance(side, bool) and 0 < side <= LARGEST_SIDE
                    for side in value))


def _json(text: object, name: str, source: str | Path) -> dict:
    """Read a config that is stored as JSON."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CheckpointError(f'{source} holds a {name} that is no JSON object; use another file')
    return found


def build_learner(checkpoint: dict, source: str | Path) -> Learner:
    """Rebuild the learner of a phase checkpoint, frozen and in evaluation mode: a teacher, or a model to use.

    Args:
        checkpoint: From :func:`read_checkpoint`.
        source: Where it comes from, for messages.

    Raises:
        CheckpointError: If it is not a phase checkpoint of lhl, or its weights do not fit its own config.
    """
    model = stored_model(checkpoint, source)
    if not isinstance(model.get('backbone'), dict) or 'type' not in model['backbone']:
        raise CheckpointError(f'{source} holds a model without a backbone; use another file')
    model['backbone'] = without_pretraining(model['backbone'])
    try:
        # As in a Runner, where layers that only mmseg has are found.
        with DefaultScope.overwrite_default_scope('lhl'), no_pickled_code():
            learner = MODELS.build(model)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise CheckpointError(f'{source} holds a model that cannot be built ({type(error).__name__}: {reason}); use '
                              f'another file') from error
    if not isinstance(learner, Learner):
        raise CheckpointError(f'{source} holds a {type(learner).__name__}, expected a Learner; use another file')
    load_weights(learner, weights_of(checkpoint, source), source)
    return learner.eval().requires_grad_(False)


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Give the SHA-256 of all names, shapes and values of a state dict, independent of device and memory layout."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name]
        digest.update(f'{name}{tuple(tensor.shape)}{tensor.dtype}'.encode())
        digest.update(tensor_bytes(tensor))
    return digest.hexdigest()


def weights_of(checkpoint: dict, source: str | Path) -> dict[str, Tensor]:
    """Give the weights in a checkpoint.

    Args:
        checkpoint: From :func:`read_checkpoint`.
        source: Where it comes from, for messages.

    Raises:
        CheckpointError: If it holds no state_dict of tensors.
    """
    weights = checkpoint.get('state_dict')
    if not isinstance(weights, dict) or not all(
            isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()):
        raise CheckpointError(f'{source} holds no dictionary of tensors where one is expected; use the '
                              f'phase.safetensors of a run')
    return weights


def method_state(checkpoint: dict, source: str | Path) -> dict[str, Tensor]:
    """Give what a method has left in a checkpoint; arguments and errors as for :func:`weights_of`."""
    return weights_of(dict(state_dict=checkpoint.get('method')), source)


def recorded_checkpoint(run: str | Path, recorded: PhaseResults) -> Path:
    """Say where the checkpoint of a finished phase is.

    Raises:
        CheckpointError: If that is outside the run's folder, also by a symbolic link.
    """
    path = Path(run, recorded.checkpoint)
    if not path.resolve().is_relative_to(Path(run).resolve()):
        raise CheckpointError(f'{FILE_NAME} in {run} names the checkpoint {recorded.checkpoint}, which is outside the '
                              f'folder of the run; put the file into it')
    return path


def read_recorded(path: str | Path, recorded: PhaseResults) -> dict:
    """Read the checkpoint of a finished phase, and make sure that its weights are still those that were recorded.

    Raises:
        CheckpointError: If it cannot be read, or is another one.
    """
    checkpoint = read_checkpoint(path)
    if weights_digest(weights_of(checkpoint, path)) != recorded.weights_sha256:
        raise CheckpointError(f'{path} is not the checkpoint that {FILE_NAME} records for phase {recorded.phase}; '
                              f'restore it, or delete the folder of the run and train it again')
    return checkpoint


def training_checkpoints(folder: str | Path) -> list[Path]:
    """List the checkpoints written while training in a folder, the latest first."""
    found = [([int(number or 0) for number in match.groups()], path) for path in Path(folder).glob('*.pth')
             if (match := TRAINING_CHECKPOINT.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]
