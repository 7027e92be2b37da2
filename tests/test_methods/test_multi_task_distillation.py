import pytest
import torch

from lhl.errors import ConfigError
from lhl.methods import DIST, KD, KDAM, Joint, Phase, Student
from lhl.models import Batch
from lhl.registry import METHODS

from .conftest import copy_of_state, losses_of, make_batch, make_learner, make_teacher
from .training import is_same

TASKS = ('segmentation', 'depth', 'normal')
KINDS = dict(KDAM=KDAM, DIST=DIST, KD=KD)


def batch_of_all(batch_size=2):
    batches = [make_batch(name, batch_size) for name in TASKS]
    return Batch(batches[0].inputs, {name: batch.targets[name] for name, batch in zip(TASKS, batches, strict=True)},
                 {name: batch.valid[name] for name, batch in zip(TASKS, batches, strict=True)})


def make_neighbour(learner, tasks):
    """A teacher of these tasks whose weights are a tenth off the learner's."""
    teacher, generator = make_teacher(learner, tasks), torch.Generator().manual_seed(2)
    for parameter in teacher.learner.parameters():
        parameter.mul_(1 + 0.1 * torch.randn(parameter.shape, generator=generator))
    return teacher


def begin_all(method, learner=None, teacher=None):
    """A student that has begun the only phase; unless given, the teacher's maps are about the student's, as with a
    student that has learned the unit of each from labels.
    """
    learner = learner or make_learner(TASKS, seed=1)
    if teacher is None and method.requires.external_teacher is not None:
        teacher = make_neighbour(learner, TASKS)
    student = Student(learner, method, Phase(1, TASKS, TASKS, teacher=teacher))
    student.begin_phase()
    return student


@pytest.mark.parametrize('name', KINDS)
def test_a_student_that_is_its_teacher_has_no_distillation(name):
    learner = make_learner(TASKS)
    student = begin_all(KINDS[name]('run'), learner, make_teacher(learner, TASKS)).eval()
    losses = losses_of(student, batch_of_all())
    for task in TASKS:
        assert losses[f'loss_{name.lower()}_{task}'].item() == pytest.approx(0, abs=1e-5)
        assert losses[f'loss_new_{task}'] > 0


@pytest.mark.parametrize('name', KINDS)
@pytest.mark.parametrize('weights', [dict(normal=8.0), None])
def test_without_weight_it_is_joint_training_exactly(name, weights):
    batch = batch_of_all()
    joint = begin_all(Joint(weights)).eval()
    expected = losses_of(joint, batch)
    student = begin_all(KINDS[name]('run', weight=0.0, task_weights=weights)).eval()
    losses = losses_of(student, batch)
    assert all(torch.equal(losses[key], value) for key, value in expected.items())
    assert sum(losses.values()) == sum(expected.values())
    for trained, terms in ((student, losses), (joint, expected)):
        sum(terms.values()).backward()
        assert all(parameter.grad is not None for parameter in trained.parameters())
    for one, other in zip(student.parameters(), joint.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=1e-6)  # sums over another memory layout


@pytest.mark.parametrize('name', KINDS)
def test_the_weight_is_a_factor_of_each_task_s_distillation_and_of_nothing_else(name):
    once, thrice = (losses_of(begin_all(KINDS[name]('run', weight=weight, task_weights=dict(depth=2.0))).eval(),
                              batch_of_all()) for weight in (1.0, 3.0))
    assert list(once) == [f'loss_new_{task}' for task in TASKS] + [f'loss_{name.lower()}_{task}' for task in TASKS]
    for key in once:
        torch.testing.assert_close(thrice[key], (1.0 if 'new' in key else 3.0) * once[key])
        assert once[key] > 0


@pytest.mark.parametrize('name', KINDS)
def test_only_the_named_tasks_are_distilled_and_only_their_heads_of_the_teacher_run(name):
    teacher, runs = make_neighbour(make_learner(TASKS), ('depth', 'normal')), []
    student = begin_all(KINDS[name]('run', distilled_tasks=['normal', 'depth']), teacher=teacher)
    teacher.learner.backbone.register_forward_hook(lambda *_: runs.append(('encoder', torch.is_grad_enabled())))
    for task, head in teacher.learner.heads.items():
        head.register_forward_hook(lambda *_, task=task: runs.append((task, torch.is_grad_enabled())))
    losses = losses_of(student, batch_of_all())
    terms = [key.removeprefix(f'loss_{name.lower()}_') for key in losses if 'new' not in key]
    assert terms == ['normal', 'depth']
    assert sorted(runs) == [('depth', False), ('encoder', False), ('normal', False)]


@pytest.mark.parametrize('name', KINDS)
def test_the_distillation_moves_the_student_and_leaves_the_teacher(name):
    student = begin_all(KINDS[name]('run')).train()
    teacher = student.method.phase.teacher.learner.requires_grad_(True)  # so that only no_grad keeps the gradient out
    before = copy_of_state(teacher)
    sum(value for key, value in losses_of(student, batch_of_all()).items() if 'new' not in key).backward()
    for module in (student.learner.backbone, *student.learner.heads.values()):
        gradients = [parameter.grad for parameter in module.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
        assert sum(gradient.abs().sum() for gradient in gradients) > 0
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert is_same(teacher.state_dict(), before)


@pytest.mark.parametrize('name', KINDS)
def test_every_pixel_is_compared_whether_it_has_a_label_or_not(name):
    student, batch = begin_all(KINDS[name]('run')).eval(), batch_of_all()
    expected = losses_of(student, batch)
    for valid in batch.valid.values():
        valid[:] = False
    losses = losses_of(student, batch)
    assert all(losses[key] == (0 if 'new' in key else value) for key, value in expected.items())


@pytest.mark.parametrize('name', KINDS)
def test_following_the_distillation_brings_the_student_to_the_teacher(name):
    student = begin_all(KINDS[name]('run')).eval()
    optimizer, batch, course = torch.optim.Adam(student.learner.parameters(), 3e-4), batch_of_all(), []
    for _ in range(15):
        loss = sum(value for key, value in losses_of(student, batch).items() if 'new' not in key)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.append(loss.item())
    assert course[-1] < 0.7 * course[0]


@pytest.mark.parametrize('name', KINDS)
def test_it_is_one_phase_with_the_learner_of_another_run_and_carries_nothing(name):
    method = METHODS.build(dict(type=name, teacher='run', distilled_tasks=['depth']))
    requires = method.requires
    assert requires.single_phase and requires.own_first_phase and not requires.teacher
    assert requires.external_teacher == ('run', ('depth', ))
    assert METHODS.build(dict(type=name, teacher='run')).requires.external_teacher == ('run', None)
    assert method.weight == 1.0 and method.state_dict() == {}


@pytest.mark.parametrize('name', KINDS)
@pytest.mark.parametrize('options, message', [
    (dict(weight=-1.0), 'weight=-1.0 of {} is negative; give 0 or more'),
    (dict(temperature=0.0), 'temperature=0.0 of {} is not positive; give more than 0'),
    (dict(task_weights='learn'), "task_weights='learn' of {} is unknown; give 'learned', or the weights"),
])
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(ConfigError, match=message.format(name)):
        KINDS[name]('run', **options)


@pytest.mark.parametrize('name', ['KDAM', 'DIST'])
@pytest.mark.parametrize('option', ['inter_weight', 'intra_weight'])
def test_a_negative_weight_of_rows_or_columns_is_refused(name, option):
    with pytest.raises(ConfigError, match=f'{option}=-2 of {name} is negative; give 0 or more'):
        KINDS[name]('run', **{option: -2})
