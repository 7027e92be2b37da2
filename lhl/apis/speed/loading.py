"""Whether the data loader of a config keeps up with the learner, and whether its memory grows.

In every epoch the loader of one phase, built as the engine builds it, delivers all its batches, and so does one that
decodes each image every time, as lhl did before it kept decoded images; then a learner trains a few steps on the last
of them while the workers rest, so that all see the same machine. Ratios are those of the sums. Without a data set to
read the images are random arrays in NYUv2's layout, freshly written: what is measured then is decoding, checking,
transforming and batching, not the disk.
"""
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from lhl.config_files import read_config
from lhl.datasets import DenseDataset, EpochSampler
from lhl.datasets.transforms import RandomHorizontalFlip
from lhl.engine import Stream, runner_config
from lhl.engine.runtime.decoded import DEFAULT_GIB
from lhl.errors import ConfigError
from lhl.models import Learner
from lhl.registry import MODELS
from lhl.tasks import SurfaceNormalEstimation

PROC = Path('/proc')
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'


class Cost(NamedTuple):
    """What some images cost."""

    images: int
    seconds: float
    processor_seconds: float

    @property
    def rate(self) -> float:
        """Images per second."""
        return self.images / self.seconds

    @property
    def processor_ms(self) -> float:
        """Milliseconds of processor time per image, of all processes together."""
        return 1000 * self.processor_seconds / self.images


def total(costs: Iterable[Cost]) -> Cost:
    """Add costs up."""
    return Cost(*map(sum, zip(*costs, strict=True)))


def processor_seconds() -> float:
    """Processor time that this process and its workers have used so far, ended ones included; to 10 ms in a worker."""
    used = sum(os.times()[:4])
    for worker in multiprocessing.active_children():
        if (PROC / 'self').exists():  # Linux; elsewhere a worker is counted once it has ended
            # The name of the program, in brackets, may hold spaces; user and system time are the fields 14 and 15.
            fields = (PROC / str(worker.pid) / 'stat').read_text().rpartition(')')[2].split()
            used += (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
    return used


def resident_mib(process: int | str) -> float:
    """Resident memory of a process in MiB, pages shared with others included; NaN where the system does not say."""
    status = PROC / str(process) / 'status'
    if not status.exists():
        return math.nan
    return next(int(line.split()[1]) / 2**10 for line in status.read_text().splitlines() if line.startswith('VmRSS'))


def slope(values: Sequence[float]) -> tuple[float, float]:
    """Fit a line to equally spaced values: its slope per step, and the standard error of the slope."""
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    values = np.asarray(values) - np.mean(values)
    rise = (steps @ values) / (steps @ steps)
    residuals = values - rise * steps
    return float(rise), float(np.sqrt(residuals @ residuals / (len(values) - 2) / (steps @ steps)))


def cost_of(images: int, work: Callable[[], None]) -> Cost:
    """Do some work, and say what it took."""
    if DEVICE == 'cuda':
        torch.cuda.synchronize()
    start, used = time.perf_counter(), processor_seconds()
    work()
    if DEVICE == 'cuda':
        torch.cuda.synchronize()
    return Cost(images, time.perf_counter() - start, processor_seconds() - used)


def write_random_images(root: Path, count: int, size: tuple[int, int], tasks: Iterable[str]) -> None:
    """Write random images of the training split with random targets of some tasks, in NYUv2's layout."""
    generator = np.random.default_rng(0)
    makers = dict(
        image=lambda: generator.random((*size, 3), np.float32),
        segmentation=lambda: generator.integers(-1, 13, size, np.int8),
        depth=lambda: generator.uniform(0.5, 10, (*size, 1)).astype(np.float32),
        normal=lambda: _unit(generator.standard_normal((*size, 3), np.float32)))
    for name in ('image', *tasks):
        folder = root / 'train' / ('label' if name == 'segmentation' else name)
        folder.mkdir(parents=True)
        for number in range(count):
            np.save(folder / f'{number}.npy', makers[name]())


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def measure_loading(config: str, phase: int = 1, data_root: str | None = None, size: tuple[int, int] = (288, 384),
                    images: int = 192, batch_size: int | None = None, workers: int | None = None, epochs: int = 12,
                    steps: int = 2, model: str = '_base_/models/resnet18_tiny_aspp.py') -> str:
    """Measure the loader of one phase beside a learner, and report the result.

    Args:
        config: The config whose loader is measured.
        phase: Which of its phases, from 1; each loads other targets.
        data_root: A data set to read. Default: random images.
        size: Height and width of random images, in pixels.
        images: Number of random images, all of which are loaded in each epoch.
        batch_size: Default: the config's.
        workers: Processes that load. Default: the config's.
        epochs: At least 6, as a slope with its error needs three in the second half, by which the memory is judged.
        steps: Training steps after each epoch.
        model: The config of the model that trains.

    Raises:
        ConfigError: If there is no such phase, no random images of its data set can be made, or an epoch has no batch.
    """
    if epochs < 6:
        raise ConfigError(f'found {epochs} `epochs`, expected 6 or more: a slope with its error needs three in the '
                          f'second half')
    with tempfile.TemporaryDirectory() as folder:
        cfg = read_config(config)
        num_phases = len(Stream.from_config(cfg, check=False).phases)
        if not 1 <= phase <= num_phases:
            raise ConfigError(f'`phase={phase}` does not exist; {config} has phases 1 to {num_phases}')
        loader_cfg = cfg.train_dataloader
        loader_cfg.batch_size = batch_size or loader_cfg.batch_size
        loader_cfg.num_workers = loader_cfg.num_workers if workers is None else workers
        cfg.work_dir = folder
        if data_root is not None:
            loader_cfg.dataset.data_root = data_root
        elif loader_cfg.dataset.type == 'NYUv2':
            loader_cfg.dataset.data_root = str(Path(folder, 'data'))
            loader_cfg.dataset.part = dict(index=0, count=1)  # all that are written, whatever the phase
        else:
            raise ConfigError(f'{config} reads {loader_cfg.dataset.type}, of which no random images can be made; name '
                              f'the `data_root` of a data set of that layout')
        derived = runner_config(Stream.from_config(cfg), phase)
        if data_root is None:
            write_random_images(Path(folder, 'data'), images, size, derived.train_dataloader.dataset.tasks)
        loader, learner = build(derived, model)
        kept = cast(DenseDataset, loader.dataset).keep_decoded(folder, DEFAULT_GIB)
        measurement = Measurement(loader, baseline_of(build(derived, model)[0]), learner, steps)
        for number in range(epochs):
            measurement.epoch(number)
        height, width = measurement.batch['inputs'].shape[-2:]
        return (f'{config}, phase {phase} ({", ".join(learner.tasks)}): batches of {loader.batch_size}, '
                f'{height}x{width}, {loader.num_workers} workers, {torch.get_num_threads()} threads, {len(loader)} '
                f'batches an epoch, {kept / 2**20:.0f} MiB decoded\n{measurement.report()}')


def build(phase: Config, model: str) -> tuple[DataLoader, Learner]:
    """Build the phase's loader, and a learner of its new tasks from random weights."""
    set_multi_processing(**phase.env_cfg.mp_cfg)
    with DefaultScope.overwrite_default_scope('lhl'):
        loader = Runner.build_dataloader(phase.train_dataloader.to_dict(), seed=phase.randomness.seed)
    if not len(loader):
        raise ConfigError(f'the {len(loader.dataset)} images of the phase do not fill a batch of {loader.batch_size}; '
                          f'lower `batch_size`')
    learner = read_config(model).model.to_dict()
    return loader, MODELS.build({**learner, 'tasks': phase.train_dataloader.dataset.tasks.to_dict()}).to(DEVICE)


def baseline_of(loader: DataLoader) -> DataLoader:
    """Let a loader work as before decoded samples were kept: every image is decoded, checked and mirrored by indexing
    every time, and a batch is stacked before it is copied into shared memory.
    """
    transforms = cast(DenseDataset, loader.dataset).pipeline.transforms
    transforms[:] = [_IndexingFlip(step.probability) if isinstance(step, RandomHorizontalFlip) else step
                     for step in transforms]
    loader.collate_fn = _stack
    return loader


class _IndexingFlip(RandomHorizontalFlip):

    def transform(self, sample: dict) -> dict:
        """Mirror the sample with the given probability."""
        if np.random.rand() >= self.probability:
            return sample
        targets = {name: target[:, ::-1].copy() for name, target in sample['targets'].items()}
        targets |= {name: target * np.array([-1, 1, 1], target.dtype) for name, target in targets.items()
                    if isinstance(sample['tasks'][name], SurfaceNormalEstimation)}
        return dict(sample, image=sample['image'][:, ::-1].copy(), targets=targets,
                    valid={name: valid[:, ::-1].copy() for name, valid in sample['valid'].items()})


def _stack(samples: Sequence[dict]) -> dict:
    parts = {part: {task: torch.stack([sample[part][task] for sample in samples]) for task in samples[0][part]}
             for part in ('targets', 'valid')}
    return dict(inputs=torch.stack([sample['inputs'] for sample in samples]), **parts,
                meta=[sample['meta'] for sample in samples])


def train_step(learner: Learner, optimizer: torch.optim.Optimizer, batch: dict) -> None:
    """Learn from a batch once."""
    data = learner.data_preprocessor(batch, training=True)
    predictions = learner.predict_tasks(
        learner.extract_features(data['inputs']), learner.tasks, data['inputs'].shape[-2:])
    losses = [task.loss(predictions[name], data['targets'][name], data['valid'][name])
              for name, task in learner.tasks.items()]
    torch.stack(losses).sum().backward()
    optimizer.step()
    optimizer.zero_grad()


class Measurement:
    """The epochs of a loader and of the baseline, and the steps of a learner between them."""

    def __init__(self, loader: DataLoader, baseline: DataLoader, learner: Learner, steps: int) -> None:
        self.loader, self.baseline, self.learner, self.steps = loader, baseline, learner, steps
        self.optimizer = torch.optim.Adam(learner.parameters(), lr=1e-4)
        self.loading: list[Cost] = []
        self.before: list[Cost] = []
        self.training: list[Cost] = []
        self.memory: dict[str, list[float]] = {'process': [], 'workers': []}

    def epoch(self, number: int) -> None:
        """Take all batches, look at the memory while the workers live, then train on the last batch."""
        for loader, costs, load in ((self.baseline, self.before, self._load_baseline),
                                    (self.loader, self.loading, self._load)):
            assert isinstance(loader.sampler, EpochSampler) and loader.batch_size is not None
            loader.sampler.set_epoch(number)
            costs.append(cost_of(len(loader) * loader.batch_size, load))
        self.training.append(cost_of(self.steps * len(self.batch['meta']), self._train))

    def _load_baseline(self) -> None:
        for _ in self.baseline:
            pass

    def _load(self) -> None:
        for number, batch in enumerate(self.loader, 1):
            if number == len(self.loader):
                self.batch = batch
                self.memory['process'].append(resident_mib('self'))
                workers = getattr(self.loader._iterator, '_workers', ())  # not those of the baseline
                self.memory['workers'].append(sum((resident_mib(str(worker.pid)) for worker in workers), 0.0))

    def _train(self) -> None:
        for _ in range(self.steps):
            train_step(self.learner, self.optimizer, self.batch)

    def report(self) -> str:
        """Say what was measured: costs after the first epoch, which starts the workers, memory in the second half."""
        loading, before, training = (total(costs[1:]) for costs in (self.loading, self.before, self.training))
        rows = [('', 'images/s', 'CPU ms per image'),
                *((name, f'{cost.rate:.1f}', f'{cost.processor_ms:.2f}')
                  for name, cost in (('loader', loading), ('baseline', before), ('learner', training))),
                *((f'loader / {name}', f'{loading.rate / cost.rate:.2f}',
                   f'{loading.processor_ms / cost.processor_ms:.3f}')
                  for name, cost in (('baseline', before), ('learner', training)))]
        lines = [' | '.join(cell.rjust(max(len(row[i]) for row in rows)) for i, cell in enumerate(row))
                 for row in rows]
        for name, values in self.memory.items():
            settled = values[len(values) // 2:]  # a new worker grows until it has done all that it does
            rise, error = slope(settled)
            lines.append(f'memory of the {name}: {settled[-1]:.1f} MiB, {rise:+.3f} +- {error:.3f} MiB per epoch')
        return '\n'.join(lines)
