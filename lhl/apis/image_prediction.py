"""Predicts images with a trained model, each prepared as those that the model was scored on."""
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose
from torch import Tensor

from lhl.config_files import import_custom_modules
from lhl.datasets.base import DenseDataset, checked_image
from lhl.datasets.io.files import as_image
from lhl.datasets.transforms.resize import resize_image
from lhl.engine.checkpoint import config_in, image_sizes, is_image_size
from lhl.engine.plan import Stream
from lhl.errors import ConfigError, DataError, suggest
from lhl.models import Learner
from lhl.registry import DATASETS, TRANSFORMS
from lhl.tasks import Task
from lhl.trust import trusting_configs

from .image_sources import Frame, frames_of
from .inference import last_learners

PRECISIONS = {'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
#: Neighbouring windows share this part of their sides.
WINDOW_OVERLAP = 1 / 3


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model predicts for an image.

    Args:
        name: The image's: its path below the folder that was given, without the suffix, its number in a video, or its
            number in the list of arrays.
        image: ``(H, W, 3)`` float32 RGB in [0, 1], at its own size.
        outputs: By task, at the size of the image: ``(H, W)`` int64 class indices, ``(H, W)`` float32 or, with several
            channels, ``(H, W, C)`` float32, in the task's unit; ``(1, 1)`` of a task about the whole image.
        units: By task, the unit of the numbers; empty where they have none.
    """

    name: str
    image: np.ndarray
    outputs: dict[str, np.ndarray]
    units: dict[str, str]


@dataclass(frozen=True, eq=False)
class _Pass:
    """Tasks of a learner that see an image prepared in one way."""

    learner: Learner
    tasks: tuple[str, ...]
    pipeline: Compose
    size: tuple[int, int] | None  #: at which they were scored; None leaves an image as the pipeline gives it


class Inferencer:
    """Predicts all tasks of a run or a checkpoint.

    An image goes through the transforms of the validation data. It is then scaled, its shape kept, to as many pixels as
    the validation images had, because a model that knows rooms at one size measures them wrongly at another. What is
    predicted comes back at the image's own size. Images as large as those of the validation get just the predictions
    that were scored.

    Args:
        source: The folder of a run, which stands for its last finished phase or for all its separate models, or a
            ``phase.safetensors``.
        device: Where to predict, such as ``'cuda'``.
        tasks: Predict these only. Default: all.
        image_size: Height and width to which images are scaled instead, or ``None`` to predict them at their own size.
        window: Height and width of a sliding window for images that are too large for one pass. Neighbouring windows
            overlap by a third, where the raw outputs are averaged.
        precision: ``'float32'``, or ``'bfloat16'`` or ``'float16'`` for the backbone and the heads.
        batch_size: How many images of the same size are predicted at once.
        trust_config: Let the config inside the run or checkpoint name code and import modules. Otherwise it may name
            registered components only.
        phase: Predict as the run did after this finished phase, from 1. Default: the last one.

    Raises:
        CheckpointError: If there is no checkpoint, or it cannot be used.
        RunError: If the run has not finished a phase, or not this one.
        ConfigError: If an option is impossible, or the model does not predict a task.
    """

    def __init__(self, source: str | Path, device: str | torch.device = 'cpu', tasks: Sequence[str] | None = None,
                 image_size: Sequence[int] | str | None = 'validation', window: Sequence[int] | None = None,
                 precision: str = 'float32', batch_size: int = 8, trust_config: bool = False,
                 phase: int | None = None) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f'`precision={precision}` is unknown; {suggest(precision, PRECISIONS)}')
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f'`batch_size={batch_size}` is not possible, expected a whole number of at least 1')
        if image_size is not None and not isinstance(image_size, str):
            _check_size('image_size', image_size)
        elif image_size not in (None, 'validation'):
            raise ConfigError(f"`image_size={image_size}` is unknown, expected height and width, 'validation' or None")
        if window is not None:
            _check_size('window', window)
        self.window, self.batch_size = window and (window[0], window[1]), batch_size
        self.device = _device(device)
        self._dtype = PRECISIONS[precision]
        with trusting_configs(trust_config):
            import_custom_modules(source)
            self._passes = [found for learner, checkpoint, path in last_learners(source, phase)
                            for found in _passes(learner.to(self.device), checkpoint, path, image_size)]
        known = {name: one.learner.tasks[name] for one in self._passes for name in one.tasks}
        for name in tasks or ():
            if name not in known:
                raise ConfigError(f'{source} does not predict {name!r}; {suggest(name, known)}')
        #: What is predicted, by name.
        self.tasks: dict[str, Task] = {name: known[name] for name in tasks or known}
        of_image = [name for name, task in self.tasks.items() if task.image_level]
        if window is not None and of_image:
            raise ConfigError(f'{", ".join(of_image)} of {source} is about the whole image, which no window shows; '
                              f'remove `window`, or name other `tasks`')

    def __call__(self, images: Any) -> list[Prediction]:
        """Predict images.

        Args:
            images: A file, a folder with all pictures below it, a video, an array ``(H, W, 3)`` RGB of 8 or 16 bits or
                of floats from 0 to 1, or a list of these.

        Raises:
            DataError: If one cannot be read.
        """
        return list(self.predict(frames_of(images)))

    @torch.no_grad()
    def predict(self, frames: Iterable[Frame],
                unreadable: Callable[[DataError], None] | None = None) -> Iterator[Prediction]:
        """Predict images one batch after the other, so that no more than a batch is in memory.

        Args:
            frames: From :func:`lhl.apis.image_sources.frames_of`.
            unreadable: Called for an image that cannot be read, which is then left out. Default: raise the error.
        """
        batch: list[tuple[str, np.ndarray]] = []
        for frame in frames:
            try:
                image = self._read(frame)
            except DataError as error:
                if unreadable is None:
                    raise
                unreadable(error)
                continue
            if batch and (len(batch) == self.batch_size or image.shape != batch[0][1].shape):
                yield from self._predict(batch)
                batch = []
            batch.append((frame.name, image))
        if batch:
            yield from self._predict(batch)

    @staticmethod
    def _read(frame: Frame) -> np.ndarray:
        try:
            return checked_image(as_image(frame.read()))
        except ValueError as error:
            raise DataError(f'image {frame.source!r} cannot be used: {error}') from error

    def _predict(self, batch: Sequence[tuple[str, np.ndarray]]) -> Iterator[Prediction]:
        """Predict images of one size."""
        size = batch[0][1].shape[:2]
        outputs: dict[str, np.ndarray] = {}
        for one in self._passes:
            names = [name for name in one.tasks if name in self.tasks]
            if not names:
                continue
            inputs = torch.stack([_prepared(one, image) for _, image in batch])
            inputs = one.learner.data_preprocessor(dict(inputs=inputs))['inputs']
            with torch.autocast(self.device.type, self._dtype) if self._dtype else nullcontext():
                raw = self._raw(one.learner, inputs, names)
            for name, prediction in one.learner.interpret(raw, names, size).items():
                outputs[name] = _as_array(one.learner.tasks[name].pseudo_label(prediction))
        units = {name: task.unit for name, task in self.tasks.items()}
        for i, (image_name, image) in enumerate(batch):
            yield Prediction(image_name, image, {name: outputs[name][i] for name in self.tasks}, units)

    def _raw(self, learner: Learner, inputs: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Run the network on normalised images, in windows if they are larger than one."""
        height, width = inputs.shape[-2:]
        if self.window is None or (height <= self.window[0] and width <= self.window[1]):
            return learner.run_heads(learner.extract_features(inputs), names)
        total: dict[str, Tensor] = {}
        count = inputs.new_zeros(1, 1, height, width)
        for rows in _windows(height, self.window[0]):
            for columns in _windows(width, self.window[1]):
                part = inputs[..., rows, columns]
                raw = learner.run_heads(learner.extract_features(part), names)
                for head, output in learner.upsample(raw, part.shape[-2:]).items():
                    if head not in total:
                        total[head] = output.new_zeros(len(inputs), output.shape[1], height, width)
                    total[head][..., rows, columns] += output
                count[..., rows, columns] += 1
        return {head: output / count for head, output in total.items()}


def _passes(learner: Learner, checkpoint: dict, path: Path, image_size: Sequence[int] | str | None) -> list[_Pass]:
    """Group the tasks of a learner by how their images are prepared."""
    cfg, _ = config_in(checkpoint, path)
    stream = Stream.from_config(cfg, check=False)
    scored = [(loader['dataset'], names) for loader, names in stream.scored_tasks(learner.tasks)]
    datasets = {name: dataset for dataset, names in scored for name in names}
    recorded = _recorded_sizes(learner.tasks, checkpoint, path)
    groups: dict[str, tuple[list, tuple[int, int] | None, list[str]]] = {}
    for name in learner.tasks:
        dataset = datasets.get(name, {})
        pipeline = dataset.get('pipeline') or [dict(type='PackSample')]
        if image_size is None:
            size = None
        elif isinstance(image_size, str):
            size = recorded[name] if recorded else _size_in_data(dataset, name, stream)
        else:
            size = image_size[0], image_size[1]
        key = json.dumps([pipeline, size], sort_keys=True, default=str)
        groups.setdefault(key, (pipeline, size, []))[2].append(name)
    return [_Pass(learner, tuple(names), Compose([TRANSFORMS.build(transform) for transform in pipeline]), size)
            for pipeline, size, names in groups.values()]


def _recorded_sizes(learner_tasks: Iterable[str], checkpoint: dict, path: Path) -> dict[str, tuple[int, int] | None]:
    """Read at which size each task was scored; a task of which nothing is known has the size of the newest one."""
    known = image_sizes(checkpoint, path)
    if not known:
        return {}
    learned = checkpoint['lhl'].get('tasks')
    newest = known.get(learned[-1]) if isinstance(learned, list) and learned and isinstance(learned[-1], str) else None
    return {name: known.get(name, newest) for name in learner_tasks}


def _size_in_data(dataset: dict, name: str, stream: Stream) -> tuple[int, int] | None:
    """Look for the size in the validation data, for a checkpoint that does not say it."""
    if not dataset:
        return None
    try:
        data = DATASETS.build({**dataset, 'tasks': {name: stream.task_configs[name]}})
        return data.image_size() if isinstance(data, DenseDataset) else None
    except (DataError, ConfigError, OSError):
        return None


def _prepared(one: _Pass, image: np.ndarray) -> Tensor:
    """Prepare an image as the validation did, ``(3, h, w)``."""
    sample = one.pipeline(dict(image=image, targets={}, valid={}, tasks={}, meta={}))['inputs']
    height, width = sample.shape[-2:]
    if one.size is None or (height, width) == one.size:
        return sample
    scale = (one.size[0] * one.size[1] / (height * width))**0.5
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    return torch.from_numpy(np.ascontiguousarray(
        resize_image(sample.permute(1, 2, 0).numpy(), size).transpose(2, 0, 1)))


def _as_array(target: Tensor) -> np.ndarray:
    """``(B, H, W)`` or ``(B, C, H, W)`` to channels last, a single channel without its axis."""
    array = target.cpu().numpy()
    if array.ndim == 3:
        return array
    return array[:, 0] if array.shape[1] == 1 else np.ascontiguousarray(np.moveaxis(array, 1, -1))


def _windows(length: int, window: int) -> list[slice]:
    """Cover a side with windows that overlap by at least a third, the last at the end."""
    if length <= window:
        return [slice(0, length)]
    step = max(int(window * (1 - WINDOW_OVERLAP)), 1)
    starts = [*range(0, length - window, step), length - window]
    return [slice(start, start + window) for start in starts]


def _check_size(option: str, value: Any) -> None:
    if not is_image_size(value):
        raise ConfigError(f'`{option}={value}` is not possible, expected two whole numbers, height and width')


def _device(device: str | torch.device) -> torch.device:
    """Refuse a device that is not there."""
    try:
        found = torch.device(device)
        torch.zeros(1, device=found).cpu()
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f'`device={device}` cannot be used ({str(error).splitlines()[0]}); give one that this '
                          f'machine has, such as cpu') from None
    return found
