"""Where the time of a training step goes, and how it compares with a bare PyTorch loop.

Trains the three phases of a config for a few iterations through the real engine, on rendered rooms of the asked size.
After each of the engine's iterations a bare loop does the same forward passes, backward pass and optimizer step on the
same images, so that both see the same machine; the ratio is that of their sums. Then, in a process of its own, it
measures the extra memory of the distillation loss for a large batch.

    python tools/benchmarks/step.py [--config CONFIG] [--size H W] [--batch-size B] [--iterations N]
"""
import argparse
import copy
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.hooks import Hook

from lhl.apis import train_stream
from lhl.apis.command_line import errors_as_sentences, read_config
from lhl.datasets.rendered import write_dataset
from lhl.engine.runtime.peak_memory import peak_memory_mib, reset_peak_memory
from lhl.methods import HAD
from lhl.registry import HOOKS
from lhl.tasks import build_tasks

PARTS = ('student', 'teacher', 'distillation', 'backward', 'optimizer')


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
        self.runner = runner
        self.parts = defaultdict(list)
        self.engine, self.bare = [], []
        self.backbone_calls = 0
        learner, teacher = runner.learner, runner.phase.teacher and runner.phase.teacher.learner
        # The bare loop learns with weights and an optimizer of its own.
        self.copy = copy.deepcopy(learner)
        optimizer = runner.optim_wrapper.optimizer
        self.optimizer = type(optimizer)([p for p in self.copy.parameters() if p.requires_grad], **optimizer.defaults)
        for model, part in ((learner, 'student'), (teacher, 'teacher')):
            if model is not None:
                for name in ('extract_features', 'run_heads', 'interpret'):
                    setattr(model, name, self._timed(part, getattr(model, name)))
        if teacher is not None:
            teacher.backbone.register_forward_hook(self._count_backbone)
            runner.method.distillation = self._timed('distillation', runner.method.distillation)
        for name, part in (('backward', 'backward'), ('step', 'optimizer')):
            setattr(runner.optim_wrapper, name, self._timed(part, getattr(runner.optim_wrapper, name)))

    def _count_backbone(self, *_) -> None:
        self.backbone_calls += 1

    def _timed(self, part, function):
        def timed(*args, **kwargs):
            start = now()
            result = function(*args, **kwargs)
            self.parts[part].append(now() - start)
            return result

        return timed

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.start = now()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
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
                # The bare modules: the learner's own methods are timed.
                teacher = phase.teacher.learner
                features = teacher.backbone(data['inputs'])
                for name in phase.old_tasks:
                    raw = teacher.heads[name](features)
                    teacher.tasks[name].predict(
                        F.interpolate(raw, size=size, mode='bilinear', align_corners=False))
                self.backbone_calls -= 1
            loss = loss + sum(outputs[name].mean() for name in phase.old_tasks)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def after_train(self, runner) -> None:
        count = len(self.engine)
        skip = min(2, count - 1)  # the first iterations warm up
        engine, bare = self.engine[skip:], self.bare[skip:]
        totals = {part: sum(self.parts[part]) / count for part in PARTS}
        StepTimer.reports.append(dict(
            phase=runner.phase.index, task=runner.phase.new_tasks[0], step=statistics.median(engine),
            ratio=sum(engine) / sum(bare), parts=totals,
            mean=sum(self.engine) / count, teacher_passes=self.backbone_calls / count))


@contextmanager
def printed_header(text: str):
    print(text, flush=True)
    yield
    print(flush=True)


def measure_steps(args: argparse.Namespace) -> None:
    """Train the phases and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        num_phases = 3
        train = args.batch_size * args.iterations * num_phases
        write_dataset(Path(folder, 'data'), train, 2, *args.size, seed=0)
        cfg = read_config(args.config)
        cfg.work_dir = str(Path(folder, 'run'))
        cfg.model.backbone.init_cfg = None
        cfg.log_level = 'WARNING'
        cfg.train_cfg.max_epochs = 1
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            loader.update(batch_size=args.batch_size, num_workers=0, persistent_workers=False)
            loader.dataset.data_root = str(Path(folder, 'data'))
        cfg.custom_hooks = [dict(type='StepTimer')]
        train_stream(cfg)
    height, width = args.size
    with printed_header(f'{args.config}: batch {args.batch_size}, {height}x{width}, {torch.get_num_threads()} threads, '
                        f'{args.iterations} iterations a phase'):
        unit = 'seconds' if torch.cuda.is_available() else 'CPU seconds'
        head = ['phase', unit, *(f'{part} %' for part in PARTS), 'other %', 'teacher passes', 'ratio to bare loop']
        print(' | '.join(head))
        for report in StepTimer.reports:
            shares = [100 * report['parts'][part] / report['mean'] for part in PARTS]
            cells = [f'{report["phase"]} {report["task"]}', f'{report["step"]:.3f}', *(f'{s:.1f}' for s in shares),
                     f'{100 - sum(shares):.1f}', f'{report["teacher_passes"]:g}', f'{report["ratio"]:.3f}']
            print(' | '.join(cell.rjust(len(title)) for cell, title in zip(cells, head, strict=True)))


def measure_memory(args: argparse.Namespace) -> None:
    """Print the peak memory of HAD's loss for one old task above its inputs, gradient included."""
    height, width = args.size
    task = build_tasks(dict(
        segmentation=dict(type='SemanticSegmentation', num_classes=13), depth=dict(type='DepthEstimation'),
        normal=dict(type='SurfaceNormalEstimation')))[args.memory_of]
    method = HAD(1.0, 0.9, dict(type='DistributionBalancedLoss'), dict(type='SaliencyGuidedLoss'))
    torch.manual_seed(0)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    coarse = torch.randn(args.memory_batch_size, task.out_channels, height // 8, width // 8, device=device)

    def predict(raw):
        return task.predict(F.interpolate(raw, size=(height, width), mode='bilinear'))

    prediction = predict(coarse).requires_grad_()
    pseudo_label = task.pseudo_label(predict(coarse + 0.3 * torch.randn_like(coarse)))
    reset_peak_memory()
    before = peak_memory_mib()
    sum(method.distillation(task, prediction, pseudo_label).values()).backward()
    print(f'{args.memory_of:>12}: {peak_memory_mib() - before:5.0f} MiB, of which '
          f'{prediction.grad.numel() * 4 / 2**20:.0f} MiB are the gradient of the prediction', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default='configs/had/had_r18_nyuv2.py', help='config of the run to time')
    parser.add_argument('--size', type=int, nargs=2, default=(288, 384), metavar=('H', 'W'))
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--iterations', type=int, default=7, help='iterations a phase')
    parser.add_argument('--memory-batch-size', type=int, default=48, help='batch of the memory measurement')
    parser.add_argument('--memory-of', help=argparse.SUPPRESS)  # in a process of its own: a clean peak
    args = parser.parse_args()
    if args.memory_of:
        measure_memory(args)
        return
    measure_steps(args)
    with printed_header(f'memory of the distillation loss for one old task, batch {args.memory_batch_size}, '
                        f'{args.size[0]}x{args.size[1]}, above its inputs'):
        for name in ('segmentation', 'depth', 'normal'):
            subprocess.run([sys.executable, '-W', 'ignore', __file__, *sys.argv[1:], '--memory-of', name], check=True,
                           stderr=subprocess.DEVNULL)


if __name__ == '__main__':
    with errors_as_sentences():
        main()
