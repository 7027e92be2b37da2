"""What distillation adds to a training step: every way of it, interleaved in one run on the same images.

A round takes one step of each way, in turn, with the same student, whose cost its weights do not change; each ratio is
the median over the rounds of the ratio within a round, so that other load on the machine meets both.
"""
import copy
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from lhl.config_files import read_config
from lhl.datasets import DenseDataset
from lhl.engine import Stream
from lhl.engine.plan import PhaseSpec
from lhl.engine.runtime.optim_wrapper import MethodOptimWrapper
from lhl.losses import DistributionBalancedLoss, SaliencyGuidedLoss
from lhl.methods import Phase, Student, Teacher, TeacherOptions
from lhl.models import Batch, Learner
from lhl.models.pretraining import without_pretraining
from lhl.registry import METHODS
from lhl.tasks import Task, build_tasks

from .naive_had import naive_distillation, naive_loss
from .step import now

#: The ways of a step: without distillation, by lhl with and without the cache, and from the equations.
STUDENT, HAD_CACHED, HAD_UNCACHED, NAIVE = 'student', 'HAD, cached', 'HAD', 'naive HAD'
#: The ratios that are reported.
RATIOS = ((HAD_CACHED, STUDENT), (HAD_UNCACHED, STUDENT), (HAD_CACHED, NAIVE), (HAD_UNCACHED, NAIVE))


class _Images(DenseDataset):
    """One batch of images that are only named."""

    def __init__(self, count: int) -> None:
        Dataset.__init__(self)
        self.indices = list(range(count))
        self.pipeline = type('Pipeline', (), dict(transforms=()))()


class Steps:
    """The last phase of a config's stream with random weights, and its ways of taking a step.

    Args:
        config: Its learner, tasks, method and optimizer.
        size: Height and width of the images, in pixels.
        batch_size: Images per step.
        options: Changes of the config.
    """

    def __init__(self, config: str, size: tuple[int, int], batch_size: int, options: Mapping | None = None) -> None:
        cfg = read_config(config)
        cfg.merge_from_dict(dict(options or {}))
        stream = Stream.from_config(cfg, check=False)
        phase, self.method_config = stream.phases[-1], stream.phases[-1].method
        self.device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
        torch.manual_seed(0)
        model = {**cfg.model.to_dict(), 'backbone': without_pretraining(phase.backbone), 'tasks': stream.task_configs}
        model.pop('type')
        self.learner = Learner(**model).to(self.device)
        self.old_tasks, (self.new_task, ) = list(phase.old_tasks), phase.new_tasks
        inputs = torch.rand(batch_size, 3, *size)
        _spread(self.learner, inputs.to(self.device))
        target = _random_target(self.learner.tasks[self.new_task], batch_size, size)
        self.data = dict(
            inputs=inputs, targets={self.new_task: target},
            valid={self.new_task: torch.ones(batch_size, *size, dtype=torch.bool)},
            meta=[dict(index=index, image_path='') for index in range(batch_size)])
        frozen = copy.deepcopy(self.learner)
        self.cached = Teacher(frozen)
        self.cached.remember(DataLoader(_Images(batch_size), batch_size), float('inf'), '.')
        self.students = {HAD_UNCACHED: self._student(phase, Teacher(frozen, TeacherOptions(cache='off'))),
                         HAD_CACHED: self._student(phase, self.cached)}
        self.frozen = frozen
        self.wrapper: MethodOptimWrapper | None = None
        self.optimizer_config = dict(cfg.optim_wrapper.optimizer)

    def _student(self, spec: PhaseSpec, teacher: Teacher) -> Student:
        phase = Phase(spec.index, spec.new_tasks, spec.tasks, spec.loss_weight, teacher)
        student = Student(self.learner, METHODS.build(spec.method), phase)
        student.begin_phase()
        return student

    def step(self, way: str) -> None:
        """Take one step."""
        losses = self._losses(way)
        self._optimizer().update_params(sum(losses.values()))

    def _optimizer(self) -> MethodOptimWrapper:
        if self.wrapper is None:
            config = dict(self.optimizer_config)
            kind = getattr(torch.optim, config.pop('type'))
            self.wrapper = MethodOptimWrapper(kind(self.learner.parameters(), **config))
        return self.wrapper

    def _losses(self, way: str) -> dict[str, Tensor]:
        data = self.learner.data_preprocessor(copy.copy(self.data), training=True)
        if way in (HAD_CACHED, HAD_UNCACHED):
            return self.students[way].train()(**data, mode='loss')
        learner = self.learner.train()
        outputs = learner.predict_tasks(learner.extract_features(data['inputs']), learner.tasks,
                                        data['inputs'].shape[-2:])
        task = learner.tasks[self.new_task]
        losses = dict(new=task.loss(outputs[self.new_task], data['targets'][self.new_task],
                                    data['valid'][self.new_task]))
        if way == STUDENT:  # the cheapest loss that reaches every old head
            return losses | {name: outputs[name].mean() for name in self.old_tasks}
        options = dict(alpha=self.method_config['alpha'], group_threshold=self.method_config['group_threshold'],
                       edge_threshold=self.method_config['saliency_guided'].get('edge_threshold', 0.5))
        return losses | dict(had=naive_distillation(learner, self.frozen, self.old_tasks, data['inputs'], outputs,
                                                    options))


def _spread(learner: Learner, inputs: Tensor) -> None:
    """Make the outputs of random heads differ from pixel to pixel and class to class, so that all classes occur."""
    learner.train()
    with torch.no_grad():
        for _ in range(3):
            learner.run_heads(learner.extract_features(learner.data_preprocessor(dict(inputs=inputs))['inputs']),
                              learner.tasks)
        learner.eval()
        features = learner.extract_features(learner.data_preprocessor(dict(inputs=inputs))['inputs'])
        for head in learner.heads.values():
            output: Any = [module for module in head.modules() if isinstance(module, nn.Conv2d)][-1]
            raw = head(features)
            scale = 1 / raw.std(dim=(0, 2, 3)).clamp(min=1e-6)
            output.weight.mul_(scale.view(-1, 1, 1, 1))
            output.bias.sub_(raw.mean(dim=(0, 2, 3))).mul_(scale)


def _random_target(task: Task, batch_size: int, size: tuple[int, int]) -> Tensor:
    return task.pseudo_label(task.predict(torch.randn(batch_size, task.out_channels, *size))).contiguous()


def measure_ratios(config: str, size: tuple[int, int] = (288, 384), batch_size: int = 4, rounds: int = 5,
                   options: Mapping | None = None) -> dict:
    """Time the ways of a step of a config's last phase.

    Args:
        config: A config of HAD.
        size: Height and width of the images, in pixels.
        batch_size: Images per step.
        rounds: How often each way is timed; one more warms up, and fills the cache.
        options: Changes of the config.

    Returns:
        What was run, the median seconds of each way, and the ratios with the smallest and the largest of a round. On a
        GPU also images per second, peak memory in MiB and, where it can be asked for, utilisation in percent.
    """
    steps = Steps(config, size, batch_size, options)
    ways = (STUDENT, HAD_CACHED, HAD_UNCACHED, NAIVE)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    on_gpu: dict[str, dict] = {way: {} for way in ways}
    for number in range(rounds + 1):
        for way in ways[number % len(ways):] + ways[:number % len(ways)]:
            taken = _timed(partial(steps.step, way), on_gpu[way])
            if number:
                seconds[way].append(taken)
    return dict(
        config=config, tasks=len(steps.learner.tasks), size=list(size), batch_size=batch_size, rounds=rounds,
        device=_device(), threads=torch.get_num_threads(),
        seconds={way: statistics.median(values) for way, values in seconds.items()},
        ratios={f'{one} / {other}': _ratio(seconds[one], seconds[other]) for one, other in RATIOS},
        **(dict(gpu={way: dict(images_per_second=batch_size / statistics.median(seconds[way]), **found)
                     for way, found in on_gpu.items()}) if torch.cuda.is_available() else {}))


def measure_losses(size: tuple[int, int] = (288, 384), batch_size: int = 8, rounds: int = 7) -> dict:
    """Time HAD's loss of 13 classes with its gradient, and the loops over classes; all are given the pseudo-labels.

    Args:
        size: Height and width of the predictions, in pixels.
        batch_size: Images.
        rounds: How often each is timed; one more warms up.
    """
    task = build_tasks(dict(segmentation=dict(type='SemanticSegmentation', num_classes=13)))['segmentation']
    distribution_balanced, saliency_guided = DistributionBalancedLoss(), SaliencyGuidedLoss()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.manual_seed(0)
    raw = 3 * torch.randn(batch_size, 13, size[0] // 8, size[1] // 8, device=device)

    def upsampled(raw: Tensor) -> Tensor:
        return nn.functional.interpolate(raw.contiguous(memory_format=torch.channels_last), size=size, mode='bilinear')

    prediction, pseudo_label = upsampled(raw), task.pseudo_label(upsampled(raw + torch.randn_like(raw)))

    def loss_of_had(values: Tensor) -> Tensor:
        loss_map = task.loss_map(values, pseudo_label)
        balanced = distribution_balanced(loss_map, *task.groups(pseudo_label, 0.9))
        return balanced.mean() + saliency_guided(loss_map).mean()

    ways: dict[str, Callable[[Tensor], Tensor]] = {
        'HAD': loss_of_had,
        'loop over the loss map': lambda values: naive_loss(task, values, pseudo_label, 0.9, 0.5),
        'loop over the predictions': lambda values: naive_loss(task, values, pseudo_label, 0.9, 0.5, True)}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, loss in ways.items():
            values = prediction.clone().requires_grad_()
            taken = _timed(partial(_with_gradient, loss, values), {})
            if number:
                seconds[way].append(taken)
    return dict(
        losses_of_classes=13, size=list(size), batch_size=batch_size, rounds=rounds, device=_device(),
        threads=torch.get_num_threads(), seconds={way: statistics.median(values) for way, values in seconds.items()},
        ratios={f'{way} / HAD': _ratio(values, seconds['HAD']) for way, values in seconds.items() if way != 'HAD'})


def measure_teacher(config: str, size: tuple[int, int] = (288, 384), batch_size: int = 4, rounds: int = 5,
                    compile: bool = False) -> dict:
    """Time what a teacher takes for the old tasks of a config's last phase, as it is, folded, and from its cache.

    Its report also says how far the predictions differ from those of the plain one, relative to the largest: of an
    image elsewhere in the batch, of an image alone, and of each other kind.

    Args:
        config: A config of HAD.
        size: Height and width of the images, in pixels.
        batch_size: Images.
        rounds: How often each is timed; two more warm up.
        compile: Time a compiled one, too; that takes minutes on a CPU.
    """
    steps = Steps(config, size, batch_size)
    kinds = dict(folded=TeacherOptions(fold=True),
                 **(dict(compiled=TeacherOptions(fold=True, compile=True)) if compile else {}))
    teachers = {'plain': Teacher(steps.frozen, TeacherOptions(fold=False)), 'cached': steps.cached,
                **{name: Teacher(copy.deepcopy(steps.frozen), kind) for name, kind in kinds.items()}}
    data = steps.learner.data_preprocessor(copy.copy(steps.data))
    seconds: dict[str, list[float]] = {name: [] for name in teachers}
    for number in range(rounds + 2):
        for name, teacher in teachers.items():
            batch = Batch(data['inputs'], {}, {}, data['meta'])
            taken = _timed(partial(teacher.predictions, batch, steps.old_tasks), {})
            if number > 1:
                seconds[name].append(taken)

    def ask(inputs: Tensor, name: str = 'plain') -> Tensor:
        predictions = teachers[name].predictions(Batch(inputs, {}, {}), steps.old_tasks)
        return torch.cat([prediction.flatten(1) for prediction in predictions.values()], dim=1)

    inputs, expected = data['inputs'], ask(data['inputs'])
    others = dict(reversed_batch=ask(inputs.flip(0)).flip(0), batch_of_one=ask(inputs[:1]),
                  **{name: ask(inputs, name) for name in kinds})
    return dict(
        teacher_of=config, tasks=len(steps.old_tasks), size=list(size), batch_size=batch_size, rounds=rounds,
        device=_device(), threads=torch.get_num_threads(),
        seconds={name: statistics.median(values) for name, values in seconds.items()},
        ratios={f'{name} / plain': _ratio(values, seconds['plain']) for name, values in seconds.items()
                if name != 'plain'},
        differences={name: ((other - expected[:len(other)]).abs().max() / expected.abs().max()).item()
                     for name, other in others.items()})


def as_table(reports: Sequence[Mapping]) -> str:
    """Set reports as Markdown: a line about each, its seconds and its ratios."""
    lines = []
    for report in reports:
        what = (f'{report["config"]}, {report["tasks"]} tasks: a step' if 'config' in report else
                f'{report["teacher_of"]}: the teacher of {report["tasks"]} tasks' if 'teacher_of' in report else
                f'the loss of {report["losses_of_classes"]} classes with its gradient')
        height, width = report['size']
        lines += ['', f'{what}; batch {report["batch_size"]}, {height}x{width}, {report["device"]}, '
                      f'{report["threads"]} threads, {report["rounds"]} rounds', '',
                  '| | seconds | images/s | peak memory (MiB) | utilisation (%) |' if 'gpu' in report else
                  '| | seconds |', '| --- | ---: | ---: | ---: | ---: |' if 'gpu' in report else '| --- | ---: |']
        for way, seconds in report['seconds'].items():
            gpu = report.get('gpu', {}).get(way)
            more = '' if gpu is None else (f' {gpu["images_per_second"]:.1f} | {gpu["peak_memory_mib"]:.0f} | '
                                           f'{gpu.get("utilisation", "-")} |')
            lines.append(f'| {way} | {seconds:.4f} |{more}')
        lines += ['', '| ratio | median | least | most |', '| --- | ---: | ---: | ---: |']
        lines += [f'| {name} | {found["median"]:.3f} | {found["least"]:.3f} | {found["most"]:.3f} |'
                  for name, found in report['ratios'].items()]
        if 'differences' in report:
            lines += ['', '| relative difference to plain | |', '| --- | ---: |']
            lines += [f'| {name.replace("_", " ")} | {value:.1e} |' for name, value in report['differences'].items()]
    return '\n'.join(lines[1:])


def _with_gradient(loss: Callable[[Tensor], Tensor], values: Tensor) -> None:
    loss(values).backward()


def _timed(function: Callable[[], Any], on_gpu: dict) -> float:
    """Time a call, as :func:`lhl.apis.speed.step.now` counts seconds; on a GPU also note its peak memory and load."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    start = now()
    function()
    if torch.cuda.is_available():
        try:
            on_gpu['utilisation'] = torch.cuda.utilization()  # while the queue is worked off
        except (ImportError, ModuleNotFoundError, RuntimeError):  # without NVIDIA's library
            on_gpu['utilisation'] = '-'
    taken = now() - start
    if torch.cuda.is_available():
        on_gpu['peak_memory_mib'] = torch.cuda.max_memory_allocated() / 2**20
    return taken


def _ratio(values: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    ratios = [value / other for value, other in zip(values, others, strict=True)]
    return dict(median=statistics.median(ratios), least=min(ratios), most=max(ratios))


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU seconds'
