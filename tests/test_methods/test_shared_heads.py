"""Old tasks that share a head have one output, so every method that distils does it once, with the whole weight."""
import pytest
import torch
import torch.nn.functional as F

from lhl.methods import (
    DIS,
    HAD,
    HCL,
    KD,
    DERpp,
    DetachedDistillation,
    LwF,
    LwP,
    Phase,
    Student,
    Teacher,
    TwoStageDistillation,
    Vanilla,
)

from .conftest import copy_of_state, losses_of
from .shared_head import TASKS, begin_third_phase, logits_of, make_batch, make_learner

BALANCED, SALIENT = dict(type='DistributionBalancedLoss'), dict(type='SaliencyGuidedLoss', edge_threshold=0.5)


def cross_entropy(student, teacher):
    """Of the student to the teacher's most likely class, by PyTorch."""
    return F.cross_entropy(student, teacher.argmax(1))


def divergence(student, teacher, temperature=1.0):
    """KL times the squared temperature, by PyTorch."""
    return F.kl_div((student / temperature).log_softmax(1), (teacher / temperature).softmax(1),
                    reduction='batchmean') * temperature**2


@pytest.mark.parametrize('method, term, expected', [
    (DIS(alpha=3.0), 'dis_objects_1', lambda s, t: 3 * cross_entropy(s, t)),
    (DetachedDistillation(alpha=3.0), 'dis_objects_1', lambda s, t: 3 * cross_entropy(s, t)),
    (LwF(weight=3.0, temperature=2.0), 'lwf_objects_1', lambda s, t: 3 * divergence(s, t, 2.0)),
    (HCL(weight=3.0), 'hcl_objects_1', lambda s, t: 3 * divergence(s, t)),
    (LwP(alpha=3.0, distance_weight=0.0, group_threshold=0.5), 'dis_objects_1', lambda s, t: 3 * cross_entropy(s, t)),
    (HAD(3.0, 0.5, BALANCED, None), 'distribution_balanced_objects_1', lambda s, t: 1.5 * cross_entropy(s, t)),
], ids=lambda value: type(value).__name__ if hasattr(value, 'requires') else None)
def test_the_output_of_two_old_tasks_is_distilled_once(method, term, expected):
    student, batch = begin_third_phase(method), make_batch()
    losses = losses_of(student, batch)
    torch.testing.assert_close(losses.pop(f'loss_{term}'), expected(*logits_of(student, batch)), rtol=1e-5, atol=1e-6)
    assert losses.keys() - {'loss_distances'} == {'loss_new_objects_3'}


def test_a_teacher_from_another_run_is_asked_once_about_all_tasks_of_a_head():
    method, learner, teacher, batch = KD('run', 1.0, weight=3.0), make_learner(TASKS, 1), make_learner(TASKS, 2), \
        make_batch()
    student = Student(learner, method, Phase(1, tuple(TASKS), tuple(TASKS), teacher=Teacher(teacher)))
    student.begin_phase()
    nothing = torch.zeros(4, 1, 1, dtype=torch.int64), torch.zeros(4, 1, 1, dtype=torch.bool)
    losses = student(batch.inputs, *({name: value for name in TASKS} for value in nothing), mode='loss')
    ours, theirs = (model(batch.inputs)['objects_2'].flatten(1) for model in (learner, teacher))
    torch.testing.assert_close(losses.pop('loss_kd_objects_1'), 3 * divergence(ours, theirs), rtol=1e-5, atol=1e-6)
    assert losses == {f'loss_new_{name}': 0 for name in TASKS}


def test_l_new_is_the_cross_entropy_among_all_classes_of_the_valid_images():
    student, batch = begin_third_phase(Vanilla()), make_batch()
    losses = losses_of(student, batch)
    logits, labels = student.learner(batch.inputs)['objects_3'].flatten(1), batch.targets['objects_3'].flatten()
    torch.testing.assert_close(losses, dict(loss_new_objects_3=F.cross_entropy(logits[1:], labels[1:])))


def test_without_protection_a_shared_head_learns_the_new_classes_and_so_unlearns_the_old_ones():
    student, batch = begin_third_phase(Vanilla()), make_batch()
    losses_of(student, batch)['loss_new_objects_3'].backward()
    gradient = student.learner.heads['objects'].output.bias.grad  # the mean of softmax - onehot
    assert (gradient[:4] > 0).all() and gradient[4:].sum() == pytest.approx(-gradient[:4].sum().item(), rel=1e-4)


# ---- HAD on one pixel ----------------------------------------------------------------------------------------------

def test_had_s_terms_of_one_output_per_image_are_the_loss_and_nothing():
    # A group of one pixel has its loss as mean, and no other group is present; a map of one pixel has no edge.
    student, batch = begin_third_phase(HAD(2.0, 0.5, BALANCED, SALIENT)), make_batch()
    losses = losses_of(student, batch)
    torch.testing.assert_close(losses['loss_distribution_balanced_objects_1'], cross_entropy(
        *logits_of(student, batch)), rtol=1e-5, atol=1e-6)
    assert losses['loss_saliency_guided_objects_1'].item() == 0
    losses['loss_saliency_guided_objects_1'].backward()
    assert all((parameter.grad == 0).all() for parameter in student.learner.parameters())


def test_the_fixed_divisor_counts_the_classes_that_an_image_does_not_have():
    student, batch = begin_third_phase(HAD(2.0, 0.5, dict(BALANCED, divisor='fixed'), None)), make_batch()
    torch.testing.assert_close(losses_of(student, batch)['loss_distribution_balanced_objects_1'], cross_entropy(
        *logits_of(student, batch)) / 6, rtol=1e-5, atol=1e-6)


# ---- the paradigms -------------------------------------------------------------------------------------------------

def test_p1_keeps_the_distillation_of_a_shared_head_from_the_encoder_and_lets_l_new_through():
    student, batch = begin_third_phase(DetachedDistillation(alpha=3.0)), make_batch()
    losses = losses_of(student, batch)
    losses['loss_dis_objects_1'].backward()
    assert all(parameter.grad is None for parameter in student.learner.backbone.parameters())
    assert student.learner.heads['objects'].output.weight.grad.abs().sum() > 0
    losses['loss_new_objects_3'].backward()
    assert student.learner.backbone.layers[0].weight.grad.abs().sum() > 0


def test_p2_learns_the_labels_of_a_shared_head_again_in_its_second_stage():
    class Loader(list):
        sampler = type('Sampler', (), dict(set_epoch=lambda self, epoch: None))()

    # The learning rate of LinearLR is the whole one in the first of its iterations.
    optimizer = dict(type='SGD', lr=0.5)
    student, batch = begin_third_phase(TwoStageDistillation(alpha=3.0, optimizer=optimizer, epochs=1)), make_batch()
    losses_of(student, batch)
    learner = student.learner
    start = copy_of_state(learner)
    sample = learner.data_preprocessor
    inputs = batch.inputs * sample.std + sample.mean
    student.method.end_phase(learner, student.phase, Loader(
        [dict(inputs=inputs, targets=batch.targets, valid=batch.valid)]))

    expected = begin_third_phase(DIS(alpha=3.0))
    expected.learner.load_state_dict(start)
    expected.learner.backbone.requires_grad_(False)
    sum(losses_of(expected, batch).values()).backward()
    weight, bias = expected.learner.heads['objects'].output.parameters()
    torch.testing.assert_close(learner.heads['objects'].output.weight, weight - 0.5 * weight.grad)
    torch.testing.assert_close(learner.heads['objects'].output.bias, bias - 0.5 * bias.grad)
    assert all(torch.equal(value, start[name]) for name, value in learner.state_dict().items() if 'backbone' in name)


# ---- what is stored ------------------------------------------------------------------------------------------------

def test_der_stores_the_output_of_a_shared_head_and_replays_it():
    student, batch = begin_third_phase(DERpp(weight=2.0, label_weight=3.0, memory_size=4, replay_batch_size=4)), \
        make_batch()
    outputs = student.learner(batch.inputs)['objects_3']
    losses_of(student, batch)
    memory = student.method.memory
    assert [entry.maps['raw'].shape for entry in memory] == [(6, 1, 1)] * 4
    order = [next(row for row in range(4) if torch.equal(batch.inputs[row], entry.image)) for entry in memory]
    torch.testing.assert_close(torch.stack([entry.maps['raw'] for entry in memory]), outputs[order])
    # Every image is drawn once, and the learner is as it was: the outputs agree, and the labels are those of L_new,
    # whose mean leaves the image without a label aside where the replay counts it with 0.
    losses = losses_of(student, batch)
    assert losses['loss_replay'].item() == pytest.approx(0, abs=1e-10)
    assert losses['loss_replay_labels'].item() == pytest.approx(3 * 3 / 4 * losses['loss_new_objects_3'].item(), 1e-5)
