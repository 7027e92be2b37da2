import re

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mmengine.config import Config
from torch import nn

from lhl.datasets import SampleKey
from lhl.errors import CheckpointError, ConfigError
from lhl.methods import Phase, Vanilla
from lhl.methods.spg import SPG, importance_of
from lhl.registry import METHODS

from .conftest import begin, losses_of, make_batch, make_learner
from .training import is_same, make_loader, take_steps

TASKS = ('segmentation', 'depth')


def images_of(task, batch_size=2):
    """Five images, the fourth without a valid pixel."""
    loader = make_loader(task, batch_size, count=5)
    loader.dataset.batch.valid[task][3] = False
    return loader


def end_of_phase(method, learner, tasks, batch_size=2):
    """Begin and end a phase that leaves the weights as they are."""
    phase = Phase(len(tasks), tuple(tasks[-1:]), tuple(tasks))
    method.begin_phase(learner, phase)
    method.end_phase(learner, phase, images_of(tasks[-1], batch_size))
    return method.state_dict()


def of_constant(value, **options):
    """SPG whose importances are all this value."""
    method = SPG(**options)
    method.load_state_dict({
        name: torch.full_like(weight, value) for name, weight in make_learner(TASKS).backbone.named_parameters()})
    return method


def train(method, optimizer=torch.optim.Adam, weight_decay=1e-2, **options):
    """Train phase 2 as the engine does; give the learner's parameters before and after."""
    student = begin(method, list(TASKS), make_learner(TASKS, seed=1))
    before = {name: parameter.detach().clone() for name, parameter in student.learner.named_parameters()}
    take_steps(student, 'depth', optimizer=optimizer, weight_decay=weight_decay, **options)
    return before, dict(student.learner.named_parameters())


# ---- importance ----------------------------------------------------------------------------------------------------

def test_the_importance_of_known_gradients():
    # Mean 2, unbiased variance 14 / 3: z = -0.926, -0.463, 0, 1.389.
    importance = importance_of(torch.tensor([0., 1., 2., 5.], dtype=torch.float64))
    torch.testing.assert_close(
        importance, torch.tensor([0.729, 0.432, 0, 0.883], dtype=torch.float64), atol=5e-4, rtol=0)


@pytest.mark.parametrize('gradient', [[0., 0., 0.], [0.1, 0.1, 0.1], [7.], [0.], []])
def test_a_tensor_without_differences_in_its_gradient_has_no_importance(gradient):
    assert torch.equal(importance_of(torch.tensor(gradient, dtype=torch.float64)), torch.zeros(len(gradient)).double())


@settings(max_examples=50, deadline=None)
@given(arrays('float64', st.tuples(st.integers(1, 3), st.integers(1, 5)), elements=st.floats(-100, 100)),
       st.integers(-20, 20))
def test_importance_lies_in_the_unit_interval_and_knows_no_scale_or_sign_of_the_loss(values, exponent):
    gradient = torch.from_numpy(values)
    assume(values.min() == values.max() or values.std() > 1e-6)
    importance = importance_of(gradient)
    assert importance.shape == gradient.shape and importance.min() >= 0 and importance.max() <= 1
    assert torch.equal(importance_of(gradient * 2.0**exponent), importance)
    assert torch.equal(importance_of(-gradient), importance)


def importance_by_hand(learner, tasks):
    """Sum over single images with backward(), then standardise with numpy; the last of the tasks is new."""
    learner.eval()
    dataset = images_of(tasks[-1]).dataset
    result = {name: np.zeros(weight.shape) for name, weight in learner.backbone.named_parameters()}
    for task in tasks:
        learner.zero_grad()
        for n in range(5):
            sample = dataset[SampleKey(n, 0)]
            mean, std = learner.data_preprocessor.mean[0], learner.data_preprocessor.std[0]
            inputs = ((sample['inputs'] - mean) / std)[None]
            if task != tasks[-1]:
                learner.heads[task](learner.backbone(inputs)).sum().backward()
                continue
            prediction, target = learner(inputs)[task], sample['targets'][task][None]
            loss = nn.functional.cross_entropy(prediction, target, reduction='none') if task == 'segmentation' \
                else (prediction - target).abs().sum(1)
            loss[sample['valid'][task][None]].sum().backward()
        for name, parameter in learner.backbone.named_parameters():
            gradient = parameter.grad.double().numpy()
            standardised = (gradient - gradient.mean()) / gradient.std(ddof=1)
            result[name] = np.maximum(result[name], abs(np.tanh(standardised)))
    learner.zero_grad()
    return {name: torch.from_numpy(importance) for name, importance in result.items()}


def test_the_first_phase_s_importance_is_that_of_its_loss_summed_over_its_images():
    found = end_of_phase(SPG(), make_learner(TASKS, seed=1), TASKS[:1])
    expected = importance_by_hand(make_learner(TASKS, seed=1), TASKS[:1])
    assert list(found) == list(expected)
    for name, importance in expected.items():
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name].double(), importance, rtol=1e-3, atol=1e-3)


def test_old_heads_count_by_the_sum_of_their_outputs_and_need_no_labels():
    method, learner = SPG(), make_learner(('normal', 'segmentation', 'depth'), seed=1)
    found = end_of_phase(method, learner, ('normal', 'segmentation', 'depth'))
    expected = importance_by_hand(make_learner(('normal', 'segmentation', 'depth'), seed=1),
                                  ('normal', 'segmentation', 'depth'))
    new_only = importance_by_hand(make_learner(('normal', 'segmentation', 'depth'), seed=1), ('depth', ))
    for name, importance in expected.items():
        torch.testing.assert_close(found[name].double(), importance, rtol=1e-3, atol=1e-3)
        assert (found[name] > new_only[name] + 0.1).any()


def test_importance_never_falls_and_rises_somewhere():
    method, learner = SPG(), make_learner(TASKS, seed=1)
    first = end_of_phase(method, learner, TASKS[:1])
    second = end_of_phase(method, learner, TASKS)
    for name, importance in first.items():
        assert 0 <= importance.min() and second[name].max() <= 1
        assert (second[name] >= importance).all() and (second[name] > importance).any()


def test_importance_does_not_depend_on_the_batch_size():
    states = [end_of_phase(SPG(), make_learner(TASKS), TASKS, size) for size in (1, 2, 5)]
    for state in states[1:]:
        for name, importance in state.items():
            torch.testing.assert_close(importance, states[0][name], rtol=1e-3, atol=1e-4)


def work_of_rank(rank, world_size, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', f'file://{folder}/meeting', rank=rank, world_size=world_size)
    torch.save(end_of_phase(SPG(), make_learner(TASKS), TASKS), folder / f'rank{rank}.pth')
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_find_the_importance_of_one(tmp_path):
    # Five images: one process has three of them, the other two.
    torch.multiprocessing.spawn(work_of_rank, (2, tmp_path), nprocs=2)
    ranks = [torch.load(tmp_path / f'rank{rank}.pth', weights_only=True) for rank in (0, 1)]
    for name, importance in end_of_phase(SPG(), make_learner(TASKS), TASKS).items():
        assert torch.equal(ranks[0][name], ranks[1][name])
        torch.testing.assert_close(ranks[0][name], importance, rtol=1e-3, atol=1e-4)


def test_the_end_of_a_phase_leaves_the_learner_as_it_was():
    learner = make_learner(TASKS, seed=1)
    before = {key: value.clone() for key, value in learner.state_dict().items()}
    learner.set_trainable_heads(['depth'])
    end_of_phase(SPG(), learner, TASKS)
    assert is_same(learner.state_dict(), before)
    assert all(parameter.grad is None for parameter in learner.parameters())
    assert learner.training and learner.backbone.training and not learner.heads['segmentation'].training


def test_the_share_of_saturated_weights_is_logged(monkeypatch):
    lines = []
    monkeypatch.setattr('lhl.methods.spg.print_log', lambda text, logger: lines.append(text))
    state = end_of_phase(SPG(), make_learner(TASKS, seed=1), TASKS)
    values = torch.cat([importance.flatten() for importance in state.values()])
    saturated = int((values > 0.999).sum())
    assert 0 < saturated < len(values)
    assert lines == [f'SPG: after depth the mean importance is {values.mean():.3f}, and {saturated} of {len(values)} '
                     f'weights ({saturated / len(values):.2%}) are above 0.999']


# ---- slowing down --------------------------------------------------------------------------------------------------

def test_full_importance_stops_adam_with_weight_decay_exactly():
    before, after = train(of_constant(1.0), torch.optim.AdamW)
    assert is_same(after, before)


def test_full_importance_stops_the_gradient_s_step_of_sgd():
    before, after = train(of_constant(1.0, edit='gradient'), torch.optim.SGD, weight_decay=0)
    assert is_same(after, before)


@pytest.mark.parametrize('edit', ['update', 'gradient'])
def test_without_importance_it_is_vanilla_bit_for_bit(edit):
    before, after = train(of_constant(0.0, edit=edit))
    assert is_same(after, train(Vanilla())[1]) and not is_same(after, before)


@pytest.mark.parametrize('importance', [0.0, 1.0])
def test_both_ends_are_exact_for_any_update(importance):
    # before + (after - before) is not: it loses the small digits of an `after` that is much smaller than `before`.
    student = begin(of_constant(importance), list(TASKS))
    after = {name: parameter.detach().clone() for name, parameter in student.learner.named_parameters()}
    before = {name: 1000 * torch.randn(parameter.shape) for name, parameter in after.items()}
    assert any((before[name] + (after[name] - before[name]) != after[name]).any() for name in after)
    with torch.no_grad():
        student.method.edit_update(student.learner, before)
    assert is_same(dict(student.learner.named_parameters()), before if importance else after)


def mixed_importance():
    """Importances of a phase, with some at both ends."""
    method = SPG()
    state = end_of_phase(method, make_learner(TASKS, seed=1), TASKS[:1])
    for importance in state.values():
        importance[0], importance[1] = 0, 1
    return state


def test_each_weight_makes_its_share_of_the_optimizer_s_update():
    state, method = mixed_importance(), SPG()
    method.load_state_dict(state)
    before, after = train(method, steps=1)
    vanilla = train(Vanilla(), steps=1)[1]
    mean = torch.cat([importance.flatten() for importance in state.values()]).double().mean().item()
    assert 0.1 < mean < 0.9
    for name, start in before.items():
        update = vanilla[name] - start
        share = 1 - (state[name.removeprefix('backbone.')] if name.startswith('backbone.') else mean)
        torch.testing.assert_close(after[name] - start, share * update, rtol=1e-3, atol=1e-6)
        if name.startswith('backbone.'):
            assert torch.equal(after[name][0], vanilla[name][0])
            assert torch.equal(after[name][1], start[1])
        assert torch.equal(after[name], start) == name.startswith('heads.segmentation')


def test_each_weight_makes_its_share_of_the_gradient_s_step_under_sgd():
    state, method = mixed_importance(), SPG(edit='gradient')
    method.load_state_dict(state)
    before, after = train(method, torch.optim.SGD, steps=1, weight_decay=0)
    vanilla = train(Vanilla(), torch.optim.SGD, steps=1, weight_decay=0)[1]
    mean = torch.cat([importance.flatten() for importance in state.values()]).double().mean().item()
    for name, start in before.items():
        share = 1 - (state[name.removeprefix('backbone.')] if name.startswith('backbone.') else mean)
        torch.testing.assert_close(after[name] - start, share * (vanilla[name] - start), rtol=1e-3, atol=1e-6)


def test_adam_undoes_the_literal_form_and_not_the_update_s():
    vanilla = train(Vanilla(), steps=1, weight_decay=0)
    moved = {}
    for edit in ('gradient', 'update'):
        before, after = train(of_constant(0.9, edit=edit), steps=1, weight_decay=0)
        moved[edit] = [(after[f'backbone.{name}'] - before[f'backbone.{name}']).abs().sum().item()
                       / (vanilla[1][f'backbone.{name}'] - before[f'backbone.{name}']).abs().sum().item()
                       for name in ('conv1.weight', 'layer4.1.conv2.weight', 'bn1.bias')]
    assert moved['gradient'] == pytest.approx([1, 1, 1], abs=1e-2)
    assert moved['update'] == pytest.approx([0.1, 0.1, 0.1], abs=1e-2)


def test_the_first_phase_is_vanilla_s():
    student = begin(SPG(), ['depth'])
    losses_of(student, make_batch('depth'))['loss_new_depth'].backward()
    gradients = {name: parameter.grad.clone() for name, parameter in student.learner.named_parameters()}
    student.method.edit_gradients(student.learner)
    assert all(torch.equal(parameter.grad, gradients[name]) for name, parameter in student.learner.named_parameters())
    assert list(losses_of(student, make_batch('depth'))) == ['loss_new_depth']


@pytest.mark.parametrize('is_frozen', [lambda name: 'bn' in name, lambda name: True])
@pytest.mark.parametrize('edit', ['update', 'gradient'])
def test_weights_may_be_frozen_after_the_first_phase(is_frozen, edit):
    first, method = mixed_importance(), SPG(edit)
    method.load_state_dict(first)
    learner = make_learner(TASKS, seed=1)
    frozen = {name for name, _ in learner.backbone.named_parameters() if is_frozen(name)}
    for name in frozen:
        learner.backbone.get_parameter(name).requires_grad_(False)
    before = {name: learner.backbone.get_parameter(name).clone() for name in frozen}
    second = end_of_phase(method, learner, TASKS)
    assert {name for name in first if torch.equal(second[name], first[name])} == frozen
    take_steps(begin(method, list(TASKS), learner), 'depth')
    assert is_same(before, learner.backbone.state_dict())


# ---- state and options ---------------------------------------------------------------------------------------------

def test_the_state_survives_a_file(tmp_path):
    method = SPG()
    end_of_phase(method, make_learner(TASKS, seed=1), TASKS[:1])
    torch.save(method.state_dict(), tmp_path / 'state.pth')
    state = torch.load(tmp_path / 'state.pth', weights_only=True)
    early, late = SPG(), SPG()
    early.load_state_dict(state)
    begin(late, list(TASKS))
    late.load_state_dict(state)  # in the middle of a phase
    begin(early, list(TASKS))
    for other in (early, late):
        assert other.mean_importance == method.mean_importance > 0.1
        assert list(other.state_dict()) == list(method.state_dict())
        assert is_same(other.state_dict(), method.state_dict())


@pytest.mark.parametrize('change, found', [
    (lambda state: state.update({'conv1.weight': torch.zeros(64, 3, 7, 7)}),
     'conv1.weight has (64, 3, 7, 7), expected (8, 3, 7, 7)'),
    (lambda state: state.pop('bn1.bias'), 'bn1.bias has no such tensor, expected (8,)')])
def test_the_state_of_another_backbone_is_refused(change, found):
    method = of_constant(0.5)
    state = method.state_dict()
    change(state)
    method.load_state_dict(state)
    with pytest.raises(CheckpointError, match=re.escape(f'the state of SPG is of another backbone: {found}')):
        begin(method, list(TASKS))


def test_an_unknown_edit_is_refused():
    with pytest.raises(ConfigError, match="edit='step' is unknown to SPG; use 'update' or 'gradient'"):
        SPG(edit='step')


@pytest.mark.parametrize('name, edit', [('spg', 'update'), ('spg_gradient', 'gradient')])
@pytest.mark.parametrize('setting', ['r18_nyuv2', 'r50_nyuv2', 'tiny_synthrooms'])
def test_the_shipped_configs_build(name, edit, setting):
    from test_engine.tiny_stream import CONFIGS
    method = METHODS.build(Config.fromfile(CONFIGS / 'spg' / f'{name}_{setting}.py').method)
    assert type(method) is SPG
    assert method.requires.edits == edit and method.requires.same_backbone and not method.requires.teacher
