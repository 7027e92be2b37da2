"""Whether the data loader of a config keeps up with the learner, and whether its memory grows.

In every epoch the loader of one phase, built as the engine builds it, delivers all its batches; then a learner trains a
few steps on the last of them while the workers rest, so that both see the same machine. Ratios are those of the sums.
The learner is the tiny one unless --model names another. Without --data-root the images are random arrays in NYUv2's
layout, freshly written: what is measured then is decoding, checking, transforming and batching, not the disk.

    python tools/benchmarks/loading.py [--config CONFIG] [--data-root FOLDER] [--workers N] [--epochs N]
"""
import argparse
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from lhl.apis.command_line import errors_as_sentences, read_config
from lhl.engine import Stream, runner_config
from lhl.errors import ConfigError
from lhl.models import Learner
from lhl.registry import MODELS

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


def prepared_phase(args: argparse.Namespace, folder: str) -> Config:
    """Derive the config of the phase as the engine does, on random images unless there are others."""
    cfg = read_config(args.config)
    num_phases = len(Stream.from_config(cfg, check=False).phases)
    if not 1 <= args.phase <= num_phases:
        raise ConfigError(f'--phase {args.phase} does not exist; {args.config} has phases 1 to {num_phases}')
    loader = cfg.train_dataloader
    cfg.work_dir = folder
    loader.batch_size = args.batch_size or loader.batch_size
    loader.num_workers = loader.num_workers if args.workers is None else args.workers
    if args.data_root is not None:
        loader.dataset.data_root = args.data_root
        return runner_config(Stream.from_config(cfg), args.phase)
    if loader.dataset.type != 'NYUv2':
        raise ConfigError(f'{args.config} reads {loader.dataset.type}, of which no random images can be made; give '
                          f'--data-root FOLDER, a data set of that layout')
    loader.dataset.data_root = str(Path(folder, 'data'))
    loader.dataset.part = dict(index=0, count=1)  # all that are written, whatever the phase
    phase = runner_config(Stream.from_config(cfg), args.phase)
    write_random_images(Path(folder, 'data'), args.images, args.size, phase.train_dataloader.dataset.tasks)
    return phase


def build(phase: Config, model: str) -> tuple[DataLoader, Learner]:
    """Build the phase's loader, and a learner of its new tasks from random weights."""
    set_multi_processing(**phase.env_cfg.mp_cfg)
    with DefaultScope.overwrite_default_scope('lhl'):
        loader = Runner.build_dataloader(phase.train_dataloader.to_dict(), seed=phase.randomness.seed)
    if not len(loader):
        raise ConfigError(f'the {len(loader.dataset)} images of the phase do not fill a batch of {loader.batch_size}; '
                          f'lower --batch-size')
    learner = read_config(model).model.to_dict()
    return loader, MODELS.build({**learner, 'tasks': phase.train_dataloader.dataset.tasks.to_dict()}).to(DEVICE)


def train_step(learner: Learner, optimizer: torch.optim.Optimizer, batch: dict) -> None:
    """Learn from a batch once."""
    data = learner.data_preprocessor(batch, training=True)
    predictions = learner.predict_tasks(
        learner.extract_features(data['inputs']), learner.tasks, data['inputs'].shape[-2:])
    sum(task.loss(predictions[name], data['targets'][name], data['valid'][name])
        for name, task in learner.tasks.items()).backward()
    optimizer.step()
    optimizer.zero_grad()


class Measurement:
    """The epochs of a loader, and the steps of a learner between them."""

    def __init__(self, loader: DataLoader, learner: Learner, steps: int) -> None:
        self.loader, self.learner, self.steps = loader, learner, steps
        self.optimizer = torch.optim.Adam(learner.parameters(), lr=1e-4)
        self.loading: list[Cost] = []
        self.training: list[Cost] = []
        self.memory: dict[str, list[float]] = {'process': [], 'workers': []}

    def epoch(self, number: int) -> None:
        """Take all batches, look at the memory while the workers live, then train on the last batch."""
        self.loader.sampler.set_epoch(number)
        self.loading.append(cost_of(len(self.loader) * self.loader.batch_size, self._load))
        self.training.append(cost_of(self.steps * self.loader.batch_size, self._train))

    def _load(self) -> None:
        for number, batch in enumerate(self.loader, 1):
            if number == len(self.loader):
                self.batch = batch
                self.memory['process'].append(resident_mib('self'))
                self.memory['workers'].append(
                    sum(resident_mib(worker.pid) for worker in multiprocessing.active_children()))

    def _train(self) -> None:
        for _ in range(self.steps):
            train_step(self.learner, self.optimizer, self.batch)

    def report(self) -> str:
        """Say what was measured: costs after the first epoch, which starts the workers, memory in the second half."""
        loading, training = total(self.loading[1:]), total(self.training[1:])
        rows = [('', 'images/s', 'CPU ms per image'),
                ('loader', f'{loading.rate:.1f}', f'{loading.processor_ms:.2f}'),
                ('learner', f'{training.rate:.1f}', f'{training.processor_ms:.2f}'),
                ('ratio', f'{loading.rate / training.rate:.2f}',
                 f'{loading.processor_ms / training.processor_ms:.3f}')]
        lines = [' | '.join(cell.rjust(max(len(row[i]) for row in rows)) for i, cell in enumerate(row))
                 for row in rows]
        for name, values in self.memory.items():
            settled = values[len(values) // 2:]  # a new worker grows until it has done all that it does
            rise, error = slope(settled)
            lines.append(f'memory of the {name}: {settled[-1]:.1f} MiB, {rise:+.3f} +- {error:.3f} MiB per epoch')
        return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default='configs/had/had_r18_nyuv2.py', help='config whose loader is measured')
    parser.add_argument('--phase', type=int, default=1, help='which of its phases; each loads other targets')
    parser.add_argument('--data-root', metavar='FOLDER', help='a data set to read; random images by default')
    parser.add_argument('--size', type=int, nargs=2, default=(288, 384), metavar=('H', 'W'), help='of random images')
    parser.add_argument('--images', type=int, default=192, help='number of random images, all taken in each epoch')
    parser.add_argument('--batch-size', type=int, help="default: the config's")
    parser.add_argument('--workers', type=int, help="default: the config's")
    parser.add_argument('--epochs', type=int, default=12, help='memory is judged by the second half of them')
    parser.add_argument('--steps', type=int, default=2, help='training steps after each epoch')
    parser.add_argument('--model', default='configs/_base_/models/resnet18_tiny_aspp.py', help='model that trains')
    args = parser.parse_args()
    if args.epochs < 6:
        parser.error('--epochs must be 6 or more: a slope with its error needs three in the second half')
    with tempfile.TemporaryDirectory() as folder:
        phase = prepared_phase(args, folder)
        loader, learner = build(phase, args.model)
        measurement = Measurement(loader, learner, args.steps)
        for number in range(args.epochs):
            measurement.epoch(number)
        height, width = measurement.batch['inputs'].shape[-2:]
        print(f'{args.config}, phase {args.phase} ({", ".join(learner.tasks)}): batches of {loader.batch_size}, '
              f'{height}x{width}, {loader.num_workers} workers, {torch.get_num_threads()} threads, '
              f'{len(loader)} batches an epoch')
        print(measurement.report(), flush=True)


if __name__ == '__main__':
    with errors_as_sentences():
        main()
