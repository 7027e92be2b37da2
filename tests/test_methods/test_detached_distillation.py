import pytest
import torch

from lhl.methods import DIS, Vanilla
from lhl.methods.detached_distillation import DetachedDistillation

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner
from .training import add_dropout, is_same, make_loader, take_steps

TASKS = ['segmentation', 'depth', 'normal']


def distillation_of(student, batch):
    return sum(value for name, value in losses_of(student, batch).items() if name.startswith('loss_dis_'))


def test_its_losses_are_those_of_dis():
    batch, learner = make_batch('normal'), make_learner(TASKS, seed=1).eval()
    student = begin(DetachedDistillation(alpha=3.0), TASKS, learner)
    detached = losses_of(student, batch)
    student.method.end_phase(learner, student.phase, None)
    assert detached == losses_of(begin(DIS(alpha=3.0), TASKS, learner), batch)
    assert len(detached) == 3


def test_the_distillation_has_no_gradient_in_the_encoder_and_one_in_the_old_heads():
    student = begin(DetachedDistillation(alpha=1.0), TASKS).train()
    distillation_of(student, make_batch('normal')).backward()
    for module in (student.learner.backbone, student.learner.heads['normal']):
        assert all(parameter.grad is None for parameter in module.parameters())
    for name in ('segmentation', 'depth'):
        assert sum(parameter.grad.abs().sum() for parameter in student.learner.heads[name].parameters()) > 0


def test_it_knows_no_evaluation_mode_which_would_pass_its_stops_by():
    with pytest.raises(TypeError, match='evaluation_mode'):
        DetachedDistillation(alpha=1.0, evaluation_mode=True)


def test_encoder_and_new_head_take_the_steps_of_vanilla_bit_for_bit_also_under_dropout():
    start, states = add_dropout(make_learner(TASKS, seed=1)), {}
    for method in (Vanilla(), DetachedDistillation(alpha=5.0), DIS(alpha=5.0)):
        learner = make_learner(TASKS, seed=1)
        learner.load_state_dict(start.state_dict())
        states[type(method)] = take_steps(begin(method, TASKS, add_dropout(learner)), 'normal').state_dict()
    for part in ('backbone.', 'heads.normal.'):
        assert is_same(states[Vanilla], states[DetachedDistillation], part)
        assert not is_same(states[Vanilla], states[DIS], part)
    for part in ('heads.segmentation.', 'heads.depth.'):
        assert is_same(states[Vanilla], start.state_dict(), part)
        assert not is_same(states[DetachedDistillation], start.state_dict(), part)


def test_in_the_first_phase_it_is_vanilla_bit_for_bit():
    states = [take_steps(begin(method, ['depth']), 'depth').state_dict()
              for method in (Vanilla(), DetachedDistillation(alpha=5.0))]
    assert is_same(*states)


def test_each_old_head_runs_once():
    student, runs = begin(DetachedDistillation(alpha=1.0), TASKS), []
    for name, head in student.learner.heads.items():
        head.register_forward_hook(lambda *_, name=name: runs.append(name))
    losses_of(student, make_batch('normal'))
    assert sorted(runs) == sorted(TASKS)


def test_after_the_phase_the_heads_pass_gradients_on_again():
    student = begin(DetachedDistillation(alpha=1.0), ['segmentation', 'depth'])
    before = copy_of_state(student.learner)
    student.method.end_phase(student.learner, student.method.phase, make_loader('depth'))
    assert is_same(before, student.learner.state_dict())
    student.learner(make_batch('depth').inputs)['segmentation'].sum().backward()
    assert all(parameter.grad is not None for parameter in student.learner.backbone.parameters())


def test_all_terms_are_finite_under_bfloat16_autocast():
    student = begin(DetachedDistillation(alpha=1.0), TASKS).train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = losses_of(student, make_batch('normal'))
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())
