"""A learner with 8 channels, a batch for it, and phases as the engine would begin them, without a Runner."""
import copy
import functools

import torch

from lhl.methods import Phase, Student, Teacher
from lhl.models import Batch, Learner

SIZE = (24, 40)
TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=5),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'))
BACKBONE = dict(
    type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(3, ), strides=(1, 2, 1, 1),
    dilations=(1, 1, 2, 4), contract_dilation=True, style='pytorch', norm_cfg=dict(type='BN'))
HEAD = dict(type='ASPPHead', in_channels=64, channels=8, dilations=(1, 2), dropout=0.0)


def make_learner(tasks, seed=0):
    """A learner whose output differs from pixel to pixel: weights and statistics off their start."""
    return copy.deepcopy(_make_learner(tuple(tasks), seed))


@functools.cache
def _make_learner(tasks, seed):
    torch.manual_seed(seed)
    learner = Learner(BACKBONE, HEAD, {name: TASKS[name.split('-')[0]] for name in tasks})
    with torch.no_grad():
        for name, parameter in learner.named_parameters():
            parameter.mul_(1.5 if parameter.dim() > 1 else 1).add_(0.1 * torch.randn_like(parameter))
            if name.startswith('heads') and name.endswith('output.weight'):
                parameter.mul_(4)
    learner.train()
    with torch.no_grad():
        for _ in range(4):
            learner(torch.randn(4, 3, *SIZE))
    return learner


def make_batch(task, batch_size=2, seed=0):
    """Random images with targets of one task, a tenth of them invalid."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(batch_size, 3, *SIZE, generator=generator)
    if task.startswith('segmentation'):
        target = torch.randint(5, (batch_size, *SIZE), generator=generator)
    elif task.startswith('depth'):
        target = 1 + torch.rand(batch_size, 1, *SIZE, generator=generator)
    else:
        target = torch.nn.functional.normalize(torch.randn(batch_size, 3, *SIZE, generator=generator))
    valid = torch.rand(batch_size, *SIZE, generator=generator) > 0.1
    return Batch(inputs, {task: target}, {task: valid})


def make_teacher(learner, tasks):
    """A teacher of these tasks with the learner's weights."""
    teacher = Learner(BACKBONE, HEAD, {name: TASKS[name.split('-')[0]] for name in tasks})
    teacher.load_state_dict({key: value for key, value in learner.state_dict().items() if key in teacher.state_dict()})
    return Teacher(teacher)


def begin(method, tasks, learner=None, teacher=None, loss_weight=1.0):
    """A student that has begun the phase of the last task; learner and teacher differ unless given."""
    learner = learner or make_learner(tasks, seed=1)
    if len(tasks) > 1 and method.requires.teacher and teacher is None:
        teacher = make_teacher(make_learner(tasks[:-1], seed=2), tasks[:-1])
    phase = Phase(len(tasks), tuple(tasks[-1:]), tuple(tasks), loss_weight, teacher)
    student = Student(learner, method, phase)
    student.begin_phase()
    return student


def losses_of(student, batch):
    return student(batch.inputs, batch.targets, batch.valid, mode='loss')


def copy_of_state(module):
    return copy.deepcopy(module.state_dict())
