import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from torch import nn
from torch.utils.data import DataLoader

from lhl.datasets import SampleKey, collate_samples
from lhl.errors import CheckpointError, ConfigError
from lhl.methods import Phase, Vanilla
from lhl.methods.ewc import EWC, OnlineEWC
from lhl.models import Batch
from lhl.registry import METHODS

from .conftest import begin, losses_of, make_batch, make_learner
from .training import is_same, make_loader, take_steps

TASKS = ('segmentation', 'depth')


class Line(nn.Module):
    """Predicts backbone.weight * x; its loss is half the squared error of its one pixel."""

    def __init__(self, weight=0.0):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.weight = nn.Parameter(torch.tensor(weight))
        self.tasks = dict.fromkeys(('first', 'second'), self)

    def extract_features(self, inputs):
        return (self.backbone.weight * inputs, )

    def predict_tasks(self, features, names, size):
        return dict.fromkeys(names, features[0])

    def data_preprocessor(self, data, training):
        return data

    def loss_map(self, prediction, target):
        return ((prediction - target).square() / 2)[:, 0]

    def loss(self, prediction, target, valid):
        return self.loss_map(prediction, target).mean()


class Points(list):
    """Pairs (x, y) as images of one pixel."""

    def __getitem__(self, key):
        x, y = (torch.tensor(value).view(1, 1, 1) for value in super().__getitem__(key.index))
        return dict(inputs=x, targets=dict.fromkeys(('first', 'second'), y),
                    valid=dict.fromkeys(('first', 'second'), torch.ones(1, 1, dtype=torch.bool)),
                    meta=dict(image_path=''))


def one_point(x, y):
    data = collate_samples([Points([(x, y)])[SampleKey(0, 0)]])
    return Batch(data['inputs'], data['targets'], data['valid'])


def loader_of(points):
    return DataLoader(Points(points), 2, collate_fn=collate_samples)


def images_of(task, batch_size=2):
    """Five images, the fourth without a valid pixel."""
    loader = make_loader(task, batch_size, count=5)
    loader.dataset.batch.valid[task][3] = False
    return loader


def end_of_phase(method, learner, tasks, loader=None):
    """Begin and end a phase that leaves the weights as they are."""
    phase = Phase(len(tasks), tuple(tasks[-1:]), tuple(tasks))
    method.begin_phase(learner, phase)
    method.end_phase(learner, phase, loader or images_of(tasks[-1]))
    return method


def fisher_of(points, weight=0.0, **options):
    method = end_of_phase(EWC(penalty=1.0, **options), Line(weight), ['first'], loader_of(points))
    return method.state_dict()['0.fisher.weight'].item()


def penalty_of(method, learner, tasks=TASKS):
    student = begin(method, list(tasks), learner)
    return losses_of(student, make_batch(tasks[-1]))['loss_ewc']


def after_one_phase(method=None, learner=None):
    learner = learner or make_learner(TASKS, seed=1)
    return end_of_phase(method or EWC(penalty=2.0), learner, ['segmentation']), learner


def move(learner, distance=0.01):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in learner.backbone.parameters():
            parameter += distance * torch.randn(parameter.shape, generator=generator)


# ---- what is known by hand -----------------------------------------------------------------------------------------

def test_the_minimum_of_a_quadratic_is_the_weighted_mean_of_target_and_anchor():
    # (theta - 3)^2 + 5/2 * 0.4 (theta + 1)^2 is least where 2 (theta - 3) + 2 (theta + 1) = 0.
    learner, method = Line(), EWC(penalty=5.0)
    method.load_state_dict({'0.fisher.weight': torch.tensor(0.4), '0.anchor.weight': torch.tensor(-1.0)})
    method.begin_phase(learner, Phase(2, ('second', ), ('first', 'second'), loss_weight=2.0))
    optimizer = torch.optim.SGD(learner.parameters(), lr=0.1)
    batch = one_point(1.0, 3.0)
    for _ in range(40):
        features = learner.extract_features(batch.inputs)
        outputs = learner.predict_tasks(features, ['second'], (1, 1))
        optimizer.zero_grad()
        sum(method.losses(batch, features, outputs).values()).backward()
        optimizer.step()
    assert learner.backbone.weight.item() == pytest.approx(1.0, abs=1e-6)


def test_the_gradient_of_each_image_is_squared_and_not_their_mean():
    # At w = 0 the gradients of (w x - 1)^2 / 2 are -1 and 1: their mean is 0.
    assert fisher_of([(1.0, 1.0), (-1.0, 1.0)]) == 1.0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3, width=32), st.floats(-3, 3, width=32)), min_size=1, max_size=5),
       st.floats(-2, 2, width=32))
def test_the_fisher_of_a_line_is_the_mean_of_the_squared_error_times_the_squared_input(points, weight):
    x, y = np.array(points, np.float64).T
    expected = np.mean((weight * x - y)**2 * x**2)
    assert fisher_of(points, weight) == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_an_online_fisher_decays_and_its_anchor_moves_on():
    learner, method = Line(1.0), OnlineEWC(penalty=3.0, decay=0.5)
    end_of_phase(method, learner, ['first'], loader_of([(1.0, 3.0)]))  # F = (1 - 3)^2 = 4
    assert method.state_dict()['0.fisher.weight'] == 4
    learner.backbone.weight.data.fill_(2.0)
    end_of_phase(method, learner, ['first', 'second'], loader_of([(1.0, 3.0)]))  # F = (2 - 3)^2 = 1
    assert {key: value.item() for key, value in method.state_dict().items()} == {
        '0.fisher.weight': 0.5 * 4 + 1, '0.anchor.weight': 2.0}


def test_separate_constraints_add_up():
    learner, method = Line(1.0), EWC(penalty=3.0)
    end_of_phase(method, learner, ['first'], loader_of([(1.0, 3.0)]))
    learner.backbone.weight.data.fill_(2.0)
    end_of_phase(method, learner, ['first', 'second'], loader_of([(1.0, 3.0)]))
    learner.backbone.weight.data.fill_(5.0)
    losses = method.losses(one_point(1.0, 3.0), (), dict(second=torch.zeros(1, 1, 1, 1)))
    assert losses['loss_ewc'].item() == 3 / 2 * (4 * (5 - 1)**2 + 1 * (5 - 2)**2)


# ---- the Fisher information of a network ---------------------------------------------------------------------------

def fisher_by_hand(learner, task, reduction):
    """One image after another through the whole network, with torch's own losses."""
    learner.eval()
    dataset = images_of(task).dataset
    squares = {name: 0 for name, _ in learner.backbone.named_parameters()}
    for n in range(5):
        sample = dataset[SampleKey(n, 0)]
        mask = sample['valid'][task]
        if not mask.any():
            continue
        mean, std = learner.data_preprocessor.mean[0], learner.data_preprocessor.std[0]
        prediction = learner(((sample['inputs'] - mean) / std)[None])[task][0]
        if task == 'segmentation':
            loss = nn.functional.cross_entropy(prediction[None], sample['targets'][task][None], reduction='none')[0]
        else:
            loss = (prediction - sample['targets'][task]).abs()[0]
        learner.zero_grad()
        getattr(loss[mask], reduction)().backward()
        for name, parameter in learner.backbone.named_parameters():
            squares[name] = squares[name] + parameter.grad.double()**2
    learner.zero_grad()
    return {name: square / 5 for name, square in squares.items()}


@pytest.mark.parametrize('task', ['segmentation', 'depth'])
@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_the_fisher_is_the_mean_over_all_images_of_each_image_s_squared_gradient(task, reduction):
    method = end_of_phase(EWC(penalty=1.0, reduction=reduction), make_learner([task], seed=1), [task])
    expected = fisher_by_hand(make_learner([task], seed=1), task, reduction)
    assert list(method.state_dict()) == [f'0.{kind}.{name}' for kind in ('fisher', 'anchor') for name in expected]
    for name, values in expected.items():
        fisher = method.state_dict()[f'0.fisher.{name}']
        assert fisher.dtype == torch.float32 and fisher.max() > 0
        torch.testing.assert_close(fisher.double(), values, rtol=1e-4, atol=1e-6 * values.max().item())


def test_a_fisher_with_sums_over_pixels_is_larger_by_the_squared_number_of_pixels():
    loader = make_loader('depth')
    loader.dataset.batch.valid['depth'][:] = True
    mean, total = (end_of_phase(EWC(1.0, reduction), make_learner(['depth']), ['depth'], loader).state_dict()
                   for reduction in ('mean', 'sum'))
    pixels = loader.dataset.batch.inputs[0, 0].numel()
    torch.testing.assert_close(total['0.fisher.conv1.weight'], pixels**2 * mean['0.fisher.conv1.weight'],
                               rtol=1e-4, atol=0)


def test_the_fisher_does_not_depend_on_the_batch_size_of_training():
    states = [end_of_phase(EWC(1.0), make_learner(['depth']), ['depth'], images_of('depth', size)).state_dict()
              for size in (1, 2, 5)]
    assert is_same(states[1], states[0]) and is_same(states[2], states[0])


def work_of_rank(rank, world_size, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', f'file://{folder}/meeting', rank=rank, world_size=world_size)
    method = end_of_phase(EWC(1.0), make_learner(['depth']), ['depth'])
    torch.save(method.state_dict(), folder / f'rank{rank}.pth')
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_find_the_fisher_of_one(tmp_path):
    # Five images: one process has three of them, the other two; the number of valid pixels differs.
    torch.multiprocessing.spawn(work_of_rank, (2, tmp_path), nprocs=2)
    ranks = [torch.load(tmp_path / f'rank{rank}.pth', weights_only=True) for rank in (0, 1)]
    alone = end_of_phase(EWC(1.0), make_learner(['depth']), ['depth']).state_dict()
    for key, value in alone.items():
        assert torch.equal(ranks[0][key], ranks[1][key])
        torch.testing.assert_close(ranks[0][key], value, rtol=1e-5, atol=1e-6 * value.abs().max().item())


def test_the_end_of_a_phase_leaves_the_learner_as_it_was():
    learner = make_learner(TASKS, seed=1)
    before = {key: value.clone() for key, value in learner.state_dict().items()}
    learner.set_trainable_heads(['segmentation'])
    after_one_phase(learner=learner)
    assert is_same(learner.state_dict(), before)
    assert all(parameter.grad is None for parameter in learner.parameters())
    assert learner.training and learner.backbone.training and not learner.heads['depth'].training


def test_the_trace_is_logged_with_its_unit(monkeypatch):
    lines = []
    monkeypatch.setattr('lhl.methods.ewc.print_log', lambda text, logger: lines.append(text))
    fisher_of([(1.0, 3.0), (1.0, 5.0)], weight=1.0)
    assert lines == ['EWC: the Fisher information of 1 weights for first has trace 10, over 2 images and with the mean '
                     'over pixels']


# ---- the penalty ---------------------------------------------------------------------------------------------------

def test_the_first_phase_is_vanilla_s():
    batch = make_batch('depth')
    ewc, vanilla = (losses_of(begin(method, ['depth']).eval(), batch) for method in (EWC(penalty=1e9), Vanilla()))
    assert ewc == vanilla


@pytest.mark.parametrize('method', [EWC(penalty=1e10), OnlineEWC(penalty=1e10, decay=0.9)])
def test_at_the_anchor_penalty_and_gradient_are_exactly_zero(method):
    method, learner = after_one_phase(method)
    loss = penalty_of(method, learner)
    loss.backward()
    assert loss.item() == 0
    assert all(torch.count_nonzero(parameter.grad) == 0 for parameter in learner.backbone.parameters())


def test_the_penalty_is_half_lambda_times_the_weighted_squared_distance_on_the_backbone_only():
    method, learner = after_one_phase(EWC(penalty=1e6))
    move(learner)
    loss = penalty_of(method, learner)
    state = method.state_dict()
    expected = sum(
        (state[f'0.fisher.{name}'].double() * (parameter - state[f'0.anchor.{name}']).double()**2).sum()
        for name, parameter in learner.backbone.named_parameters())
    assert loss.item() == pytest.approx(1e6 / 2 * expected.item(), rel=1e-5)
    loss.backward()
    for name, parameter in learner.backbone.named_parameters():
        gradient = 1e6 * state[f'0.fisher.{name}'] * (parameter - state[f'0.anchor.{name}'])
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-9)
    assert all(parameter.grad is None for parameter in learner.heads.parameters())


def test_the_penalty_is_computed_in_float32_under_autocast():
    method, learner = after_one_phase(EWC(penalty=1e10))
    move(learner)
    exact = penalty_of(method, learner)
    with torch.autocast('cpu', torch.bfloat16):
        mixed = penalty_of(method, learner)
    assert exact > 0 and mixed.dtype == torch.float32 and torch.equal(mixed, exact)


def test_without_decay_the_online_fisher_is_the_sum_of_the_separate_ones():
    separate, online = EWC(penalty=2.0), OnlineEWC(penalty=2.0, decay=1.0)
    learner = make_learner((*TASKS, 'normal'), seed=1)
    for method in (separate, online):
        end_of_phase(method, learner, TASKS[:1])
        end_of_phase(method, learner, TASKS)
    assert len(separate.state_dict()) == 2 * len(online.state_dict())
    for name, _ in learner.backbone.named_parameters():
        total = sum(separate.state_dict()[f'{index}.fisher.{name}'] for index in (0, 1))
        torch.testing.assert_close(online.state_dict()[f'0.fisher.{name}'], total)
    move(learner)
    values = [penalty_of(method, learner, (*TASKS, 'normal')) for method in (separate, online)]
    assert values[0] > 0
    torch.testing.assert_close(*values)


def train(method):
    student = begin(method, list(TASKS), make_learner(TASKS, seed=1))
    return take_steps(student, 'depth', weight_decay=1e-3).state_dict()


@pytest.mark.parametrize('method', [EWC(penalty=0.0), OnlineEWC(penalty=0, decay=1)])
def test_without_a_penalty_it_is_vanilla_bit_for_bit(method):
    assert is_same(train(after_one_phase(method)[0]), train(Vanilla()))


def test_a_penalty_keeps_the_backbone_nearer_to_its_anchor_and_frees_the_head():
    vanilla, ewc = train(Vanilla()), train(after_one_phase(EWC(penalty=1e6))[0])
    method, learner = after_one_phase(EWC(penalty=2.0))
    distances = []
    for weights in (vanilla, ewc):
        learner.load_state_dict(weights)
        distances.append(penalty_of(method, learner).item())
    assert distances[1] < 0.5 * distances[0]


@pytest.mark.parametrize('is_frozen', [lambda name: 'bn' in name, lambda name: True])
def test_weights_may_be_frozen_after_the_first_phase(is_frozen):
    method, learner = after_one_phase(OnlineEWC(penalty=2.0, decay=1.0))
    first = {key: value.clone() for key, value in method.state_dict().items()}
    frozen = {name for name, _ in learner.backbone.named_parameters() if is_frozen(name)}
    for name in frozen:
        learner.backbone.get_parameter(name).requires_grad_(False)
    end_of_phase(method, learner, TASKS)
    for name, _ in learner.backbone.named_parameters():
        key = f'0.fisher.{name}'
        assert torch.equal(method.state_dict()[key], first[key]) == (name in frozen)
    assert penalty_of(method, learner).item() == 0


# ---- state and options ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize('make', [lambda: EWC(penalty=2.0), lambda: OnlineEWC(penalty=2.0, decay=0.5)])
def test_the_state_survives_a_file(make, tmp_path):
    method, learner = after_one_phase(make())
    move(learner)
    end_of_phase(method, learner, TASKS)
    move(learner)
    torch.save(method.state_dict(), tmp_path / 'state.pth')
    state = torch.load(tmp_path / 'state.pth', weights_only=True)
    expected = penalty_of(method, learner)
    early, late = make(), make()
    early.load_state_dict(state)
    assert torch.equal(penalty_of(early, learner), expected)
    student = begin(late, list(TASKS), learner)
    late.load_state_dict(state)  # in the middle of a phase
    assert torch.equal(losses_of(student, make_batch('depth'))['loss_ewc'], expected)
    for other in (early, late):
        assert list(other.state_dict()) == list(method.state_dict())
        assert is_same(other.state_dict(), method.state_dict())


def test_an_empty_state_is_the_one_before_any_phase():
    method = EWC(penalty=1.0)
    assert method.state_dict() == {}
    method.load_state_dict({})
    assert list(losses_of(begin(method, ['depth']), make_batch('depth'))) == ['loss_new_depth']


@pytest.mark.parametrize('change, found', [
    (lambda state: state.update({'0.fisher.conv1.weight': torch.zeros(64, 3, 7, 7)}),
     'conv1.weight has (64, 3, 7, 7), expected (8, 3, 7, 7)'),
    (lambda state: state.pop('0.anchor.bn1.bias'), 'bn1.bias has no such tensor, expected (8,)'),
    (lambda state: state.update({'0.anchor.patch_embed.weight': torch.zeros(2)}),
     'patch_embed.weight has (2,), expected no such tensor')])
def test_the_state_of_another_backbone_is_refused(change, found):
    state = after_one_phase()[0].state_dict()
    change(state)
    method = EWC(penalty=1.0)
    method.load_state_dict(state)
    with pytest.raises(CheckpointError, match=re.escape(found)):
        begin(method, list(TASKS))
    method = EWC(penalty=1.0)
    begin(method, list(TASKS))
    with pytest.raises(CheckpointError, match=re.escape(found)):
        method.load_state_dict(state)


@pytest.mark.parametrize('penalty', [-1.0, float('nan'), float('inf'), '1e9', None])
def test_a_penalty_without_meaning_is_refused(penalty):
    with pytest.raises(ConfigError, match=f'penalty={penalty!r} does not suit OnlineEWC; give a finite number'):
        OnlineEWC(penalty, decay=1.0)


@pytest.mark.parametrize('decay', [-0.1, 1.1, float('nan'), 'none'])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ConfigError, match=f'decay={decay!r} does not suit OnlineEWC; give a number from 0 to 1'):
        OnlineEWC(1.0, decay)


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ConfigError, match="reduction='median' is unknown to EWC; use 'mean' or 'sum'"):
        EWC(1.0, reduction='median')


@pytest.mark.parametrize('name', ['ewc', 'online_ewc'])
@pytest.mark.parametrize('setting', ['r18_nyuv2', 'r50_nyuv2', 'tiny_synthrooms'])
def test_the_shipped_configs_build(name, setting):
    from test_engine.tiny_stream import CONFIGS
    method = METHODS.build(Config.fromfile(CONFIGS / 'ewc' / f'{name}_{setting}.py').method)
    assert type(method) is dict(ewc=EWC, online_ewc=OnlineEWC)[name] and method.penalty > 0
    assert method.requires.same_backbone and not method.requires.teacher and method.requires.edits is None
