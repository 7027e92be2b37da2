import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from lhl.engine import MethodOptimWrapper, PhaseOptimWrapperConstructor, train_stream
from lhl.errors import ConfigError
from lhl.methods import DIS, Method, Phase, Requirements, Student, Vanilla
from lhl.registry import MODELS
from test_engine.resolved import phase_config
from test_engine.tiny_stream import stream_config


class Recorder(Method):
    """Sees the gradients before they are clipped, may replace them, and may undo the update."""


    def __init__(self, gradient=None, undo=False):
        self.requires = Requirements(edits='update' if undo else 'gradient')
        self.gradient = gradient
        self.undo = undo
        self.seen = []

    def edit_gradients(self, learner):
        self.seen.append(learner.weight.grad.clone())
        if self.gradient is not None:
            learner.weight.grad.fill_(self.gradient)

    def edit_update(self, learner, before):
        assert not torch.equal(before['weight'], learner.weight)
        if self.undo:
            for name, parameter in learner.named_parameters():
                parameter.copy_(before[name])


def build(method=None, optimizer=torch.optim.SGD, model=None, **options):
    torch.manual_seed(0)
    model = model or nn.Linear(4, 1, bias=False)
    lr = options.pop('lr', 1.0)
    decay = options.pop('weight_decay', 0.0)
    wrapper = MethodOptimWrapper(optimizer(model.parameters(), lr=lr, weight_decay=decay), **options)
    if method is not None:
        wrapper.attach(method, model)
    return model, wrapper


def loss_of(model, images):
    return model(images).pow(2).mean()


# ---- groups --------------------------------------------------------------------------------------------------------

@pytest.fixture
def third_phase(tmp_path, data_root):
    phases = [dict(task='segmentation'), dict(task='depth'),
              dict(task='normal', lr_factors=dict(encoder=0.1, old_heads=0.5))]
    cfg = phase_config(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', phases=phases), 3)
    return MODELS.build(cfg.model), cfg.optim_wrapper


def construct(learner, cfg, method):
    tasks, wrapper = tuple(learner.tasks), dict(type='MethodOptimWrapper', optimizer=cfg.optimizer.to_dict())
    student = Student(learner, method, Phase(3, tasks[2:], tasks))
    return PhaseOptimWrapperConstructor(wrapper, cfg.paramwise_cfg)(student)


def test_encoder_new_head_and_old_heads_learn_at_their_own_rates(third_phase):
    learner, cfg = third_phase
    wrapper = construct(learner, cfg, DIS(alpha=1.0))
    groups = {group['name']: group for group in wrapper.optimizer.param_groups}
    assert {name: group['lr'] for name, group in groups.items()} == pytest.approx(
        dict(encoder=1e-4, new_head=1e-3, old_heads=5e-4))
    members = dict(
        encoder=list(learner.backbone.parameters()), new_head=list(learner.heads['normal'].parameters()),
        old_heads=[*learner.heads['segmentation'].parameters(), *learner.heads['depth'].parameters()])
    for name, expected in members.items():
        assert [id(p) for p in groups[name]['params']] == [id(p) for p in expected]


def test_frozen_heads_are_left_out(third_phase):
    learner, cfg = third_phase
    wrapper = construct(learner, cfg, Vanilla())
    assert [group['name'] for group in wrapper.optimizer.param_groups] == ['encoder', 'new_head']
    assert sum(len(group['params']) for group in wrapper.optimizer.param_groups) == sum(
        1 for name, _ in learner.named_parameters() if not name.startswith(('heads.segmentation', 'heads.depth')))


def test_a_task_whose_name_begins_like_the_new_one_is_an_old_head():
    learner = nn.Module()
    learner.heads = nn.ModuleDict({'depth': nn.Linear(1, 1), 'depth_fine': nn.Linear(1, 1)})
    learner.heads_of = list
    student = SimpleNamespace(learner=learner, method_parameters={})
    constructor = PhaseOptimWrapperConstructor(
        dict(type='MethodOptimWrapper', optimizer=dict(type='SGD', lr=1.0)), dict(new_tasks=['depth']))
    groups = {group['name']: len(group['params']) for group in constructor(student).optimizer.param_groups}
    assert groups == dict(new_head=2, old_heads=2)


# ---- precision and accumulation ------------------------------------------------------------------------------------

def test_an_unknown_precision_is_refused():
    with pytest.raises(ConfigError, match="amp='bfloat61' is unknown; did you mean 'bfloat16'"):
        build(amp='bfloat61')


def test_bfloat16_trains_finitely_on_float32_losses(tmp_path, data_root, monkeypatch):
    seen = []
    losses = DIS.losses

    def record(self, batch, features, outputs):
        terms = losses(self, batch, features, outputs)
        seen.append(([f.dtype for f in features], {name: (term.dtype, term.item()) for name, term in terms.items()}))
        return terms
    monkeypatch.setattr(DIS, 'losses', record)
    results = train_stream(stream_config(
        tmp_path / 'c.py', data_root, tmp_path / 'run', optim_wrapper__amp='bfloat16',
        phases=[dict(task='segmentation'), dict(task='depth')], train_cfg__max_epochs=1))
    assert len(seen) == 8  # nine images in each of two phases, in full batches of two
    assert all(dtype == torch.bfloat16 for features, _ in seen for dtype in features)
    assert {'loss_new_depth', 'loss_saliency_guided_segmentation'} <= set(seen[-1][1])
    for _, terms in seen:
        assert all(dtype == torch.float32 and math.isfinite(value) for dtype, value in terms.values())
    assert all(math.isfinite(v) for phase in results.phases for m in phase.metrics.values() for v in m.values())


def test_autocast_is_off_without_amp_and_on_with_it():
    inputs = torch.randn(2, 4)
    for amp, dtype in ((None, torch.float32), ('bfloat16', torch.bfloat16)):
        model, wrapper = build(amp=amp)
        with wrapper.optim_context(model):
            assert model(inputs).dtype == dtype
        assert model(inputs).dtype == torch.float32


def test_two_accumulated_halves_make_the_step_of_the_whole():
    images = torch.randn(6, 4)
    whole, wrapper = build()
    wrapper.update_params(loss_of(whole, images))
    halves, wrapper = build(accumulative_counts=2)
    start = halves.weight.detach().clone()
    wrapper.update_params(loss_of(halves, images[:3]))
    assert torch.equal(halves.weight, start)
    wrapper.update_params(loss_of(halves, images[3:]))
    torch.testing.assert_close(halves.weight, whole.weight)


def test_the_edits_happen_once_per_step_and_not_per_backward():
    method = Recorder()
    model, wrapper = build(method, accumulative_counts=2)
    images = torch.randn(6, 4)
    for part in (images[:3], images[3:]):
        wrapper.update_params(loss_of(model, part))
    assert len(method.seen) == 1


def test_the_loss_scale_survives_a_reload():
    model, wrapper = build(amp='float16')
    wrapper.update_params(loss_of(model, torch.randn(2, 4)) * math.inf)  # skips the step and halves the scale
    assert wrapper.scaler.get_scale() == 32768
    _, other = build(amp='float16')
    other.load_state_dict(wrapper.state_dict())
    assert other.scaler.get_scale() == 32768


# ---- the method's edits --------------------------------------------------------------------------------------------

def test_gradients_are_edited_before_they_are_clipped():
    MessageHub.get_instance('clip')  # where mmengine logs the norm
    images = 100 * torch.ones(2, 4)
    method = Recorder(gradient=50.0)
    model, wrapper = build(method, clip_grad=dict(max_norm=1.0))
    before = model.weight.detach().clone()
    loss = loss_of(model, images)
    expected, = torch.autograd.grad(loss, model.weight, retain_graph=True)
    assert expected.norm() > 10
    wrapper.update_params(loss)
    torch.testing.assert_close(method.seen[0], expected)  # not yet clipped
    # Four gradients of 50 have norm 100, clipped to 1: each weight moves by a half.
    torch.testing.assert_close(before - model.weight, torch.full((1, 4), 0.5), rtol=1e-5, atol=1e-5)


def test_gradients_are_unscaled_before_they_are_edited():
    images = torch.randn(3, 4)
    method = Recorder()
    model, wrapper = build(method, amp='float16', lr=0.1)
    loss = loss_of(model, images)
    expected, = torch.autograd.grad(loss, model.weight, retain_graph=True)
    assert wrapper.scaler.get_scale() == 65536
    wrapper.update_params(loss)
    torch.testing.assert_close(method.seen[0], expected)


def test_a_whole_step_of_adam_with_weight_decay_can_be_undone_exactly():
    model, wrapper = build(Recorder(undo=True), torch.optim.AdamW, lr=0.3, weight_decay=0.5,
                           clip_grad=dict(max_norm=1.0))
    start = model.weight.detach().clone()
    for _ in range(3):
        wrapper.update_params(loss_of(model, torch.randn(3, 4)))
        assert torch.equal(model.weight, start)


def test_a_method_that_does_not_ask_for_it_edits_nothing():
    method = Recorder(gradient=50.0, undo=True)
    method.requires = Requirements()
    model, wrapper = build(method)
    start = model.weight.detach().clone()
    wrapper.update_params(loss_of(model, torch.randn(3, 4)))
    assert method.seen == [] and not torch.equal(model.weight, start)
