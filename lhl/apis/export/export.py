"""From a run to a file that works elsewhere, and how far it is from the model."""
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lhl.atomic import writing
from lhl.config_files import import_custom_modules
from lhl.engine.checkpoint import image_sizes, stored_model
from lhl.errors import ConfigError, RunError, suggest
from lhl.trust import trusting_configs

from ..inference import last_learners
from . import graphs
from .network import Network
from .segmentor import choose_segmentation, run_segmentor, write_segmentor

FORMATS = ('onnx', 'torch', 'mmseg', 'safetensors')
_FILES = dict(onnx='model.onnx', torch='model.pt2', mmseg='segmentor.py', safetensors='model.safetensors')
#: How far an export may be from the model, in units of the largest prediction where that is above 1.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: The file.
        differences: By task, the largest difference between what the file and the model predict; of weights alone,
            between weights.
    """

    path: Path
    differences: dict[str, float]


def export_model(source: str | Path, out: str | Path, format: str = 'onnx', tasks: Sequence[str] | None = None,
                 preprocess: bool = False, trust_config: bool = False) -> Exported:
    """Write a trained model in another format, run what was written, and compare.

    Args:
        source: The folder of a run, which stands for its last finished phase, or a ``phase.safetensors``.
        out: The folder to write to.
        format: One of :data:`FORMATS`: ONNX (``model.onnx``), a program of torch.export (``model.pt2``), a config and
            checkpoint of the segmentation for mmsegmentation (``segmentor.py``, ``segmentor.pth``), or weights alone
            (``model.safetensors``).
        tasks: Export these only. Default: all. Weights alone are those of all tasks.
        preprocess: Normalise images inside the graph: it takes RGB in [0, 1].
        trust_config: Let the config inside the run or checkpoint name code and import modules.

    Raises:
        ConfigError: If the format is unknown, a package is missing, or the model cannot be written so.
        RunError: If the run has separate models, or what was written predicts otherwise.
        CheckpointError: If there is no checkpoint, or it cannot be used.
    """
    if format not in FORMATS:
        raise ConfigError(f'`format={format}` is unknown; {suggest(format, FORMATS)}')
    if format == 'onnx':
        graphs.check_packages()
    if preprocess and format not in ('onnx', 'torch'):
        raise ConfigError('`preprocess=True` is for graphs; remove it, or choose `format=onnx` or `format=torch`')
    if tasks and format == 'safetensors':
        raise ConfigError('`tasks` is for graphs and mmsegmentation, `format=safetensors` writes the weights of all '
                          'heads; remove it, or choose `format=onnx`, `format=torch` or `format=mmseg`')
    with trusting_configs(trust_config):
        import_custom_modules(source)
        found = last_learners(source)
    if len(found) > 1:
        raise RunError(f'{source} holds {len(found)} separate models, expected one; export the phase.safetensors of '
                       f'each, such as {found[0][2]}')
    learner, checkpoint, path = found[0]
    for name in tasks or ():
        if name not in learner.tasks:
            raise ConfigError(f'{source} does not predict {name!r}; {suggest(name, learner.tasks)}')
    names = list(tasks or learner.tasks)
    file = Path(out, _FILES[format])
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    network = Network(learner, names, preprocess)
    size = next((size for size in reversed(image_sizes(checkpoint, path).values()) if size is not None), None)
    if format == 'safetensors':
        weights = {key: value.contiguous() for key, value in learner.state_dict().items()}
        with writing(file):
            save_file(weights, file, metadata=dict(model=checkpoint['lhl']['model']))
        read = load_file(file)
        return Exported(file, dict(weights=max(float((read[key] - value).abs().max()) if value.numel() else 0.0
                                               for key, value in weights.items())))
    if format == 'mmseg':
        names = [choose_segmentation(learner, list(tasks) if tasks else None)]
        write_segmentor(learner, stored_model(checkpoint, path), names[0], size, file.parent)
        network = Network(learner, names, preprocess)
    examples = _examples(network, size)
    if format == 'onnx':
        graphs.write_onnx(network, examples[0], file)
    elif format == 'torch':
        graphs.write_torch(network, examples[0], file)
    run = dict(onnx=graphs.run_onnx, torch=graphs.run_torch, mmseg=lambda file, images: run_segmentor(
        file.parent, images))[format]
    return Exported(file, _compared(network, [run(file, images) for images in examples], examples, file))


def _examples(network: Network, size: tuple[int, int] | None) -> list[Tensor]:
    """Draw images of two sizes and numbers, as the network takes them."""
    fixed, generator = network.learner.fixed_size, torch.Generator().manual_seed(0)
    height, width = fixed or size or (96, 128)
    other = fixed or (height + 32, width + 16)
    draw = torch.rand if network.preprocess else torch.randn
    return [draw(2, 3, height, width, generator=generator), draw(1, 3, *other, generator=generator)]


def _compared(network: Network, written: Sequence[Sequence[Tensor]], examples: Sequence[Tensor],
              file: Path) -> dict[str, float]:
    """Compare predictions, and refuse what is farther from the model than rounding."""
    differences = dict.fromkeys(network.tasks, 0.0)
    for outputs, images in zip(written, examples, strict=True):
        with torch.no_grad():
            expected = network(images)
        for name, one, other in zip(network.tasks, outputs, expected, strict=True):
            difference = float((one - other).abs().max())
            if not difference <= TOLERANCE * max(1.0, float(other.abs().max())):
                raise RunError(f'{file} predicts {name} otherwise than the model: the largest difference is '
                               f'{difference:.2g}, expected at most {TOLERANCE:g} of the largest value; do not use it')
            differences[name] = max(differences[name], difference)
    return differences
