import copy
import functools
import io
import multiprocessing
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from torch import nn
from torch.utils.data import DataLoader

from lhl.datasets import collate_samples
from lhl.engine import MethodOptimWrapper
from lhl.errors import CheckpointError, ConfigError, DivergenceError
from lhl.methods import Vanilla
from lhl.methods.gpm import GPM, _layers, extend_basis
from lhl.methods.sgp import SGP
from lhl.registry import METHODS, MODELS

from .conftest import SIZE, begin, copy_of_state, losses_of, make_batch, make_learner

OLD_AND_NEW = ['depth', 'normal']
CONFIGS = Path(__file__).parents[2] / 'configs'


class Images(torch.utils.data.Dataset):
    """Ten images with targets of one task, the same for every epoch."""

    def __init__(self, task, length=10):
        self.batch = make_batch(task, batch_size=length)
        self.task = task
        self.seen = []

    def __len__(self):
        return len(self.batch.inputs)

    def __getitem__(self, key):
        index = key[0]
        self.seen.append(index)
        return dict(inputs=self.batch.inputs[index].sigmoid(), meta=dict(image_path=str(index)),
                    targets={self.task: self.batch.targets[self.task][index]},
                    valid={self.task: self.batch.valid[self.task][index]})


def make_loader(task, batch_size=4, length=10):
    return DataLoader(Images(task, length), batch_size, collate_fn=collate_samples)


def end(student, task, **options):
    student.method.end_phase(student.learner, student.phase, make_loader(task, **options))


def test_inputs_that_are_not_finite_end_in_a_sentence():
    student = begin(GPM(), OLD_AND_NEW[:1])
    with torch.no_grad():
        next(student.learner.backbone.parameters())[:] = torch.inf
    with pytest.raises(DivergenceError, match=r'^GPM: the inputs of the layer backbone\.\S+ are not finite on the '
                                              r'images of phase 1; lower the learning rate'):
        end(student, 'depth')


@functools.cache
def state_after_the_first_phase(method, **options):
    student = begin(method(**options), OLD_AND_NEW[:1])
    end(student, OLD_AND_NEW[0])
    return student.method.state_dict()


def second_phase(method=GPM, **options):
    """The second phase after a first one that has gathered its bases."""
    following = method(**options)
    following.load_state_dict(state_after_the_first_phase(method, **options))
    learner = make_learner(OLD_AND_NEW, seed=1)
    learner.backbone.load_state_dict(make_learner(OLD_AND_NEW[:1], seed=1).backbone.state_dict())
    return begin(following, OLD_AND_NEW, learner)


def train(student, steps=3, optimizer=torch.optim.Adam, weight_decay=1e-2, lr=1e-2):
    wrapper = MethodOptimWrapper(
        optimizer([p for p in student.parameters() if p.requires_grad], lr=lr, weight_decay=weight_decay),
        clip_grad=dict(max_norm=10.0))
    wrapper.attach(student.method, student.learner)
    for step in range(steps):
        wrapper.update_params(sum(losses_of(student.train(), make_batch('normal', seed=step)).values()))
    return student.learner.state_dict()


def leaks(student, before):
    """For each layer the part of its change within the basis, and the length of the change."""
    result = {}
    for name, basis in student.method.bases.items():
        change = student.learner.backbone.get_submodule(name).weight.detach() - before[f'backbone.{name}.weight']
        result[name] = (change.flatten(1) @ basis).norm().item(), change.norm().item()
    return result


def diagonal(*values):
    return torch.diag(torch.tensor(values, dtype=torch.float64)).square()


NO_BASIS = torch.zeros(3, 0, dtype=torch.float64)


# ---- bases ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('threshold, rank', [(0.7, 1), (0.76, 1), (0.77, 2), (0.95, 2), (0.97, 3), (1.0, 3)])
def test_the_fewest_directions_that_reach_the_threshold(threshold, rank):
    # diag(4, 2, 1) holds 16/21 = 0.762, 20/21 = 0.952 and all of the energy.
    basis, strengths = extend_basis(diagonal(4, 2, 1), NO_BASIS, threshold)
    torch.testing.assert_close(basis.abs(), torch.eye(3, dtype=torch.float64)[:, :rank])
    torch.testing.assert_close(strengths, torch.tensor([4., 2., 1.], dtype=torch.float64)[:rank])


def test_reaching_the_threshold_exactly_is_enough():
    gram = torch.diag(torch.tensor([2., 1., 1.], dtype=torch.float64))
    assert [extend_basis(gram, NO_BASIS, threshold)[0].shape[1] for threshold in (0.5, 0.75)] == [1, 2]


def test_a_second_phase_adds_what_the_first_did_not_have():
    first, _ = extend_basis(diagonal(4, 2, 1), NO_BASIS, 0.95)
    basis, strengths = extend_basis(diagonal(1, 3, 2), first, 0.95)  # 10/14 are in the old directions
    torch.testing.assert_close(basis.abs(), torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(strengths, torch.tensor([1., 3., 2.], dtype=torch.float64))


def test_a_second_phase_within_the_basis_adds_nothing():
    first, _ = extend_basis(diagonal(4, 2, 1), NO_BASIS, 0.95)
    basis, strengths = extend_basis(diagonal(1, 3, 0.1), first, 0.95)
    assert basis.shape == (3, 2)
    torch.testing.assert_close(strengths, torch.tensor([1., 3.], dtype=torch.float64))


@pytest.mark.parametrize('old_rank', [0, 2, 3])
def test_no_energy_and_no_room_add_nothing(old_rank):
    full = torch.eye(3, dtype=torch.float64)
    basis, strengths = extend_basis(torch.zeros_like(full), full[:, :old_rank], 1.0)
    assert basis.shape == (3, old_rank) and strengths.tolist() == [0] * old_rank
    basis, _ = extend_basis(diagonal(4, 2, 1), full, 1.0)
    assert basis.shape == (3, 3)


def test_directions_without_energy_are_no_part_of_a_full_basis():
    inputs = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    basis, _ = extend_basis(inputs @ inputs.T, torch.zeros(8, 0, dtype=torch.float64), 1.0)
    assert basis.shape == (8, 3)
    torch.testing.assert_close(basis @ basis.T @ inputs, inputs)


@given(size=st.integers(1, 12), num_inputs=st.lists(st.integers(1, 20), min_size=1, max_size=4),
       threshold=st.sampled_from([0.5, 0.9, 0.97, 0.999]), seed=st.integers(0, 999))
def test_over_many_phases_it_equals_the_singular_value_decomposition_of_the_inputs(size, num_inputs, threshold, seed):
    generator = torch.Generator().manual_seed(seed)
    basis = torch.zeros(size, 0, dtype=torch.float64)
    for count in num_inputs:
        inputs = torch.randn(size, count, dtype=torch.float64, generator=generator)
        extended, strengths = extend_basis(inputs @ inputs.T, basis, threshold)
        torch.testing.assert_close(extended.T @ extended, torch.eye(extended.shape[1], dtype=torch.float64))
        torch.testing.assert_close(  # the old vectors come first, in their order
            (extended.T @ basis).abs(), torch.eye(extended.shape[1], basis.shape[1], dtype=torch.float64))
        # The original's way: a decomposition of what is left of the inputs themselves, and of what is not.
        left = inputs - basis @ basis.T @ inputs
        singular = torch.linalg.svdvals(left)
        held = [(inputs - left).square().sum()]
        held += [held[0] + singular[:k + 1].square().sum() for k in range(len(singular))]
        rank = next((k for k, energy in enumerate(held) if energy >= threshold * inputs.square().sum()),
                    len(singular))
        assert extended.shape[1] == basis.shape[1] + rank
        torch.testing.assert_close(strengths[basis.shape[1]:], singular[:rank], atol=1e-6, rtol=1e-6)
        if basis.shape[1]:
            left_vectors, values, _ = torch.linalg.svd(inputs - left, full_matrices=False)
            surrogate = ((basis.T @ left_vectors).square() @ values.square()).sqrt()
            torch.testing.assert_close(strengths[:basis.shape[1]], surrogate, atol=1e-6, rtol=1e-6)
        basis = extended.float().double()  # as it is kept


def test_the_inputs_of_every_layer_are_those_that_its_weight_multiplies():
    student = begin(GPM(), ['depth'])
    names = [name for name, module in student.learner.backbone.named_modules() if isinstance(module, nn.Conv2d)]
    outputs, hooks = {}, []
    for name in names:
        hooks.append(student.learner.backbone.get_submodule(name).register_forward_hook(
            lambda layer, inputs, output, name=name: outputs.setdefault(name, []).append(output.double())))
    grams = student.eval().method._input_grams(student.learner, student.method.phase, make_loader('depth'))
    assert list(grams) == names and len(names) == 20
    for name, gram in grams.items():
        weight = student.learner.backbone.get_submodule(name).weight.detach().double().flatten(1)
        total = sum(torch.einsum('bihw,bjhw->ij', output, output) for output in outputs[name]).detach()
        torch.testing.assert_close(weight @ gram @ weight.T, total, rtol=1e-4, atol=1e-4 * total.abs().max().item())


def test_a_linear_layer_s_inputs_are_its_tokens():
    student = begin(GPM(), ['depth'])
    layer, tokens = nn.Linear(3, 2), torch.randn(2, 5, 3)
    student.learner.backbone.tail = layer
    forward = type(student.learner.backbone).forward
    student.learner.backbone.forward = lambda inputs: (layer(tokens), forward(student.learner.backbone, inputs))[1]
    gram = student.method._input_grams(student.learner, student.method.phase, make_loader('depth', length=4))['tail']
    torch.testing.assert_close(gram, tokens.flatten(0, 1).double().T @ tokens.flatten(0, 1).double())


def test_ending_a_phase_leaves_the_learner_as_it_was():
    student = begin(GPM(), ['segmentation', 'depth']).train()
    before = copy_of_state(student.learner)
    modes = [module.training for module in student.learner.modules()]
    end(student, 'depth')
    assert all(torch.equal(value, before[key]) for key, value in student.learner.state_dict().items())
    assert [module.training for module in student.learner.modules()] == modes
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in student.learner.modules())
    assert all(parameter.grad is None for parameter in student.learner.parameters())


def test_the_hooks_go_also_when_the_data_fails():
    student = begin(GPM(), ['depth'])
    loader = make_loader('depth')
    loader.dataset.batch = None
    loader.dataset.__class__ = type('Broken', (Images, ), dict(__len__=lambda self: 10))
    with pytest.raises(AttributeError):
        student.method.end_phase(student.learner, student.method.phase, loader)
    assert not any(module._forward_pre_hooks for module in student.learner.modules())


def test_it_looks_at_so_many_images_drawn_anew_in_each_phase():
    drawn = []
    for tasks in (['depth'], OLD_AND_NEW, ['depth']):
        loader = make_loader(tasks[-1])
        student = begin(GPM(num_images=6), tasks)
        student.method.end_phase(student.learner, student.method.phase, loader)
        assert len(loader.dataset.seen) == len(set(loader.dataset.seen)) == 6
        drawn.append(loader.dataset.seen)
    assert drawn[0] == drawn[2] and set(drawn[0]) != set(drawn[1])


def test_the_bases_do_not_depend_on_the_batch_size():
    one, two = begin(GPM(), ['depth']), begin(GPM(), ['depth'])
    end(one, 'depth', batch_size=1)
    end(two, 'depth', batch_size=10)
    for name, basis in one.method.bases.items():
        other = two.method.bases[name]
        torch.testing.assert_close(basis @ basis.T, other @ other.T, rtol=0, atol=1e-4)


def test_the_threshold_rises_from_phase_to_phase_up_to_1():
    ranks = []
    for step in (0.0, 0.05, 5.0):
        student = second_phase(threshold=0.9, threshold_step=step)
        end(student, 'normal')
        ranks.append(sum(basis.shape[1] for basis in student.method.bases.values()))
    assert ranks[0] < ranks[1] < ranks[2]


def test_bases_stay_orthonormal_over_phases():
    student = second_phase()
    old = {name: basis.clone() for name, basis in student.method.bases.items()}
    end(student, 'normal')
    for name, basis in student.method.bases.items():
        torch.testing.assert_close(basis.T @ basis, torch.eye(basis.shape[1]), atol=2e-6, rtol=0)
        within = (old[name].T @ basis).square().sum(1)
        torch.testing.assert_close(within, torch.ones_like(within), atol=1e-5, rtol=0)
        assert student.method.importances[name].tolist() == [1] * basis.shape[1]


# ---- edits ---------------------------------------------------------------------------------------------------------

class OneLayer(nn.Module):
    """A backbone of one linear layer with three inputs, and its weight's gradient (1, 1, 1)."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.layer = nn.Linear(3, 1, bias=False)
        self.backbone.layer.weight.grad = torch.ones(1, 3)


def after_the_first_phase(method, threshold=0.95):
    """Give a method the basis of inputs diag(4, 2, 1), by the names of OneLayer."""
    basis, strengths = extend_basis(diagonal(4, 2, 1), NO_BASIS, threshold)
    importance = method.importance(strengths, strengths[:0])
    method.load_state_dict({'layer.basis': basis.float(), 'layer.importance': importance.float()})
    return method


@pytest.mark.parametrize('method, expected', [(GPM(), (0, 0, 1)), (SGP(scale=1.0), (0, 1 / 3, 1))])
def test_g1_a_gradient_by_hand(method, expected):
    learner = OneLayer()
    after_the_first_phase(method).edit_gradients(learner)
    torch.testing.assert_close(learner.backbone.layer.weight.grad, torch.tensor([expected], dtype=torch.float32))


@pytest.mark.parametrize('method, expected', [(GPM(), (0, 0, 1)), (SGP(scale=1.0), (0, 1 / 3, 1))])
def test_g1_an_update_by_hand(method, expected):
    learner = OneLayer()
    before = {'backbone.layer.weight': learner.backbone.layer.weight.detach() - 1}
    with torch.no_grad():
        after_the_first_phase(method).edit_update(learner, before)
    change = learner.backbone.layer.weight.detach() - before['backbone.layer.weight']
    torch.testing.assert_close(change, torch.tensor([expected], dtype=torch.float32), atol=1e-6, rtol=0)


def test_g3_a_whole_step_of_adam_with_weight_decay_does_not_leak():
    student = second_phase()
    before = copy_of_state(student.learner)
    train(student, steps=1)
    assert sum(change > 1e-2 for _, change in leaks(student, before).values()) > 10
    for name, (leak, _) in leaks(student, before).items():
        assert leak < 1e-6, name


def test_projected_gradients_leak_under_adam():
    student = second_phase(edit='gradient')
    before = copy_of_state(student.learner)
    train(student, steps=3, weight_decay=0.0)
    leaking = [leak / change for leak, change in leaks(student, before).values() if change > 0]
    assert max(leaking) > 0.1


def test_projected_gradients_hold_for_plain_sgd_and_are_the_projected_updates():
    by_gradient, by_update = second_phase(edit='gradient'), second_phase(edit='update')
    before = copy_of_state(by_gradient.learner)
    one, two = (train(student, 3, torch.optim.SGD, weight_decay=0.0, lr=1e-3) for student in (by_gradient, by_update))
    for name, (leak, change) in leaks(by_gradient, before).items():
        assert leak <= 1e-6 + 1e-4 * change, name
    for name in one:
        torch.testing.assert_close(one[name], two[name], atol=1e-5, rtol=1e-4)


def test_outputs_of_protected_layers_stay_on_the_stored_inputs():
    student = second_phase(threshold=1.0)
    layer = student.learner.backbone.layer1[0].conv1
    weight_before = layer.weight.detach().clone()
    inputs = []
    hook = layer.register_forward_pre_hook(lambda layer, args: inputs.append(args[0]))
    with torch.no_grad():  # the layers before it are not trained, so these are the inputs of the first phase
        student.eval().method._input_grams(student.learner, student.method.phase, make_loader('depth'))
    hook.remove()
    for of_layer in (student.method.bases, student.method.importances):
        of_layer['layer1.0.conv1'] = of_layer['layer1.0.conv1'][..., :40]
    train(student)
    inputs = torch.cat(inputs)
    patches = nn.functional.unfold(inputs, 3, padding=1).transpose(1, 2).flatten(0, 1)
    basis = student.method.bases['layer1.0.conv1']
    stored = patches @ basis @ basis.T
    change = (layer.weight.detach() - weight_before).flatten(1)
    assert change.norm() > 1e-3 and stored.norm() > 1
    assert (stored @ change.T).abs().max() < 1e-5 < (patches @ change.T).abs().max()


@pytest.mark.parametrize('edit', ['update', 'gradient'])
def test_empty_bases_are_vanilla_bit_for_bit(edit):
    student = begin(GPM(edit=edit), OLD_AND_NEW, make_learner(OLD_AND_NEW, seed=3))
    bases = {name: module for name, module in student.learner.backbone.named_modules() if isinstance(module, nn.Conv2d)}
    student.method.load_state_dict(
        {f'{name}.basis': torch.zeros(module.weight[0].numel(), 0) for name, module in bases.items()}
        | {f'{name}.importance': torch.zeros(0) for name in bases})
    found, vanilla = train(student), train(begin(Vanilla(), OLD_AND_NEW, make_learner(OLD_AND_NEW, seed=3)))
    assert all(torch.equal(found[name], vanilla[name]) for name in vanilla)
    protected = train(second_phase())
    assert not all(torch.equal(protected[name], vanilla[name]) for name in vanilla)


def test_the_first_phase_is_vanilla_bit_for_bit():
    found, vanilla = (train(begin(method, ['normal'], make_learner(['normal'], seed=3)))
                      for method in (GPM(freeze_rest=True), Vanilla()))
    assert all(torch.equal(found[name], vanilla[name]) for name in vanilla)


def test_old_heads_stay_and_normalisation_and_the_new_head_learn():
    student = second_phase()
    before = copy_of_state(student.learner)
    after = train(student)
    for name in before:
        if name.startswith('heads.depth'):
            assert torch.equal(after[name], before[name]), name
    for name in ('backbone.bn1.weight', 'backbone.bn1.bias', 'heads.normal.output.weight'):
        assert not torch.equal(after[name], before[name]), name


@pytest.mark.parametrize('method', [functools.partial(GPM), functools.partial(SGP, scale=1e9)], ids=['GPM', 'SGP'])
def test_with_the_rest_frozen_old_predictions_stay_and_otherwise_they_drift(method):
    loader, drift = make_loader('depth', length=2), {}
    # Images of one colour have few distinct patches, so that much of every layer is free to learn.
    colours = torch.tensor([[0.9, -0.4, 0.3], [-1.0, 0.8, 0.1]])[:, :, None, None]
    loader.dataset.batch = replace(loader.dataset.batch, inputs=colours.expand(2, 3, *SIZE).clone())
    for freeze_rest in (False, True):
        first = begin(method(threshold=1.0, freeze_rest=freeze_rest), OLD_AND_NEW[:1])
        first.method.end_phase(first.learner, first.phase, loader)
        following = method(threshold=1.0, freeze_rest=freeze_rest)
        following.load_state_dict(first.method.state_dict())
        learner = make_learner(OLD_AND_NEW)
        learner.load_state_dict(first.learner.state_dict(), strict=False)
        student = begin(following, OLD_AND_NEW, learner)
        images = learner.data_preprocessor(dict(inputs=loader.dataset.batch.inputs.sigmoid()))['inputs']
        with torch.no_grad():
            expected = student.eval()(images)['depth']
        before = copy_of_state(learner)
        train(student)
        with torch.no_grad():
            drift[freeze_rest] = ((student.eval()(images)['depth'] - expected).norm() / expected.norm()).item()
        moved = {name for name, value in learner.backbone.state_dict().items()
                 if not torch.equal(value, before[f'backbone.{name}'])}
        weights = {f'{name}.weight' for name in following.bases}
        assert len(moved & weights) > 10 and (moved <= weights) == freeze_rest
    assert drift[True] < 1e-4 and drift[False] > 0.01


def test_a_frozen_layer_is_left_alone():
    student = second_phase()
    student.learner.backbone.conv1.requires_grad_(False)
    before = copy_of_state(student.learner)
    after = train(student)
    assert torch.equal(after['backbone.conv1.weight'], before['backbone.conv1.weight'])


# ---- state ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('after_begin', [False, True])
def test_the_state_survives_a_checkpoint(after_begin):
    student = second_phase()
    state = student.method.state_dict()
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    method = GPM()
    if not after_begin:
        method.load_state_dict(loaded)
    twin = begin(method, OLD_AND_NEW, copy.deepcopy(student.learner))
    if after_begin:
        method.load_state_dict(loaded)
    again = method.state_dict()
    assert list(again) == list(state) and len(state) == 40
    assert all(torch.equal(again[name], state[name]) for name in state)
    one, two = train(student), train(twin)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_bases_of_another_backbone_are_refused():
    state = second_phase().method.state_dict()
    for change, message in (
        ({'conv1.basis': torch.zeros(27, 5), 'conv1.importance': torch.ones(5)},
         r'the basis conv1.basis has the shape \(27, 5\), expected \(147, any\); load a state of the same backbone'),
        ({'layer9.basis': torch.zeros(27, 5), 'layer9.importance': torch.ones(5)},
         r'the state has the basis layer9.basis of shape \(27, 5\), expected none'),
        ({'conv1.basis': None}, r'the state has no basis conv1.basis, expected one of shape \(147, any\)'),
    ):
        method = GPM()
        method.load_state_dict({name: value for name, value in {**state, **change}.items() if value is not None})
        with pytest.raises(CheckpointError, match=message):
            begin(method, OLD_AND_NEW)


# ---- what is refused -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('layer, found', [
    (nn.Conv2d(4, 4, 3, groups=2), r'Conv2d\(4, 4, .*groups=2\)'),
    (nn.Conv2d(4, 4, 3, padding='same'), r'Conv2d\(4, 4, .*padding=same\)'),
    (nn.Conv2d(4, 4, 3, padding=1, padding_mode='reflect'), r'Conv2d\(4, 4, .*padding_mode=reflect\)'),
    (nn.ConvTranspose2d(4, 4, 3), r'ConvTranspose2d\(4, 4, '),
    (nn.MultiheadAttention(8, 2), r'MultiheadAttention\('),
])
def test_layers_that_cannot_be_protected_are_refused(layer, found):
    learner = make_learner(['depth'])
    learner.backbone.extra = layer
    with pytest.raises(ConfigError, match=rf'cannot protect the layer backbone.extra, found {found}'):
        begin(GPM(), ['depth'], learner)


@pytest.mark.parametrize('model, num_layers', [('resnet50', 53), ('swin_tiny', 52)])
def test_shipped_backbones_of_ordinary_layers_are_taken_with_all_their_matrices(model, num_layers):
    learner = make_learner(['depth'])
    learner.backbone = MODELS.build(Config.fromfile(CONFIGS / f'_base_/models/{model}_aspp.py').model.backbone)
    begin(GPM(), ['depth'], learner)
    names = {f'{name}.weight' for name, _ in _layers(learner.backbone)}
    assert len(names) == num_layers
    assert names == {name for name, weight in learner.backbone.named_parameters()
                     if weight.dim() > 1 and not name.endswith('position_bias_table')}


def test_a_backbone_with_depthwise_convolutions_is_refused():
    learner = make_learner(['depth'])
    learner.backbone = MODELS.build(Config.fromfile(CONFIGS / '_base_/models/mobilenet_v2_aspp.py').model.backbone)
    with pytest.raises(ConfigError, match=r'backbone.layer1.0.conv.0.conv, found Conv2d\(.*groups=32'):
        begin(GPM(), ['depth'], learner)


@pytest.mark.parametrize('options, message', [
    (dict(threshold=0.0), 'threshold=0.0 is impossible'),
    (dict(threshold=1.1), 'threshold=1.1 is impossible'),
    (dict(threshold_step=-0.1), 'threshold_step=-0.1 is impossible'),
    (dict(num_images=0), 'num_images=0 is impossible'),
    (dict(num_images=2.5), 'num_images=2.5 is impossible'),
    (dict(edit='both'), "edit='both' is unknown to {}; use 'update' or 'gradient'"),
])
@pytest.mark.parametrize('method', [GPM, SGP])
def test_wrong_options_are_refused(method, options, message):
    with pytest.raises(ConfigError, match=message.format(method.__name__)):
        method(**options, **(dict(scale=1.0) if method is SGP else {}))


@pytest.mark.parametrize('edit', ['update', 'gradient'])
def test_it_asks_the_engine_for_its_edit(edit):
    requires = GPM(edit=edit).requires
    assert requires.edits == edit and requires.same_backbone and not requires.teacher


@pytest.mark.parametrize('stream', ['r18_nyuv2', 'r50_nyuv2', 'tiny_synthrooms'])
def test_the_shipped_configs_change_nothing_but_the_method(stream):
    cfg, vanilla = (Config.fromfile(CONFIGS / f'{name}/{name}_{stream}.py').to_dict() for name in ('gpm', 'vanilla'))
    assert type(METHODS.build(cfg.pop('method'))) is GPM and vanilla.pop('method')
    assert cfg == vanilla


# ---- two processes -------------------------------------------------------------------------------------------------

def one_of_two(rank, port, folder):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', rank=rank, world_size=2)
    torch.save(bases_of_two_phases(), folder / f'{rank}.pth')
    torch.distributed.destroy_process_group()


def bases_of_two_phases():
    """Five images, so that the processes have a different number."""
    student = begin(SGP(scale=1.0), ['depth'])
    end(student, 'depth', batch_size=2, length=5)
    method = SGP(scale=1.0)
    method.load_state_dict(student.method.state_dict())
    student = begin(method, OLD_AND_NEW, make_learner(OLD_AND_NEW, seed=4))
    end(student, 'normal', batch_size=2, length=5)
    return method.state_dict()


@pytest.mark.slow
def test_two_processes_have_the_bases_of_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    # Forked, as nothing needs a gradient here: to import torch twice more would take far longer than the test.
    processes = [multiprocessing.get_context('fork').Process(target=one_of_two, args=(rank, port, tmp_path))
                 for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    first, second = (torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    for name, value in bases_of_two_phases().items():
        assert value.shape == first[name].shape, name
        if name.endswith('.basis'):
            importance = first[name.replace('.basis', '.importance')]
            torch.testing.assert_close(  # a basis itself is not unique, what is done with it is
                value * importance @ value.T, first[name] * importance @ first[name].T, atol=1e-4, rtol=0, msg=name)
