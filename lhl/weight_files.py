"""Reads and writes files of weights: tensors and plain values, each file with its digest; no code in a file is run.

A phase ends with ``phase.safetensors``, a format that cannot say more than tensors and text::

    backbone.conv1.weight, heads.depth.output.bias, ...    the weights, by the learner's names
    method.memory.0.image, ...                             the method's state
    metadata: version, phase, tasks, model, config         what the weights are of: numbers, and configs, as JSON
              image_sizes                                  by task, the height and width at which it was scored
              names, channels_last                         the tensors in order, and those laid out with channels last
              sha256                                       of all of it

Training checkpoints (``epoch_3.pth``), and the ``phase.pth`` of earlier versions of lhl, are torch's own format. It is
read through torch's ``weights_only`` list of types and nothing more.
"""
import contextlib
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import mmengine.runner.checkpoint as mmengine_checkpoint
import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from .atomic import atomic_write
from .errors import CheckpointError
from .regular_files import check_regular_file

SUFFIX = '.safetensors'
_METHOD = 'method.'
#: What is stored as it is, because it is text; the rest of the description is written as JSON.
_TEXTS = ('model', 'config')
_REQUIRED = {'version', 'names', 'channels_last', 'sha256'}
_DESCRIPTION = ('version', 'phase', 'tasks', 'image_sizes', *_TEXTS)
#: How deep what a file holds may be nested.
_MAX_DEPTH = 64
_PLAIN = (str, int, float, bool, bytes, type(None))


def read_checkpoint(path: str | Path, map_location: Any = 'cpu', needs_digest: bool = False) -> dict:
    """Read a file of weights without running any code that it may hold, and compare it with its digest.

    Args:
        path: In the format of safetensors where it ends with ``.safetensors``, otherwise in torch's.
        map_location: Where to put the tensors, as for :func:`torch.load`.
        needs_digest: Refuse a file without a digest. Those that lhl writes have one.

    Returns:
        What was given to :func:`write_checkpoint`; for weights that others saved with safetensors, a dictionary with
        the key ``state_dict``.

    Raises:
        CheckpointError: If the file is missing, no regular file, damaged, or holds more than tensors and plain values.
    """
    size = check_regular_file(path, CheckpointError)
    if Path(path).suffix == SUFFIX:
        return _read_safetensors(path, map_location)
    checkpoint = _read_torch(path, size, map_location)
    digest = checkpoint.pop('sha256', None)
    if digest is None and needs_digest:
        raise CheckpointError(f'checkpoint {path} has no digest; it is damaged, or was written by an earlier lhl')
    if digest is not None and digest != content_digest(checkpoint):
        raise CheckpointError(f'checkpoint {path} is damaged: what it holds is not what was written; use another one')
    return checkpoint


def write_checkpoint(checkpoint: Mapping, path: str | Path) -> None:
    """Write a file of weights with its digest, so that the path never names half a file.

    Args:
        checkpoint: Tensors and plain values. For ``.safetensors``: ``state_dict``, ``method`` and ``lhl``, the
            description.
        path: What it ends with decides about the format.

    Raises:
        CheckpointError: If something is neither a tensor nor a plain value.
    """
    content = _plain(checkpoint, '')
    if Path(path).suffix == SUFFIX:
        _write_safetensors(content, path)
        return
    with atomic_write(path) as file:
        torch.save({**content, 'sha256': content_digest(content)}, file)


def content_digest(content: Any) -> str:
    """Give the SHA-256 of tensors and plain values in dictionaries, lists and tuples, in their order."""
    digest = hashlib.sha256()
    _feed(digest, content)
    return digest.hexdigest()


def tensor_bytes(tensor: Tensor) -> memoryview:
    """Give the bytes of a tensor's values in row-major order, whatever its layout and device."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data


@contextlib.contextmanager
def no_pickled_code() -> Iterator[None]:
    """Have mmengine load pretrained weights by :func:`read_checkpoint`, and torch those that are downloaded likewise.

    mmengine itself would allow a file to name ``getattr``, and run the code of a file that holds more than weights.
    """
    variable = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'  # torch obeys it over its caller
    before, theirs = os.environ.get(variable), mmengine_checkpoint._safe_torch_load

    def load(file: Any, map_location: Any = None, **_: Any) -> Any:
        if isinstance(file, (str, Path)):
            return read_checkpoint(file, map_location or 'cpu')
        return torch.load(file, map_location=map_location, weights_only=True)
    os.environ[variable], mmengine_checkpoint._safe_torch_load = '1', load
    try:
        yield
    finally:
        mmengine_checkpoint._safe_torch_load = theirs
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


# ---- torch's format ------------------------------------------------------------------------------------------------

def _read_torch(path: str | Path, size: int, map_location: Any) -> dict:
    """Unpickle tensors and plain values."""
    _check_archive(path, size)
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        raise CheckpointError(f'checkpoint {path} holds something other than tensors and plain values and is not '
                              f'loaded, because that could run code{_named_global(error)}; save it again as a '
                              f'state_dict') from error
    except Exception as error:  # what torch raises depends on where a damaged file ends
        raise _unreadable(path, error) from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f'checkpoint {path} holds a {type(checkpoint).__name__}, expected a dict with a '
                              f'state_dict; use a checkpoint written by lhl')
    _check_content(checkpoint, path, _Budget(size + 1000))
    return checkpoint


def _check_archive(path: str | Path, size: int) -> None:
    """Refuse an archive that unpacks to more than it is, before it is unpacked: torch does not compress."""
    with open(path, 'rb') as file:
        if file.read(4) != b'PK\x03\x04':
            return
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:
        raise _unreadable(path, error) from error
    if unpacked > size:
        raise CheckpointError(f'checkpoint {path} has {size} bytes and unpacks to {unpacked}, which no checkpoint of '
                              f'torch does; use another one')


class _Budget:
    """How many values a file of a size can hold: a short one may repeat a list in itself without end."""

    def __init__(self, count: int) -> None:
        self.count = count


def _check_content(value: Any, path: str | Path, budget: _Budget, depth: int = 0) -> None:
    """Refuse other types than tensors and plain values, and more of them than the file has bytes."""
    budget.count -= 1
    if budget.count < 0 or depth > _MAX_DEPTH:
        raise CheckpointError(f'checkpoint {path} stands for more values than it has bytes; use another one')
    if isinstance(value, Tensor):
        is_whole = (type(value) in (Tensor, nn.Parameter) and value.layout == torch.strided and not value.is_meta
                    and not value.is_quantized and value.nbytes <= value.untyped_storage().nbytes())
        if not is_whole:
            raise CheckpointError(f'checkpoint {path} holds a tensor of shape {tuple(value.shape)} without all of its '
                                  f'values; use another one')
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_content(key, path, budget, depth + 1)
            _check_content(item, path, budget, depth + 1)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            _check_content(item, path, budget, depth + 1)
    elif not isinstance(value, (*_PLAIN, bytearray, complex, torch.dtype, torch.device)):
        raise CheckpointError(f'checkpoint {path} holds a {type(value).__name__}, expected tensors and plain values; '
                              f'save it again as a state_dict')


# ---- the format of safetensors -------------------------------------------------------------------------------------

def _write_safetensors(content: dict, path: str | Path) -> None:
    weights, state = content.get('state_dict', {}), content.get('method', {})
    tensors = {**weights, **{_METHOD + name: tensor for name, tensor in state.items()}}
    if len(tensors) != len(weights) + len(state):
        raise CheckpointError(f'{path} cannot be written: a weight has the name of a tensor of the method')
    description = {key: value if key in _TEXTS else json.dumps(value) for key, value in content.get('lhl', {}).items()}
    layout = [name for name, tensor in tensors.items() if _is_channels_last(tensor)]
    metadata = {'format': 'pt', **description, 'names': json.dumps(list(tensors)), 'channels_last': json.dumps(layout)}
    metadata['sha256'] = content_digest([dict(sorted(metadata.items())), tensors])
    with atomic_write(path) as file:
        file.write(safetensors.torch.save(_separate(tensors), metadata))


def _read_safetensors(path: str | Path, map_location: Any) -> dict:
    try:
        with safetensors.safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        is_ours = not _REQUIRED.isdisjoint(metadata)
        if is_ours:
            names = json.loads(metadata['names'])
            if sorted(names) != sorted(tensors):
                raise ValueError('tensors are missing')
            tensors = {name: tensors[name] for name in names}
            digest = metadata.pop('sha256')
            description = {key: metadata[key] if key in _TEXTS else json.loads(metadata[key])
                           for key in _DESCRIPTION if key in metadata}
            layout = json.loads(metadata['channels_last'])
            if not all(tensors[name].dim() == 4 for name in layout):
                raise ValueError('tensors of other than four axes are said to be laid out with channels last')
            is_intact = 'version' in metadata and digest == content_digest([dict(sorted(metadata.items())), tensors])
    except Exception as error:  # what it raises depends on where a damaged file ends
        raise _unreadable(path, error) from error
    if not is_ours:
        return dict(state_dict=_moved(tensors, map_location))
    if not is_intact:
        raise CheckpointError(f'checkpoint {path} is damaged: what it holds is not what was written; use another one')
    for name in layout:
        tensors[name] = torch.empty_like(tensors[name], memory_format=torch.channels_last).copy_(tensors[name])
    tensors = _moved(tensors, map_location)
    return dict(state_dict={name: tensor for name, tensor in tensors.items() if not name.startswith(_METHOD)},
                method={name.removeprefix(_METHOD): tensor for name, tensor in tensors.items()
                        if name.startswith(_METHOD)}, lhl=description)


def _is_channels_last(tensor: Tensor) -> bool:
    """Whether a tensor is laid out with channels last, which a method's sums depend on in their last digit."""
    if tensor.dim() != 4:
        return False
    strides = [torch.empty_like(tensor, device='meta', memory_format=layout).stride()
               for layout in (torch.contiguous_format, torch.channels_last)]
    return tensor.stride() == strides[1] != strides[0]


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give each tensor memory of its own, row by row, as the format demands."""
    separate, seen = {}, set()
    for name, tensor in tensors.items():
        tensor = tensor.contiguous()
        storage = tensor.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != tensor.nbytes:
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        seen.add(tensor.untyped_storage().data_ptr())
        separate[name] = tensor
    return separate


def _moved(tensors: Mapping[str, Tensor], map_location: Any) -> dict[str, Tensor]:
    if isinstance(map_location, (str, torch.device)):
        return {name: tensor.to(map_location) for name, tensor in tensors.items()}
    return dict(tensors)


# ---- what both hold ------------------------------------------------------------------------------------------------

def _plain(value: Any, where: str) -> Any:
    """Turn what will be written into tensors on the CPU and plain values, of exactly the types that will be read."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {_plain(key, where): _plain(item, f'{where}.{key}') for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_plain(item, f'{where}[{number}]') for number, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, _PLAIN):
        return value
    raise CheckpointError(f'{where.removeprefix(".")} of a checkpoint is a {type(value).__name__}, expected tensors '
                          f'and plain values; let what adds it to the checkpoint convert it')


def _feed(digest: Any, value: Any) -> None:
    """Add a value to a digest, with all that tells it from others."""
    if isinstance(value, Tensor):
        digest.update(f'{value.dtype}{tuple(value.shape)}'.encode())
        digest.update(tensor_bytes(value))
    elif isinstance(value, dict):
        digest.update(f'dict{len(value)}'.encode())
        for key, item in value.items():
            _feed(digest, key)
            _feed(digest, item)
    elif isinstance(value, (list, tuple)):
        digest.update(f'{type(value).__name__}{len(value)}'.encode())
        for item in value:
            _feed(digest, item)
    else:
        digest.update(f'{type(value).__name__} {value!r};'.encode(errors='backslashreplace'))


def _unreadable(path: str | Path, error: Exception) -> CheckpointError:
    reason = str(error).strip().split('\n')[0][:200]
    return CheckpointError(f'checkpoint {path} cannot be read ({reason}); it is truncated or not a checkpoint, use '
                           f'another one')


def _named_global(error: UnpicklingError) -> str:
    """Say which name a checkpoint would import; not torch's own words, which advise to load it unsafely."""
    found = re.search(r'GLOBAL (\S+)', str(error))
    return f' (found {found[1]})' if found else ''
