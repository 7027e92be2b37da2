import pytest
import torch

from lhl.errors import ConfigError
from lhl.losses import distance_preservation_loss
from lhl.methods import DIS, Vanilla
from lhl.methods.lwp import LwP

from .conftest import begin, losses_of, make_batch, make_learner, make_teacher
from .training import add_dropout, is_same, take_steps

TASKS = ['segmentation', 'depth', 'normal']
OPTIONS = dict(group_threshold=0.6)


def middles(groups, height, width):
    """The group of the pixel in the middle of each of height x width cells."""
    rows, columns = ([int((i + 0.5) * total / cells) for i in range(cells)]
                     for total, cells in zip(groups.shape[-2:], (height, width), strict=True))
    return groups[:, rows][:, :, columns].flatten(1)


def test_in_the_first_phase_it_is_vanilla_bit_for_bit():
    states = [take_steps(begin(method, ['depth']), 'depth').state_dict()
              for method in (Vanilla(), LwP(2.0, 3.0, **OPTIONS))]
    assert is_same(*states)


@pytest.mark.parametrize('num_positions', [5, 256])
def test_with_weight_0_it_is_dis_bit_for_bit_also_under_dropout(num_positions):
    states = {}
    for name, method in dict(
            dis=DIS(alpha=2.0), weightless=LwP(2.0, 0.0, num_positions=num_positions, **OPTIONS),
            lwp=LwP(2.0, 1.0, num_positions=num_positions, **OPTIONS)).items():
        states[name] = take_steps(begin(method, TASKS, add_dropout(make_learner(TASKS, seed=1))), 'normal').state_dict()
    assert is_same(states['dis'], states['weightless'])
    assert not is_same(states['dis'], states['lwp'], 'backbone.')


def test_all_positions_of_a_small_map_are_compared_in_one_partition_per_old_task():
    student, batch = begin(LwP(2.0, 3.0, **OPTIONS), TASKS).eval(), make_batch('normal')
    teacher = student.method.phase.teacher.learner
    features, teacher_features = (net.extract_features(batch.inputs)[-1] for net in (student.learner, teacher))
    predictions = teacher(batch.inputs)
    depth = predictions['depth'][:, 0]
    low, high = depth.amin((1, 2), keepdim=True), depth.amax((1, 2), keepdim=True)
    groups = [predictions['segmentation'].argmax(1), ((depth - low) / (high - low) >= 0.6).long()]
    size = features.shape[-2:]
    assert size[0] * size[1] < 256
    expected = distance_preservation_loss(
        features.flatten(2).mT, teacher_features.flatten(2).mT, torch.stack([middles(g, *size) for g in groups])).mean()
    assert expected > 0
    torch.testing.assert_close(losses_of(student, batch)['loss_distances'], 3.0 * expected)


def test_the_other_terms_are_those_of_dis():
    learner, batch = make_learner(TASKS, seed=1), make_batch('normal')
    dis = losses_of(begin(DIS(alpha=3.0), TASKS, learner).eval(), batch)
    lwp = losses_of(begin(LwP(3.0, 1.0, **OPTIONS), TASKS, learner).eval(), batch)
    assert lwp.pop('loss_distances') > 0
    assert lwp == dis


def test_sampled_positions_are_the_same_in_student_and_teacher_and_others_in_each_iteration():
    learner = make_learner(['depth', 'segmentation'])
    same = begin(LwP(1.0, 1.0, num_positions=4, **OPTIONS), ['depth', 'segmentation'], learner,
                 make_teacher(learner, ['depth'])).eval()
    batch = make_batch('segmentation')
    assert all(losses_of(same, batch)['loss_distances'] == 0 for _ in range(3))
    student = begin(same.method, ['depth', 'segmentation'], learner).eval()
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(losses_of(student, batch)['loss_distances'].item())
    assert found[0] == found[1] != found[2] > 0


def test_the_gradient_of_the_distances_reaches_the_encoder_and_no_head_or_teacher():
    student = begin(LwP(1.0, 1.0, **OPTIONS), TASKS).train()
    teacher = student.method.phase.teacher.learner.requires_grad_(True)
    losses_of(student, make_batch('normal'))['loss_distances'].backward()
    assert sum(parameter.grad.abs().sum() for parameter in student.learner.backbone.parameters()) > 0
    assert all(parameter.grad is None for parameter in student.learner.heads.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_teacher_s_encoder_runs_once_per_batch():
    student, runs = begin(LwP(1.0, 1.0, **OPTIONS), TASKS), []
    student.method.phase.teacher.learner.backbone.register_forward_hook(lambda *_: runs.append(torch.is_grad_enabled()))
    losses_of(student, make_batch('normal'))
    assert runs == [False]


def test_all_terms_and_gradients_are_finite_under_bfloat16_autocast():
    student = begin(LwP(1.0, 1.0, num_positions=8, **OPTIONS), TASKS).train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = losses_of(student, make_batch('normal'))
    assert len(losses) == 4
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())
    sum(losses.values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in student.learner.parameters())


def test_a_single_position_is_refused():
    with pytest.raises(ConfigError, match='num_positions=1, expected at least 2'):
        LwP(1.0, 1.0, num_positions=1, **OPTIONS)
