import gc
import weakref

import pytest
import torch

from lhl.methods import Teacher
from lhl.models import Batch

from . import shared_head
from .conftest import make_batch, make_learner

TASKS = ['segmentation', 'depth', 'normal']


class Counted:
    """A teacher whose backbone and heads are counted as they run."""

    def __init__(self, learner):
        self.teacher, self.runs = Teacher(learner), []
        self.learner = self.teacher.learner
        for name, module in (('backbone', learner.backbone), *learner.heads.items()):
            module.register_forward_hook(lambda *_, name=name: self.runs.append((name, torch.is_grad_enabled())))

    @property
    def counts(self):
        return sorted(name for name, _ in self.runs)


def test_its_answers_are_the_learner_s():
    learner, batch = make_learner(TASKS), make_batch('depth')
    teacher, expected = Teacher(learner), learner.eval()(batch.inputs)
    predictions = teacher.predictions(batch, ['normal', 'segmentation'])
    assert list(predictions) == ['normal', 'segmentation']
    assert all(torch.equal(prediction, expected[name]) for name, prediction in predictions.items())
    features, direct = teacher.features(batch), learner.extract_features(batch.inputs)
    assert all(torch.equal(one, other) for one, other in zip(features, direct, strict=True))


def test_a_batch_s_features_and_each_head_are_computed_once_whoever_asks_in_whatever_order():
    counted, batch = Counted(make_learner(TASKS)), make_batch('depth')
    first = counted.teacher.predictions(batch, ['depth'])['depth']
    counted.teacher.features(batch)
    second = counted.teacher.predictions(batch, ['segmentation', 'depth'])['depth']
    counted.teacher.predictions(batch, ['depth'])
    assert second is first
    assert counted.counts == ['backbone', 'depth', 'segmentation']
    assert counted.teacher.features(batch) is counted.teacher.features(batch)


def test_tasks_that_share_a_head_run_it_once():
    counted, batch = Counted(shared_head.make_learner(['objects_1', 'objects_2'], seed=1)), shared_head.make_batch()
    predictions = counted.teacher.predictions(batch, ['objects_2', 'objects_1'])
    assert torch.equal(predictions['objects_1'], predictions['objects_2'])
    counted.teacher.predictions(batch, ['objects_1'])
    assert counted.counts == ['backbone', 'objects']


def test_another_batch_has_its_own_answers_also_between_two_questions_about_the_first():
    counted, batch = Counted(make_learner(['depth'])), make_batch('depth')
    inverted = Batch(batch.inputs.flip(-1), {}, {})
    ours, others, again = (counted.teacher.predictions(each, ['depth'])['depth'] for each in (batch, inverted, batch))
    assert ours is again and not torch.equal(ours, others)
    assert counted.counts == ['backbone', 'backbone', 'depth', 'depth']


def test_a_batch_of_the_same_images_is_another_batch():
    counted, batch = Counted(make_learner(['depth'])), make_batch('depth')
    for each in (batch, Batch(batch.inputs, batch.targets, batch.valid)):
        counted.teacher.features(each)
    assert counted.counts == ['backbone', 'backbone']


def test_answers_are_released_with_their_batch():
    teacher, batch = Teacher(make_learner(['depth'])), make_batch('depth')
    features, prediction = (weakref.ref(tensor) for tensor in (
        teacher.features(batch)[0], teacher.predictions(batch, ['depth'])['depth']))
    assert features() is not None and prediction() is not None
    del batch
    gc.collect()
    assert features() is None and prediction() is None


def test_it_is_frozen_in_evaluation_mode_and_its_answers_have_no_gradient():
    learner = make_learner(['depth']).train()
    teacher, batch = Teacher(learner), make_batch('depth')
    assert teacher.learner is learner and not any(module.training for module in learner.modules())
    assert not any(parameter.requires_grad for parameter in learner.parameters())
    counted = Counted(learner.requires_grad_(True))
    learner.requires_grad_(True)  # so that only the teacher keeps the gradient out
    answers = (*counted.teacher.features(batch), *counted.teacher.predictions(batch, ['depth']).values())
    assert not any(tensor.requires_grad for tensor in answers)
    assert {enabled for _, enabled in counted.runs} == {False}


def test_a_task_that_it_has_not_learned_is_an_error():
    with pytest.raises(KeyError, match='normal'):
        Teacher(make_learner(['depth'])).predictions(make_batch('depth'), ['normal'])
