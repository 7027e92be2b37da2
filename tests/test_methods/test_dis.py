import pytest
import torch

from lhl.methods import DIS, LwF, Vanilla
from lhl.methods.undisturbed import predict_undisturbed

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner, make_teacher
from .training import add_dropout


def dis_terms(losses):
    return {name: value for name, value in losses.items() if name.startswith('loss_dis_')}


def test_in_the_first_phase_it_is_l_new():
    batch = make_batch('depth')
    dis, vanilla = (losses_of(begin(method, ['depth']).eval(), batch) for method in (DIS(alpha=5.0), Vanilla()))
    assert dis == vanilla and list(dis) == ['loss_new_depth']


def test_all_heads_learn():
    assert begin(DIS(alpha=1.0), ['segmentation', 'depth', 'normal']).learner.trained_tasks == (
        'segmentation', 'depth', 'normal')


@pytest.mark.parametrize('old', ['depth', 'normal'])
def test_identical_nets_have_no_distillation_loss_for_regression(old):
    learner = make_learner([old, 'segmentation'])
    student = begin(DIS(alpha=1.0), [old, 'segmentation'], learner, make_teacher(learner, [old])).eval()
    assert losses_of(student, make_batch('segmentation'))[f'loss_dis_{old}'].item() == 0


def test_identical_nets_have_minus_log_of_the_highest_probability_for_segmentation():
    learner = make_learner(['segmentation', 'depth'])
    student = begin(DIS(alpha=2.0), ['segmentation', 'depth'], learner, make_teacher(learner, ['segmentation'])).eval()
    batch = make_batch('depth')
    expected = -2.0 * learner(batch.inputs)['segmentation'].softmax(1).amax(1).log().mean()
    assert expected > 0.01
    torch.testing.assert_close(losses_of(student, batch)['loss_dis_segmentation'], expected)


def test_each_old_task_weighs_alpha_over_their_number():
    student = begin(DIS(alpha=3.0), ['segmentation', 'depth', 'normal']).eval()
    batch = make_batch('normal')
    ours, theirs = student(batch.inputs), student.method.phase.teacher.learner(batch.inputs)
    losses = losses_of(student, batch)
    assert list(losses) == ['loss_new_normal', 'loss_dis_segmentation', 'loss_dis_depth']
    depth = (ours['depth'] - theirs['depth']).abs().mean()
    segmentation = torch.nn.functional.cross_entropy(ours['segmentation'], theirs['segmentation'].argmax(1))
    torch.testing.assert_close(losses['loss_dis_depth'], 3 / 2 * depth)
    torch.testing.assert_close(losses['loss_dis_segmentation'], 3 / 2 * segmentation)


def test_copies_of_the_old_tasks_leave_the_sum_unchanged():
    old, copies = ['depth-a', 'segmentation-a'], ['depth-b', 'segmentation-b']
    learner = make_learner([*old, *copies, 'normal'])
    teacher = make_teacher(make_learner([*old, *copies], seed=2), [*old, *copies])
    for nets in (learner, teacher.learner):
        for name, copied in zip(old, copies, strict=True):
            nets.heads[copied].load_state_dict(nets.heads[name].state_dict())
    batch, sums = make_batch('normal'), []
    for tasks in (old, [*old, *copies]):
        student = begin(DIS(alpha=3.0), [*tasks, 'normal'], learner, teacher).eval()
        terms = dis_terms(losses_of(student, batch))
        assert len(terms) == len(tasks)
        sums.append(sum(terms.values()))
    assert sums[0] > 0
    torch.testing.assert_close(sums[0], sums[1])


def test_the_gradient_reaches_backbone_and_old_heads_and_not_the_teacher():
    student = begin(DIS(alpha=1.0), ['segmentation', 'depth', 'normal']).train()
    teacher = student.method.phase.teacher.learner.requires_grad_(True)  # so that only no_grad keeps the gradient out
    sum(dis_terms(losses_of(student, make_batch('normal'))).values()).backward()
    for module in (student.learner.backbone, student.learner.heads['segmentation'], student.learner.heads['depth']):
        assert all(parameter.grad is not None for parameter in module.parameters())
        assert sum(parameter.grad.abs().sum() for parameter in module.parameters()) > 0
    assert all(parameter.grad is None for parameter in student.learner.heads['normal'].parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_teacher_s_encoder_runs_once_per_batch_and_each_old_head_once():
    student = begin(DIS(alpha=1.0), ['segmentation', 'depth-a', 'depth-b', 'normal'])
    teacher, runs = student.method.phase.teacher.learner, []
    teacher.backbone.register_forward_hook(lambda *_: runs.append('encoder'))
    for name, head in teacher.heads.items():
        head.register_forward_hook(lambda *_, name=name: runs.append(name))
    losses_of(student, make_batch('normal'))
    assert sorted(runs) == ['depth-a', 'depth-b', 'encoder', 'segmentation']


def test_the_teacher_keeps_no_activations_for_a_gradient():
    student = begin(DIS(alpha=1.0), ['segmentation', 'depth']).train()
    teacher, recorded = student.method.phase.teacher.learner.requires_grad_(True), []
    for module in (teacher.backbone, teacher.heads['segmentation']):
        module.register_forward_hook(lambda *_: recorded.append(torch.is_grad_enabled()))
    losses_of(student, make_batch('depth'))
    assert recorded == [False, False]


def test_training_leaves_the_teacher_as_it_was():
    student = begin(DIS(alpha=1.0), ['segmentation', 'depth']).train()
    teacher = student.method.phase.teacher.learner
    before = copy_of_state(teacher)
    sum(losses_of(student, make_batch('depth')).values()).backward()
    assert not any(module.training for module in teacher.modules())
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())


def test_the_teacher_is_no_part_of_the_learner():
    student = begin(DIS(alpha=1.0), ['segmentation', 'depth'])
    teacher = student.method.phase.teacher.learner
    assert set(student.learner.state_dict()) == set(make_learner(['segmentation', 'depth']).state_dict())
    assert not {id(module) for module in teacher.modules()} & {id(module) for module in student.learner.modules()}


def test_following_the_distillation_brings_the_student_to_the_teacher():
    student = begin(DIS(alpha=1.0), ['depth', 'segmentation']).eval()
    optimizer, batch, course = torch.optim.Adam(student.learner.parameters(), 1e-2), make_batch('segmentation'), []
    for _ in range(15):
        loss = losses_of(student, batch)['loss_dis_depth']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.append(loss.item())
    assert course[-1] < 0.5 * course[0]


# ---- soft targets, and the student in evaluation mode --------------------------------------------------------------

def test_with_a_temperature_it_is_lwf_but_for_the_weight():
    tasks, batch = ['segmentation', 'depth', 'normal'], make_batch('normal')
    soft = losses_of(begin(DIS(alpha=6.0, temperature=2.0), tasks).eval(), batch)
    lwf = losses_of(begin(LwF(weight=3.0, temperature=2.0), tasks).eval(), batch)
    for name in ('segmentation', 'depth'):
        torch.testing.assert_close(soft[f'loss_dis_{name}'], lwf[f'loss_lwf_{name}'])


def test_in_evaluation_mode_loss_and_gradient_are_those_of_evaluation_with_the_statistics_after_the_step_s_pass():
    tasks, batch, found = ['depth', 'segmentation'], make_batch('segmentation'), []
    for method in (DIS(alpha=1.0, evaluation_mode=True), DIS(alpha=1.0)):
        student = begin(method, tasks, add_dropout(make_learner(tasks, seed=1))).train()
        torch.manual_seed(0)  # dropout stands before a normalisation
        if not method.evaluation_mode:
            student.learner(batch.inputs)
            student.eval()
        loss = losses_of(student, batch)['loss_dis_depth']
        loss.backward()
        found.append({'loss': loss.detach(), **{
            name: p.grad for name, p in student.learner.named_parameters() if p.grad is not None}})
    assert found[0].keys() == found[1].keys() and len(found[0]) > 20
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name])


@pytest.mark.parametrize('training', [True, False])
def test_a_prediction_without_a_trace_is_that_of_its_mode(training):
    learner = make_learner(['depth']).train(not training)
    before, batch = copy_of_state(learner), make_batch('depth')
    found = predict_undisturbed(learner, batch, ['depth'], training)
    assert learner.training is not training and learner.backbone.training is not training
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    torch.testing.assert_close(found, learner.train(training)(batch.inputs))


def test_evaluation_mode_moves_no_statistics_and_stands_passes_in_training_mode_after_it():
    tasks, batch = ['segmentation', 'depth'], make_batch('depth')
    buffers = []
    for mode in (False, True):
        student = begin(DIS(alpha=1.0, evaluation_mode=mode), tasks, make_learner(tasks, seed=1)).train()
        losses = losses_of(student, batch)
        assert student.learner.training and student.learner.backbone.training
        buffers.append({name: value.clone() for name, value in student.learner.named_buffers()})
        student.learner(batch.inputs)  # as replay does; it moves the statistics
        sum(losses.values()).backward()
    assert all(torch.equal(value, buffers[1][name]) for name, value in buffers[0].items())
