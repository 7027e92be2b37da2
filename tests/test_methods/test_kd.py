import math

import pytest
import torch
import torch.nn.functional as F

from lhl.methods import KD
from lhl.registry import METHODS

from .conftest import losses_of, make_learner, make_teacher
from .test_lwf import with_constant_output
from .test_multi_task_distillation import TASKS, batch_of_all, begin_all


def test_odds_of_three_to_one_against_one_to_one_by_hand():
    # At T = 2 the logit is 2 ln 3; the divergence is ln 2 of the halves less their logarithms: ln(2 / sqrt(3)).
    ours = with_constant_output(make_learner(TASKS), 'segmentation', [2 * math.log(3), 0., -150., -150., -150.])
    theirs = with_constant_output(make_learner(TASKS), 'segmentation', [0., 0., -150., -150., -150.])
    student = begin_all(KD('run', temperature=2.0), ours, make_teacher(theirs, TASKS)).eval()
    loss = losses_of(student, batch_of_all())['loss_kd_segmentation']
    assert loss.item() == pytest.approx(4 * math.log(2 / math.sqrt(3)), abs=1e-5)


def test_classes_have_the_divergence_and_regression_its_own_loss_to_the_teacher_s_values():
    student, batch = begin_all(KD('run')).eval(), batch_of_all()
    ours, theirs = student(batch.inputs), student.method.phase.teacher.learner(batch.inputs)
    losses = losses_of(student, batch)
    divergence = F.kl_div((ours['segmentation'] / 3).log_softmax(1), (theirs['segmentation'] / 3).softmax(1),
                          reduction='none').sum(1).mean()
    torch.testing.assert_close(losses['loss_kd_segmentation'], 9 * divergence)
    torch.testing.assert_close(losses['loss_kd_depth'], (ours['depth'] - theirs['depth']).abs().mean())
    torch.testing.assert_close(losses['loss_kd_normal'], (1 - (ours['normal'] * theirs['normal']).sum(1)).mean(),
                               atol=1e-6, rtol=1e-4)


def test_its_temperature_is_that_of_kdam_s_plain_kd():
    assert METHODS.build(dict(type='KD', teacher='run')).temperature == 3.0
