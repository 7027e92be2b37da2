import math

import pytest
import torch
import torch.nn.functional as F

from lhl.errors import ConfigError
from lhl.methods import Vanilla
from lhl.methods.lwf import LwF
from lhl.registry import METHODS

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner, make_teacher
from .shared_head import begin_third_phase
from .shared_head import make_batch as make_objects
from .training import is_same, take_steps


def distillation_of(losses):
    return {name: value for name, value in losses.items() if name.startswith('loss_lwf_')}


def with_constant_output(learner, name, values):
    """Let a head give the same raw output everywhere."""
    output = learner.heads[name].output
    with torch.no_grad():
        output.weight.zero_()
        output.bias.copy_(torch.tensor(values))
    return learner


def test_odds_of_three_to_one_against_one_to_one_by_hand():
    # Five classes, of which three are out of the question.
    tasks = ['segmentation', 'depth']
    student = with_constant_output(make_learner(tasks), 'segmentation', [math.log(3), 0., -60., -60., -60.])
    teacher = with_constant_output(make_learner(tasks), 'segmentation', [0., 0., -60., -60., -60.])
    begun = begin(LwF(weight=1.0, temperature=1.0), tasks, student, make_teacher(teacher, tasks[:1])).eval()
    loss = losses_of(begun, make_batch('depth'))['loss_lwf_segmentation']
    assert loss.item() == pytest.approx(0.143841, abs=1e-6)


def test_each_old_task_has_the_weight_and_its_own_distance():
    student = begin(LwF(weight=3.0, temperature=4.0), ['segmentation', 'depth', 'normal']).eval()
    batch = make_batch('normal')
    ours, theirs = student(batch.inputs), student.method.phase.teacher.learner(batch.inputs)
    losses = losses_of(student, batch)
    assert list(losses) == ['loss_new_normal', 'loss_lwf_segmentation', 'loss_lwf_depth']
    divergence = F.kl_div((ours['segmentation'] / 4).log_softmax(1), (theirs['segmentation'] / 4).softmax(1),
                          reduction='none').sum(1).mean()
    torch.testing.assert_close(losses['loss_lwf_segmentation'], 3 * 16 * divergence)
    torch.testing.assert_close(losses['loss_lwf_depth'], 3 * (ours['depth'] - theirs['depth']).abs().mean())


def test_the_cosine_distance_holds_normals():
    student = begin(LwF(weight=2.0), ['normal', 'depth']).eval()
    batch = make_batch('depth')
    ours, theirs = student(batch.inputs)['normal'], student.method.phase.teacher.learner(batch.inputs)['normal']
    torch.testing.assert_close(losses_of(student, batch)['loss_lwf_normal'],
                               2 * (1 - (ours * theirs).sum(1)).mean(), atol=1e-6, rtol=1e-4)


def test_every_pixel_counts_whether_the_new_task_is_labelled_there_or_not():
    student = begin(LwF(weight=1.0), ['segmentation', 'depth']).eval()
    batch = make_batch('depth')
    expected = distillation_of(losses_of(student, batch))
    batch.valid['depth'][:] = False
    assert distillation_of(losses_of(student, batch)) == expected


@pytest.mark.parametrize('old', ['segmentation', 'depth', 'normal'])
def test_identical_nets_have_no_distillation_and_no_gradient(old):
    new = 'depth' if old == 'segmentation' else 'segmentation'
    learner = make_learner([old, new])
    student = begin(LwF(weight=5.0), [old, new], learner, make_teacher(learner, [old])).eval()
    loss = losses_of(student, make_batch(new))[f'loss_lwf_{old}']
    loss.backward()
    assert loss.item() == 0
    assert all((p.grad == 0).all() for p in learner.heads[old].parameters())


def test_of_a_shared_head_the_old_classes_alone_are_compared_by_hand():
    # Classes 0 to 3 are old; that the student is sure of class 5, and the teacher of class 4, says nothing then.
    student = begin_third_phase(LwF(weight=1.0, temperature=1.0, old_classes_only=True))
    for learner, odds in ((student.learner, [math.log(3), 0., -60., -60., 0., 9.]),
                          (student.phase.teacher.learner, [0., 0., -60., -60., 9., 0.])):
        output = learner.heads['objects'].output
        with torch.no_grad():
            output.weight.zero_()
            output.bias.copy_(torch.tensor(odds))
    loss = losses_of(student, make_objects())['loss_lwf_objects_1']
    assert loss.item() == pytest.approx(0.143841, abs=1e-6)
    loss.backward()  # q - p: the student's 3/4 and 1/4 against one half each
    gradient = student.learner.heads['objects'].output.bias.grad
    torch.testing.assert_close(gradient, torch.tensor([0.25, -0.25, 0., 0., 0., 0.]), atol=1e-6, rtol=0)


def test_a_head_of_its_own_has_old_classes_only():
    batch = make_batch('depth')
    one, two = (losses_of(begin(LwF(1.0, old_classes_only=only), ['segmentation', 'depth']).eval(), batch)
                for only in (False, True))
    assert torch.equal(one['loss_lwf_segmentation'], two['loss_lwf_segmentation'])


def test_all_heads_learn_and_the_teacher_does_not():
    student = begin(LwF(weight=1.0), ['segmentation', 'depth', 'normal']).train()
    teacher = student.method.phase.teacher.learner.requires_grad_(True)  # so that only no_grad keeps the gradient out
    before = copy_of_state(teacher)
    assert student.learner.trained_tasks == ('segmentation', 'depth', 'normal')
    sum(distillation_of(losses_of(student, make_batch('normal'))).values()).backward()
    for module in (student.learner.backbone, student.learner.heads['segmentation'], student.learner.heads['depth']):
        assert all(parameter.grad is not None for parameter in module.parameters())
        assert sum(parameter.grad.abs().sum() for parameter in module.parameters()) > 0
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert is_same(teacher.state_dict(), before)


def test_the_teacher_s_encoder_runs_once_per_batch_and_each_old_head_once_without_a_gradient():
    student = begin(LwF(weight=1.0), ['segmentation', 'depth', 'normal'])
    teacher, runs = student.method.phase.teacher.learner, []
    teacher.backbone.register_forward_hook(lambda *_: runs.append(('encoder', torch.is_grad_enabled())))
    for name, head in teacher.heads.items():
        head.register_forward_hook(lambda *_, name=name: runs.append((name, torch.is_grad_enabled())))
    losses_of(student, make_batch('normal'))
    assert sorted(runs) == [('depth', False), ('encoder', False), ('segmentation', False)]


def test_the_first_phase_is_vanilla_s_bit_for_bit():
    lwf, vanilla = (take_steps(begin(method, ['depth']), 'depth').state_dict() for method in (LwF(5.0), Vanilla()))
    assert is_same(lwf, vanilla)
    assert LwF(5.0).requires.own_first_phase is False


def test_without_weight_backbone_and_new_head_learn_as_vanilla_s_bit_for_bit():
    tasks = ['segmentation', 'depth']
    lwf, vanilla = (take_steps(begin(method, tasks), 'depth').state_dict() for method in (LwF(weight=0.0), Vanilla()))
    assert is_same(lwf, vanilla, 'backbone.') and is_same(lwf, vanilla, 'heads.depth.')
    weighted = take_steps(begin(LwF(weight=1.0), tasks), 'depth').state_dict()
    assert not is_same(weighted, vanilla, 'backbone.')


def test_following_the_distillation_brings_the_student_to_the_teacher():
    student = begin(LwF(weight=1.0), ['segmentation', 'depth']).eval()
    optimizer, batch, course = torch.optim.Adam(student.learner.parameters(), 1e-2), make_batch('depth'), []
    for _ in range(15):
        loss = losses_of(student, batch)['loss_lwf_segmentation']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.append(loss.item())
    assert course[-1] < 0.5 * course[0]


def test_there_is_nothing_to_carry_but_the_model():
    assert LwF(1.0).state_dict() == {} and LwF(1.0).requires.teacher and LwF(1.0).num_stored_images() == 0


def test_it_is_built_by_name_with_the_original_s_temperature():
    assert METHODS.build(dict(type='LwF', weight=5.0)).temperature == 2.0


@pytest.mark.parametrize('options, message', [
    (dict(weight=-1.0), 'weight=-1.0 of LwF is negative; give 0 or more'),
    (dict(weight=1.0, temperature=0.0), r'temperature=0.0 of LwF is not positive; give more than 0'),
])
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        LwF(**options)
