"""Pretrained weights in files: whose they are, and whether they are a backbone's own, before anything is trained."""
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.model import BaseModule
from mmengine.model.weight_init import PretrainedInit

from lhl.errors import CheckpointError, LHLError
from lhl.registry import MODELS, WEIGHT_INITIALIZERS
from lhl.regular_files import check_regular_file
from lhl.weight_files import read_checkpoint

from .pretraining import names_checkpoint, without_checkpoints

#: A URL, or a name of mmengine's such as ``torchvision://resnet18``.
_REMOTE = re.compile(r'\w[\w+.-]*:')
#: The smallest share of a backbone's weights that a checkpoint must hold; with less it is another network's.
_SHARE = 0.5


@WEIGHT_INITIALIZERS.register_module()
class Pretrained(PretrainedInit):
    """Load weights from a checkpoint: mmengine's initializer, with a digest of the file.

    Args:
        checkpoint: Path of the file, or an address that mmengine knows.
        prefix: Load only the weights whose names begin so, such as ``'backbone.'``, without it.
        map_location: Where the tensors are put, as for :func:`torch.load`.
        sha256: SHA-256 of the file, 64 hexadecimal digits; it is compared before a run begins, and needs a local file.
    """

    def __init__(self, checkpoint: str, prefix: str | None = None, map_location: str = 'cpu',
                 sha256: str | None = None) -> None:
        super().__init__(checkpoint, prefix, map_location)
        self.sha256 = sha256


def initial_weight_problems(backbone: Mapping, where: str) -> Iterator[str]:
    """Say what is wrong with the files that a backbone is initialised from. What is not on this machine is not checked.

    Args:
        backbone: Its config, sound but for what is looked at here.
        where: The place of the config, for the sentences.
    """
    init_cfg = backbone.get('init_cfg')
    for one in init_cfg if isinstance(init_cfg, (list, tuple)) else [init_cfg]:
        if isinstance(one, Mapping) and names_checkpoint(one):
            try:
                _check(backbone, one)
            except LHLError as error:
                yield from (f'{where}.init_cfg: {problem}' for problem in error.problems)
    for key, part in backbone.items():
        if isinstance(part, Mapping) and 'type' in part and key != 'init_cfg':
            yield from initial_weight_problems(part, f'{where}.{key}')


def file_sha256(path: str | Path) -> str:
    """Give the SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def _check(backbone: Mapping, init_cfg: Mapping) -> None:
    path, expected = os.path.expanduser(str(init_cfg['checkpoint'])), init_cfg.get('sha256')
    if _REMOTE.match(path):
        if expected is not None:
            raise CheckpointError(f'sha256 needs a file on this machine, found {path!r}; download it and give its path')
        return
    check_regular_file(path, CheckpointError)
    if expected is not None:
        if not isinstance(expected, str) or not re.fullmatch('[0-9a-fA-F]{64}', expected):
            raise CheckpointError(f'sha256 is {expected!r}, expected 64 hexadecimal digits; give what `sha256sum '
                                  f'{path}` prints')
        if (digest := file_sha256(path)) != expected.lower():
            raise CheckpointError(f'{path} has the SHA-256 {digest}, expected {expected.lower()}; get the file again, '
                                  f'or correct sha256 if it is the one that you want')
    network = MODELS.build(without_checkpoints(backbone))
    # A class that reads the file in a way of its own may rename and resize what it finds.
    reads_itself = isinstance(network, BaseModule) and type(network).init_weights is not BaseModule.init_weights
    prefix = 'backbone.' if reads_itself else init_cfg.get('prefix') or ''
    prefix += '.' * bool(prefix and not prefix.endswith('.'))
    found = {name.removeprefix(prefix): tuple(value.shape) for name, value in _state_dict(read_checkpoint(path)).items()
             if reads_itself or name.startswith(prefix)}
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    fitting = sum(found.get(name) == shape for name, shape in own.items())
    differs = any(name in found and found[name] != shape for name, shape in own.items())
    if not fitting or not reads_itself and (differs or fitting < _SHARE * len(own)):
        behind = f' behind {prefix!r}' if prefix and not reads_itself else ''
        raise CheckpointError(f'{path} holds {fitting} of the {len(own)} weights of this {backbone["type"]}, by name '
                              f'and shape{behind} ({_difference(own, found)}), so that it is of another network; give '
                              f'the checkpoint of this one, or correct prefix')


def _state_dict(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tensors of a checkpoint, as mmengine looks for them."""
    weights = next((checkpoint[key] for key in ('state_dict', 'model')
                    if isinstance(checkpoint.get(key), Mapping)), checkpoint)
    return {re.sub('^module\\.', '', name): value for name, value in weights.items() if hasattr(value, 'shape')}


def _difference(own: Mapping[str, tuple], found: Mapping[str, tuple]) -> str:
    """Name the first weight in which two networks differ, best one that both have."""
    name = min((name for name, shape in own.items() if found.get(name) != shape), key=lambda name: name not in found)
    return f'{name}: {found[name]} instead of {own[name]}' if name in found else f'it has no {name}'
