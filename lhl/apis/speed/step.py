"""Where the time of a training step goes, and how it compares with a bare PyTorch loop.

Trains the three phases of a config for a few iterations through the real engine, on rendered rooms of the asked size.
After each of the engine's iterations a bare loop does the same forward passes, backward pass and optimizer step on the
same images, so that both see the same machine; the ratio is that of their sums. Then, in a process of its own, it
measures the extra memory of the distillation loss for a large batch.
"""
import copy
import multiprocessing
import statistics
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.hooks import Hook

from lhl.apis import train_stream
from lhl.config_files import read_config
from lhl.datasets.rendered import write_dataset
from lhl.engine.runtime.peak_memory import peak_memory_mib, reset_peak_memory
from lhl.methods import HAD
from lhl.registry import HOOKS
from lhl.tasks import build_tasks

PARTS = ('student', 'teacher', 'distillation', 'backward', 'optimizer')
_TASKS: dict[str, dict] = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=13), depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'))


def now() -> float:
    """Seconds; without a GPU of processor time, which other load on the machine disturbs less than the clock."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


@HOOKS.register_module()
class StepTimer(Hook):
    """Time the engine's iterations, their parts, and the same work in a bare loop."""

    priority = 'VERY_HIGH'
    reports: list = []

    def before_train(self, runner) -> None:
        """Put clocks around the parts, and copy the learner for the bare loop."""
        self.runner = runner
        self.parts: dict[str, list[float]] = defaultdict(list)
        self.engine: list[float] = []
        self.bare: list[float] = []
        self.backbone_calls = 0
        learner, teacher = runner.learner, runner.phase.teacher
        # The bare loop learns with weights and an optimizer of its own.
        self.copy = copy.deepcopy(learner)
        optimizer = runner.optim_wrapper.optimizer
        self.optimizer = type(optimizer)([p for p in self.copy.parameters() if p.requires_grad], **optimizer.defaults)
        for name in ('extract_features', 'run_heads', 'interpret'):
            setattr(learner, name, self._timed('student', getattr(learner, name)))
        if teacher is not None:
            teacher.features = self._counted(teacher.features)
            teacher.predictions = self._timed('teacher', teacher.predictions)
            runner.method.distillation = self._timed('distillation', runner.method.distillation)
        for name, part in (('backward', 'backward'), ('step', 'optimizer')):
            setattr(runner.optim_wrapper, name, self._timed(part, getattr(runner.optim_wrapper, name)))

    def _counted(self, function):
        def counted(*args):
            self.backbone_calls += 1
            return function(*args)

        return counted

    def _timed(self, part, function):
        def timed(*args, **kwargs):
            start = now()
            result = function(*args, **kwargs)
            self.parts[part].append(now() - start)
            return result

        return timed

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Start the engine's clock."""
        self.start = now()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Stop it, and time the bare loop on the same images."""
        self.engine.append(now() - self.start)
        start = now()
        self._bare_step(data_batch)
        self.bare.append(now() - start)

    def _bare_step(self, data_batch) -> None:
        """The same forwards, backward and step, with the cheapest losses that reach every old head."""
        phase, model = self.runner.phase, self.copy
        data = model.data_preprocessor(data_batch)
        size = data['inputs'].shape[-2:]

        def run(network, names):
            features = network.backbone(data['inputs'])
            return {name: network.tasks[name].predict(F.interpolate(
                network.heads[name](features), size=size, mode='bilinear', align_corners=False)) for name in names}

        outputs = run(model, model.trained_tasks)
        task = phase.new_tasks[0]
        loss = model.tasks[task].loss_map(outputs[task], data['targets'][task]).mean()
        if phase.teacher is not None:
            with torch.no_grad():
                teacher = phase.teacher.learner
                features = teacher.backbone(data['inputs'])
                for name in phase.old_tasks:
                    raw = teacher.heads[name](features)
                    teacher.tasks[name].predict(
                        F.interpolate(raw, size=size, mode='bilinear', align_corners=False))
            loss = loss + sum(outputs[name].mean() for name in phase.old_tasks)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def after_train(self, runner) -> None:
        """Report the phase."""
        count = len(self.engine)
        skip = min(2, count - 1)  # the first iterations warm up
        engine, bare = self.engine[skip:], self.bare[skip:]
        totals = {part: sum(self.parts[part]) / count for part in PARTS}
        StepTimer.reports.append(dict(
            phase=runner.phase.index, task=runner.phase.new_tasks[0], step=statistics.median(engine),
            ratio=sum(engine) / sum(bare), parts=totals,
            mean=sum(self.engine) / count, teacher_passes=self.backbone_calls / count))


def measure_steps(config: str, size: tuple[int, int] = (288, 384), batch_size: int = 4, iterations: int = 7) -> str:
    """Train the three phases of a config, and set what was measured below each other.

    Args:
        config: Of the run to time; it reads NYUv2's layout.
        size: Height and width of the rendered images, in pixels.
        batch_size: Images per iteration.
        iterations: Per phase; the first two warm up.
    """
    StepTimer.reports.clear()
    with tempfile.TemporaryDirectory() as folder:
        num_phases = 3
        train = batch_size * iterations * num_phases
        write_dataset(Path(folder, 'data'), train, 2, *size, seed=0)
        cfg = read_config(config)
        cfg.work_dir = str(Path(folder, 'run'))
        cfg.model.backbone.init_cfg = None
        cfg.merge_from_dict({'log_level': 'WARNING'})
        cfg.train_cfg.max_epochs = 1
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            loader.update(batch_size=batch_size, num_workers=0, persistent_workers=False)
            loader.dataset.data_root = str(Path(folder, 'data'))
        cfg.custom_hooks = [dict(type='StepTimer')]
        train_stream(cfg)
    unit = 'seconds' if torch.cuda.is_available() else 'CPU seconds'
    head = ['phase', unit, *(f'{part} %' for part in PARTS), 'other %', 'teacher passes', 'ratio to bare loop']
    lines = [f'{config}: batch {batch_size}, {size[0]}x{size[1]}, {torch.get_num_threads()} threads, {iterations} '
             f'iterations a phase', ' | '.join(head)]
    for report in StepTimer.reports:
        shares = [100 * report['parts'][part] / report['mean'] for part in PARTS]
        cells = [f'{report["phase"]} {report["task"]}', f'{report["step"]:.3f}', *(f'{s:.1f}' for s in shares),
                 f'{100 - sum(shares):.1f}', f'{report["teacher_passes"]:g}', f'{report["ratio"]:.3f}']
        lines.append(' | '.join(cell.rjust(len(title)) for cell, title in zip(cells, head, strict=True)))
    return '\n'.join(lines)


def measure_memory(size: tuple[int, int] = (288, 384), batch_size: int = 48) -> str:
    """Measure the peak memory of HAD's loss for one old task of each kind above its inputs, gradient included.

    Args:
        size: Height and width of the predictions, in pixels.
        batch_size: Images.
    """
    lines = [f'memory of the distillation loss for one old task, batch {batch_size}, {size[0]}x{size[1]}, above its '
             f'inputs']
    for name in _TASKS:
        # In a process of its own: a clean peak.
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as process:
            peak, gradient = process.submit(distillation_memory, name, size, batch_size).result()
        lines.append(f'{name:>12}: {peak:5.0f} MiB, of which {gradient:.0f} MiB are the gradient of the prediction')
    return '\n'.join(lines)


def distillation_memory(name: str, size: tuple[int, int], batch_size: int) -> tuple[float, float]:
    """Compute the loss of one task, and give the peak memory above its inputs and that of the gradient, in MiB."""
    height, width = size
    task = build_tasks({name: _TASKS[name]})[name]
    method = HAD(1.0, 0.9, dict(type='DistributionBalancedLoss'), dict(type='SaliencyGuidedLoss'))
    torch.manual_seed(0)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    coarse = torch.randn(batch_size, task.out_channels, height // 8, width // 8, device=device)

    def predict(raw):
        return task.predict(F.interpolate(raw, size=(height, width), mode='bilinear'))

    prediction = predict(coarse).requires_grad_()
    of_teacher = predict(coarse + 0.3 * torch.randn_like(coarse))
    reset_peak_memory()
    before = peak_memory_mib()
    torch.stack(list(method.distillation(task, prediction, of_teacher).values())).sum().backward()
    return peak_memory_mib() - before, prediction.grad.numel() * 4 / 2**20
