import gc
import weakref

import pytest
import torch

from lhl.methods import FrozenEncoder, Joint, Method, Phase, Student, Vanilla
from lhl.models import Batch

from .conftest import begin, losses_of, make_batch, make_learner

TASKS = ('segmentation', 'depth', 'normal')
THIRD = Phase(3, TASKS[2:], TASKS)


class Recorder(Method):
    """Notes its moments and what it was given."""

    def __init__(self):
        self.moments, self.seen = [], []

    def trained_tasks(self, phase):
        return ['normal', 'depth']

    def begin_phase(self, learner, phase):
        super().begin_phase(learner, phase)
        self.moments.append('begin')

    def before_training(self, learner, phase, dataloader):
        self.moments.append(dataloader)

    def load_state_dict(self, state):
        self.moments.append(state)

    def observe(self, raw):
        self.moments.append('observe')
        self.seen.append(raw)

    def losses(self, batch, features, outputs):
        self.moments.append('losses')
        self.seen.extend((batch, features, outputs))
        return dict(loss_x=torch.tensor(1.0))


# ---- the beginning of a phase --------------------------------------------------------------------------------------

def test_it_freezes_the_heads_that_the_method_does_not_train():
    learner = make_learner(TASKS)
    student = Student(learner, Recorder(), THIRD)
    assert learner.trained_tasks == ('normal', 'depth')
    trainable = {name.split('.')[1] for name, parameter in learner.heads.named_parameters(prefix='heads')
                 if parameter.requires_grad}
    assert trainable == {'normal', 'depth'} and all(p.requires_grad for p in learner.backbone.parameters())
    assert student.train() is student and not learner.heads['segmentation'].training


def test_it_freezes_the_backbone_where_the_method_does_not_train_it():
    learner = make_learner(TASKS)
    student = Student(learner, FrozenEncoder(), THIRD).train()
    assert not any(p.requires_grad for p in learner.backbone.parameters()) and not learner.backbone.training
    assert {name.split('.')[2] for name, p in student.named_parameters() if p.requires_grad} == {'normal'}


@pytest.mark.parametrize('dataloader, state, moments', [
    ('loader', None, ['begin', 'loader']),
    ('loader', {'a': 1}, ['begin', {'a': 1}]),
    ('loader', {}, ['begin', {}]),
    (None, None, ['begin'])])
def test_a_phase_begins_and_then_goes_through_the_data_or_goes_on(dataloader, state, moments):
    student = Student(make_learner(TASKS), Recorder(), THIRD)
    assert student.method.moments == []
    student.begin_phase(dataloader, state)
    assert student.method.moments == moments
    assert student.method.learner is student.learner and student.method.phase is THIRD


# ---- what the method learns ----------------------------------------------------------------------------------------

def test_what_the_method_learns_is_trained_with_the_learner_and_is_no_part_of_it():
    learner = make_learner(TASKS)
    keys = list(learner.state_dict())
    student = Student(learner, Joint('learned'), Phase(1, TASKS, TASKS))
    own = [f'method_parameters.{name}' for name in sorted(TASKS)]
    assert list(learner.state_dict()) == keys
    assert sorted(student.state_dict()) == sorted([*(f'learner.{key}' for key in keys), *own])
    assert {name for name, _ in student.named_parameters()} - {f'learner.{key}' for key in keys} == set(own)
    assert student.method.learned_parameters is student.method_parameters
    assert all(parameter.requires_grad for parameter in student.method_parameters.values())


def test_most_methods_learn_nothing_themselves():
    student = Student(make_learner(TASKS), Vanilla(), THIRD)
    assert list(student.state_dict()) == [f'learner.{key}' for key in student.learner.state_dict()]


def test_neither_method_nor_teacher_is_a_part_of_it():
    from lhl.methods import DIS
    student = begin(DIS(alpha=1.0), list(TASKS))
    teacher = student.phase.teacher.learner
    assert not {id(module) for module in teacher.modules()} & {id(module) for module in student.modules()}
    assert not hasattr(student.learner, 'method')


# ---- losses and predictions ----------------------------------------------------------------------------------------

def test_the_method_gets_batch_features_and_the_predictions_of_the_trained_tasks_after_it_has_seen_raw_outputs():
    student = Student(make_learner(TASKS), Recorder(), THIRD).eval()
    batch = make_batch('normal')
    losses = student(batch.inputs, batch.targets, batch.valid, meta=[], mode='loss')
    assert list(losses) == ['loss_x'] and student.method.moments == ['observe', 'losses']
    raw, seen, features, outputs = student.method.seen
    assert isinstance(seen, Batch) and seen.inputs is batch.inputs
    assert seen.targets is batch.targets and seen.valid is batch.valid
    assert features[0].shape == (2, 64, 3, 5)
    assert list(outputs) == list(raw) == ['normal', 'depth']
    expected = student.learner(batch.inputs)
    for name in outputs:
        assert torch.equal(outputs[name], expected[name]) and outputs[name].requires_grad
        assert torch.equal(raw[name], student.learner.heads[name](features)) and not raw[name].requires_grad


def test_tasks_of_one_head_have_one_raw_output():
    from .shared_head import begin_third_phase
    from .shared_head import make_batch as make_objects

    class Listener(Recorder):
        def trained_tasks(self, phase):
            return phase.tasks
    student = begin_third_phase(Listener())
    losses_of(student, make_objects())
    raw = student.method.seen[0]
    assert len(raw) == 3 and len({tensor.data_ptr() for tensor in raw.values()}) == 1


def test_a_batch_is_gone_after_its_losses_and_with_it_what_the_teacher_has_said():
    from lhl.methods import HAD
    method = HAD(1.0, 0.6, dict(type='DistributionBalancedLoss'), dict(type='SaliencyGuidedLoss'))
    student, batches = begin(method, list(TASKS)), []
    losses = method.losses
    method.losses = lambda batch, *rest: batches.append(weakref.ref(batch)) or losses(batch, *rest)
    terms = losses_of(student, make_batch('normal'))
    gc.collect()
    assert batches[0]() is None and not student.phase.teacher._answers
    sum(terms.values()).backward()


def test_it_predicts_as_its_learner():
    student, images = begin(Vanilla(), list(TASKS)).eval(), make_batch('depth').inputs
    expected = student.learner(images)
    assert all(torch.equal(prediction, expected[name]) for name, prediction in student(images).items())
    for ours, theirs in zip(student(images, mode='predict'), student.learner(images, mode='predict'), strict=True):
        assert list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_it_normalises_images_as_its_learner_does():
    student = begin(Vanilla(), list(TASKS))
    assert student.data_preprocessor is student.learner.data_preprocessor
