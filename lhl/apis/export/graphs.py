"""Writes a network as a graph, ONNX or torch.export's, and runs what was written."""
import contextlib
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lhl.atomic import writing
from lhl.errors import FOREIGN, ConfigError, reason_of

from .network import Network

_PACKAGES = ('onnx', 'onnxscript', 'onnxruntime')


def check_packages() -> None:
    """Refuse ONNX where its packages are not installed."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(f'`format=onnx` needs {", ".join(missing)}, not installed here; install them with pip '
                          f"install 'lhl[export]'")


def write_onnx(network: Network, images: Tensor, path: Path) -> None:
    """Write ``model.onnx``, with any number of images of any size where the network takes any.

    Raises:
        ConfigError: If an operator of the network has no form in ONNX, or what it does depends on the number of
            images or their size, for which it would be written alone.
    """
    with _quietly(), torch.no_grad(), _as_sentence('ONNX', network):
        program: Any = torch.onnx.export(
            network, (images, ), dynamo=True, dynamic_shapes=_dynamic(network), input_names=['images'],
            output_names=list(network.tasks), external_data=False, verbose=False)
        _check_free(network, program.model.graph.inputs[0].shape)
        with writing(path):
            program.save(path)


def run_onnx(path: Path, images: Tensor) -> list[Tensor]:
    """Run what was written by onnxruntime."""
    import onnxruntime
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return [torch.from_numpy(output) for output in session.run(None, dict(images=images.numpy()))]


def write_torch(network: Network, images: Tensor, path: Path) -> None:
    """Write ``model.pt2``, a program of torch.export.

    Raises:
        ConfigError: If the network cannot be traced.
    """
    with _quietly(), torch.no_grad(), _as_sentence('torch.export', network):
        program = torch.export.export(network, (images, ), dynamic_shapes=_dynamic(network))
        with writing(path):
            torch.export.save(program, path)


def run_torch(path: Path, images: Tensor) -> list[Tensor]:
    """Run what was written."""
    with torch.no_grad():
        return list(torch.export.load(path).module()(images))


def _dynamic(network: Network) -> dict[str, dict[int, Any]]:
    """Say which sides of the input may change."""
    free: dict[int, Any] = {0: torch.export.Dim('batch')}
    if network.learner.fixed_size is None:
        free |= {2: torch.export.Dim('height', min=32), 3: torch.export.Dim('width', min=32)}
    return dict(images=free)


def _check_free(network: Network, shape: Sequence[Any]) -> None:
    """Refuse a graph in which a side is fixed that should not be: the exporter does that without a word."""
    for side, free in _dynamic(network)['images'].items():
        if isinstance(shape[side], int):
            raise ConfigError(f'{_name(network)} would be written as ONNX for a {free.__name__} of {shape[side]} '
                              f'alone, expected any: its forward depends on that number, which a call such as '
                              f'`len(features)` does and `features.shape[0]` does not; change it, or export other '
                              f'`tasks`')


def _name(network: Network) -> str:
    """Name a network by its backbone and its heads."""
    return f'{type(network.learner.backbone).__name__} with the heads of {", ".join(network.tasks)}'


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep to ourselves what exporters tell each other."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _as_sentence(what: str, network: Network) -> Iterator[None]:
    """Turn what an exporter raises into a sentence, with the operator if it names one."""
    try:
        yield
    except (*FOREIGN, torch.onnx.errors.OnnxExporterError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        operator = re.search(r"OpOverload\(op='([\w.]+)'", str(cause))
        violated = re.search(r'^Constraints violated.*\n +- ([^.\n]+)', str(cause))
        why = (f'it has no operator {operator[1]}' if operator and what == 'ONNX' else violated[1] if violated
               else reason_of(cause))
        other = 'torch' if what == 'ONNX' else 'safetensors'
        raise ConfigError(f'{_name(network)} cannot be written as {what} ({why[:300]}); export other `tasks`, or use '
                          f'`format={other}`') from error
