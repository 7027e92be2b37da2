"""Streams whose old heads are adapted to another backbone: a narrow ResNet-18, a ResNet-50, then a Swin."""
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModule

from lhl.apis.inference import load_learner, test_learner
from lhl.engine import PhaseRunner, Stream, train_stream, weights_digest
from lhl.errors import CheckpointError, ConfigError
from lhl.methods import Method
from lhl.models import AdaptedHead
from lhl.registry import MODELS
from test_engine.resolved import config_hash, phase_config, training_hash
from test_engine.test_plan.test_backbones import SWIN, InterruptedRunError, part, shas, weights
from test_engine.tiny_stream import FOLDERS, METHODS, STREAM, WHOLE_RESNET, stream_config

RESNET50 = dict(task='depth', backbone=dict(depth=50), old_heads='adapted')
ADAPTED = [dict(task='segmentation'), RESNET50,
           dict(task='normal', backbone=SWIN, old_heads='adapted', train_cfg=dict(max_epochs=1))]
#: Channels of the last feature maps of the three backbones, all at stride 8.
WIDTHS = (64, 256, 32)
THROUGH_OUTPUTS_OR_IMAGES = [
    METHODS['DIS'],
    dict(type='LwF', weight=1.0),
    dict(type='DER', weight=1.0, memory_size=4, replay_batch_size=2),
    dict(type='ICaRL', weight=1.0, memory_size=4, replay_batch_size=2)]


@pytest.fixture
def config(tmp_path, data_root):
    def build(method=None, phases=ADAPTED, **options):
        cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', model=WHOLE_RESNET, **options)
        cfg.phases = deepcopy(phases)
        if method is not None:
            cfg.method = method
        return cfg
    return build


def record_starts(monkeypatch):
    """Give a dict that is filled with the weights with which each phase begins."""
    starts, begin = {}, Method.begin_phase

    def record(method, learner, phase):
        starts[phase.index] = {name: value.clone() for name, value in learner.state_dict().items()}
        begin(method, learner, phase)
    monkeypatch.setattr(Method, 'begin_phase', record)
    return starts


@pytest.fixture(scope='module')
def grown(tmp_path_factory, data_root):
    """A run of HAD whose backbone changes twice: config, results, and the weights that each phase began with."""
    folder = tmp_path_factory.mktemp('adapted')
    cfg = stream_config(folder / 'c.py', data_root, folder / 'run', model=WHOLE_RESNET, phases=deepcopy(ADAPTED))
    with pytest.MonkeyPatch.context() as monkeypatch:
        starts = record_starts(monkeypatch)
        results = train_stream(cfg)
    return cfg, results, starts


def head_of(state, task):
    """The weights of a head without its adapter, if it has one."""
    own = {name.removeprefix(f'heads.{task}.'): value for name, value in part(state, f'heads.{task}.').items()}
    if not any(name.startswith('adapters.') for name in own):
        return own
    return {name.removeprefix('head.'): value for name, value in own.items() if name.startswith('head.')}


def adapter_of(state, task):
    return state[f'heads.{task}.adapters.0.weight']


# ---- where the weights of a phase come from ------------------------------------------------------------------------

@pytest.mark.parametrize('index', [2, 3])
def test_old_heads_start_with_all_the_weights_that_they_had(grown, index):
    cfg, _, starts = grown
    before, start = weights(cfg, index - 1), starts[index]
    for task in STREAM[:index - 1]:
        assert weights_digest(head_of(start, task)) == weights_digest(head_of(before, task))


def test_a_second_change_replaces_the_adapter_by_one_onto_the_width_that_the_head_was_trained_on(grown):
    _, _, starts = grown
    assert {task: tuple(adapter_of(starts[3], task).shape) for task in STREAM[:2]} == {
        'segmentation': (WIDTHS[0], WIDTHS[2], 1, 1), 'depth': (WIDTHS[1], WIDTHS[2], 1, 1)}
    assert tuple(adapter_of(starts[2], 'segmentation').shape) == (WIDTHS[0], WIDTHS[1], 1, 1)
    assert not any('.head.head.' in name for name in starts[3])


def test_the_new_head_has_no_adapter_and_the_width_of_the_new_features(grown):
    _, _, starts = grown
    assert starts[2]['heads.depth.pool.conv.weight'].shape[1] == WIDTHS[1]
    assert starts[3]['heads.normal.pool.conv.weight'].shape[1] == WIDTHS[2]


def test_an_adapter_of_the_same_shape_is_not_taken_over(config, grown, monkeypatch):
    starts = record_starts(monkeypatch)
    wider = dict(depth=50, contract_dilation=False)  # another backbone with features of the same width
    cfg = config(phases=[*ADAPTED[:2], dict(ADAPTED[2], backbone=wider)])
    train_stream(cfg, take_over=grown[0].work_dir)
    trained, start = weights(cfg, 2), starts[3]
    assert adapter_of(start, 'segmentation').shape == adapter_of(trained, 'segmentation').shape
    assert not torch.equal(adapter_of(start, 'segmentation'), adapter_of(trained, 'segmentation'))
    same = [name for name in part(start, 'backbone.') if start[name].dim() > 1
            and torch.equal(start[name], trained[name])]
    assert not same  # nothing else was taken from the phase before


def test_on_the_old_features_the_adapted_head_predicts_as_before(grown):
    cfg, results, starts = grown
    old, new = (load_learner(Path(cfg.work_dir, phase.checkpoint)) for phase in results.phases[:2])
    new.load_state_dict(starts[2])
    adapter = new.heads['segmentation'].adapters[0]
    with torch.no_grad():
        adapter.weight.copy_(torch.eye(*adapter.weight.shape[:2])[:, :, None, None])
        adapter.bias.zero_()
        features, = old.extract_features(torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(0)))
        padded = torch.cat([features, torch.zeros(2, WIDTHS[1] - WIDTHS[0], 4, 6)], dim=1)
        before, after = (learner.predict_tasks((maps, ), ['segmentation'], (32, 48))['segmentation']
                         for learner, maps in ((old, features), (new, padded)))
    assert torch.equal(before, after)


def test_a_phase_after_the_change_goes_on_with_head_and_adapter(config, grown, monkeypatch):
    starts = record_starts(monkeypatch)
    cfg = config(phases=[*ADAPTED[:2], dict(task='normal', train_cfg=dict(max_epochs=1))])
    train_stream(cfg, take_over=grown[0].work_dir)
    old = weights(cfg, 2)
    assert {name for name in starts[3] if name not in old} == set(part(starts[3], 'heads.normal.'))
    assert weights_digest({name: starts[3][name] for name in old}) == weights_digest(old)


# ---- learning with them --------------------------------------------------------------------------------------------

def test_head_and_adapter_learn_from_the_teacher(grown):
    cfg, _, starts = grown
    for name in ('heads.segmentation.adapters.0.weight', 'heads.segmentation.head.output.weight'):
        assert not torch.equal(starts[2][name], weights(cfg, 2)[name])


@pytest.mark.parametrize('method', [
    pytest.param(method, id=method['type'], marks=[pytest.mark.slow] * (number > 0))
    for number, method in enumerate(THROUGH_OUTPUTS_OR_IMAGES)])
def test_methods_that_work_through_outputs_or_images_train_the_adapter(config, monkeypatch, method):
    starts = record_starts(monkeypatch)
    cfg = config(method, phases=ADAPTED[:2], train_cfg__max_epochs=1)
    train_stream(cfg)
    start, end = starts[2], weights(cfg, 2)
    assert weights_digest(head_of(start, 'segmentation')) == weights_digest(head_of(weights(cfg, 1), 'segmentation'))
    assert not torch.equal(adapter_of(start, 'segmentation'), adapter_of(end, 'segmentation'))
    assert all(value.isfinite().all() for value in end.values())


def test_the_adapter_learns_at_the_rate_of_the_old_heads(config, grown):
    cfg = config(phases=[ADAPTED[0], dict(RESNET50, lr_factors=dict(old_heads=0.0))], train_cfg__max_epochs=1)
    train_stream(cfg)
    assert torch.equal(adapter_of(grown[2][2], 'segmentation'), adapter_of(weights(cfg, 2), 'segmentation'))


# ---- what a run leaves behind, resuming ----------------------------------------------------------------------------

@pytest.mark.parametrize('index', [2, 3])
def test_each_checkpoint_rebuilds_its_own_learner_and_is_scored_again_as_in_the_results(grown, index):
    cfg, results, _ = grown
    phase = results.phases[index - 1]
    learner = load_learner(Path(cfg.work_dir, phase.checkpoint))
    assert {task: isinstance(learner.heads[task], AdaptedHead) for task in STREAM[:index]} == {
        task: task != STREAM[index - 1] for task in STREAM[:index]}
    again = test_learner(Path(cfg.work_dir, phase.checkpoint))
    assert again == {task: pytest.approx(metrics, rel=1e-6) for task, metrics in phase.metrics.items()}


def test_a_run_killed_after_the_change_ends_with_the_same_weights(config, grown, monkeypatch):
    original = PhaseRunner.call_hook

    def interrupt(runner, name, **kwargs):
        if name == 'before_train_iter' and (runner.phase.index, runner.iter) == (2, 4):
            raise InterruptedRunError
        original(runner, name, **kwargs)
    cfg = config()
    with monkeypatch.context() as patch, pytest.raises(InterruptedRunError):
        patch.setattr(PhaseRunner, 'call_hook', interrupt)
        train_stream(cfg)
    assert Path(cfg.work_dir, FOLDERS[1], 'epoch_1.pth').exists()
    assert shas(train_stream(cfg, resume=True)) == shas(grown[1])


# ---- the configs of the phases -------------------------------------------------------------------------------------

def test_the_config_of_an_adapted_head_names_the_width_and_the_stride_it_was_trained_on(config):
    coarse = dict(RESNET50, backbone=dict(depth=50, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1)))  # stride 32, not 8
    cfg = config(phases=[ADAPTED[0], coarse])
    assert phase_config(cfg, 2).model.heads.to_dict() == dict(segmentation=dict(
        type='AdaptedHead', in_channels=None, in_index=-1, scale=4.0, head=cfg.model.head.to_dict()))
    assert cfg.model.head.in_channels == WIDTHS[0]


def test_a_head_of_several_maps_has_an_adapter_for_each(config):
    cfg = config(phases=ADAPTED[:2], model__backbone__out_indices=(1, 2, 3), model__head__in_index=(0, 2),
                 model__head__in_channels=(16, 64))
    head = phase_config(cfg, 2).model.heads.segmentation
    assert (head.in_index, head.scale) == ((0, 2), [1.0, 1.0])
    assert (head.head.in_index, head.head.in_channels) == ([0, 1], [16, 64])
    train_stream(cfg)
    shapes = [tuple(weights(cfg, 2)[f'heads.segmentation.adapters.{i}.weight'].shape[:2]) for i in (0, 1)]
    assert shapes == [(16, 64), (64, 256)]


def test_a_task_with_a_head_of_its_own_keeps_that_head(config):
    own = dict(type='ASPPHead', in_channels=64, channels=6, dilations=(1, ))
    cfg = config(model__heads=dict(segmentation=own, depth=dict(own, channels=4)))
    assert phase_config(cfg, 2).model.heads.segmentation.head.to_dict() == own
    assert phase_config(cfg, 2).model.heads.depth.to_dict() == {**own, 'channels': 4, 'in_channels': None}
    assert phase_config(cfg, 3).model.heads.depth.head.to_dict() == {**own, 'channels': 4, 'in_channels': WIDTHS[1]}


def test_a_change_that_reinitialises_heads_makes_them_for_its_backbone(config):
    change = dict(task='depth', backbone=dict(depth=50))
    cfg = config(phases=[ADAPTED[0], change, ADAPTED[2]])
    assert 'heads' not in phase_config(cfg, 2).model
    heads = phase_config(cfg, 3).model.heads
    assert {task: head.head.in_channels for task, head in heads.items()} == dict.fromkeys(STREAM[:2], WIDTHS[1])
    cfg.phases = [*ADAPTED[:2], dict(task='normal', backbone=SWIN)]
    assert 'heads' not in phase_config(cfg, 3).model


@pytest.mark.parametrize('name', ['reinit', 'fresh'])  # as lhl called it before
def test_heads_that_are_reinitialised_by_name_are_the_same_training_as_by_default(config, name):
    plain = config(phases=[ADAPTED[0], dict(task='depth', backbone=dict(depth=50))])
    named = config(phases=[ADAPTED[0], dict(RESNET50, old_heads=name)])
    adapted = config(phases=ADAPTED[:2])
    assert training_hash(plain, 2) == training_hash(named, 2) != training_hash(adapted, 2)
    assert config_hash(plain) != config_hash(adapted) and training_hash(plain, 1) == training_hash(adapted, 1)


def test_separate_models_have_no_old_heads_to_adapt(config):
    assert 'heads' not in phase_config(config(dict(type='SingleTask')), 3).model


def test_deriving_a_config_draws_no_random_number(config):
    torch.manual_seed(0)
    # A backbone that was not probed before.
    phase_config(config(model__backbone__base_channels=16, model__head__in_channels=128), 3)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


# ---- what is refused -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('phase, index, found', [
    (dict(old_heads='adapt', backbone=dict(depth=50)), 1, "phases[1].old_heads is 'adapt', which is unknown; did "
                                                          "you mean 'adapted'"),
    (dict(old_heads='adapted'), 1, "phases[1].old_heads='adapted', but the phase has no backbone other than that of"),
    (dict(old_heads='reinit', backbone=dict(depth=18)), 1, "phases[1].old_heads='reinit', but the phase has no"),
    (dict(old_heads='adapted', backbone=dict(depth=50)), 0, "phases[0].old_heads='adapted', but the phase has no"),
])
def test_an_option_that_says_nothing_is_refused_before_the_first_phase(config, phase, index, found):
    phases = [dict(task='segmentation'), dict(task='depth')]
    phases[index].update(phase)
    cfg = config(phases=phases)
    with pytest.raises(ConfigError) as refusal:
        train_stream(cfg)
    assert found in str(refusal.value) and '\n' not in str(refusal.value)
    assert not Path(cfg.work_dir).exists()


def test_a_head_without_an_option_for_its_width_is_refused(config, monkeypatch):
    class FixedHead(BaseModule):
        def __init__(self, out_channels, init_cfg=None):
            super().__init__(init_cfg)
    monkeypatch.setitem(MODELS.module_dict, 'FixedHead', FixedHead)
    cfg = config(model__heads=dict(segmentation=dict(type='FixedHead')))
    with pytest.raises(ConfigError, match='the head FixedHead of segmentation has no option in_channels'):
        Stream.from_config(cfg)


def test_a_checkpoint_with_other_heads_is_named(config, grown):
    cfg = config(dict(type='Vanilla'), phases=ADAPTED[:2], model__head__channels=6)
    phase = phase_config(cfg, 2)
    phase.phase.previous_checkpoint = str(Path(grown[0].work_dir, FOLDERS[0], 'phase.safetensors'))
    with pytest.raises(CheckpointError, match=r'the head of segmentation in .*phase\.safetensors is of another '
                                              r'architecture or task list: .* shapes differ \(first'):
        PhaseRunner.from_cfg(phase).train()
