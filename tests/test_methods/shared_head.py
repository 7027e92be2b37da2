"""A learner of images with three tasks that are views of one head, in its third phase."""
import torch

from lhl.methods import Phase, Student, Teacher
from lhl.models import Batch, Learner

TASKS = {f'objects_{number}': dict(type='ImageClassification', num_classes=6, head='objects',
                                   labels=[2 * number - 2, 2 * number - 1]) for number in (1, 2, 3)}
BACKBONE = dict(type='CIFARLeNet', widen_factor=0.25)


def make_learner(tasks, seed):
    """A learner of the named tasks whose logits differ from image to image."""
    torch.manual_seed(seed)
    learner = Learner(BACKBONE, dict(type='LinearHead', in_channels=None), {name: TASKS[name] for name in tasks})
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.mul_(3)
    return learner


def begin_third_phase(method, same=False):
    """Begin the phase of the third task; the teacher has the student's weights, or others."""
    names = tuple(TASKS)
    teacher = Teacher(make_learner(names[:2], seed=1 if same else 2))
    student = Student(make_learner(names, seed=1), method, Phase(3, names[2:], names, 1.0, teacher))
    student.begin_phase()
    return student


def make_batch(batch_size=4, seed=0):
    """Random images with labels of the third task, the first one without."""
    generator = torch.Generator().manual_seed(seed)
    valid = torch.ones(batch_size, 1, 1, dtype=torch.bool)
    valid[0] = False
    return Batch(torch.randn(batch_size, 3, 32, 32, generator=generator),
                 dict(objects_3=torch.randint(4, 6, (batch_size, 1, 1), generator=generator)), dict(objects_3=valid))


def logits_of(student, batch):
    """The logits ``(B, 6)`` of student and teacher."""
    with torch.no_grad():
        return tuple(model(batch.inputs)['objects_1'].flatten(1) for model in (student, student.phase.teacher.learner))
