"""Streams whose backbone changes: a narrow ResNet-18, then a ResNet-50, whose last features are four times as wide."""
import json
from copy import deepcopy
from pathlib import Path

import pytest
import torch

from lhl.apis.inference import last_learners, load_learner, test_learner
from lhl.engine import PhaseRunner, Stream, read_checkpoint, train_stream, weights_digest
from lhl.engine.plan.backbones import describe_backbone
from lhl.errors import ConfigError, RunError
from lhl.evaluation import Results
from lhl.methods import Method
from lhl.models import Learner
from test_engine.resolved import config_hash, phase_config, training_hash
from test_engine.tiny_stream import FOLDERS, STREAM, WHOLE_RESNET, stream_config

RESNET50 = dict(depth=50)
SWIN = dict(type='SwinTransformer', embed_dims=16, depths=(1, 1), num_heads=(1, 2), window_size=4, strides=(4, 2),
            out_indices=(1, ))
GROWING = [dict(task='segmentation'), dict(task='depth', backbone=RESNET50),
           dict(task='normal', train_cfg=dict(max_epochs=1))]
#: Channels of the last feature map: 8 in the first stage, doubled three times; a bottleneck gives four times as many.
WIDTHS = (8 * 8, 8 * 8 * 4, 8 * 8 * 4)
CHANNELS = dict(segmentation=13, depth=1, normal=3)
#: Methods beside HAD that work whatever the backbone, each of which trains the old heads.
ANY_BACKBONE = [
    dict(type='LwF', weight=1.0),
    dict(type='DER', weight=1.0, memory_size=4, replay_batch_size=2),
    dict(type='ICaRL', weight=1.0, memory_size=4, replay_batch_size=2),
    dict(type='TwoStageDistillation', alpha=1.0, optimizer=dict(type='Adam', lr=1e-3))]
ONE_BACKBONE = [
    dict(type='EWC', penalty=1.0), dict(type='OnlineEWC', penalty=1.0, decay=0.9), dict(type='SPG'), dict(type='GPM'),
    dict(type='SGP', scale=1.0), dict(type='LocalPOD', weight=1.0), dict(type='GlobalPOD', weight=1.0),
    dict(type='LwP', alpha=1.0, distance_weight=1.0, group_threshold=0.9), dict(type='FrozenEncoder'),
    dict(type='Combined', methods=[dict(type='DIS', alpha=1.0), dict(type='EWC', penalty=1.0)])]


@pytest.fixture
def config(tmp_path, data_root):
    def build(method=None, name='run', phases=GROWING, **options):
        cfg = stream_config(tmp_path / f'{name}.py', data_root, tmp_path / name, model=WHOLE_RESNET, **options)
        cfg.phases = deepcopy(phases)
        if method is not None:
            cfg.method = method
        return cfg
    return build


class Begun:
    """What each phase began with."""

    def __init__(self, monkeypatch):
        self.start, self.depths, self.teachers = {}, {}, {}
        begin = Method.begin_phase

        def record(method, learner, phase):
            self.start[phase.index] = {name: value.clone() for name, value in learner.state_dict().items()}
            self.depths[phase.index] = learner.backbone.depth, phase.teacher and phase.teacher.learner.backbone.depth
            self.teachers[phase.index] = phase.teacher and weights_digest(phase.teacher.learner.state_dict())
            begin(method, learner, phase)
        monkeypatch.setattr(Method, 'begin_phase', record)


@pytest.fixture(scope='module')
def grown(tmp_path_factory, data_root):
    """A run of HAD on the growing stream: its config, its results, and what its phases began with."""
    folder = tmp_path_factory.mktemp('grown')
    cfg = stream_config(folder / 'c.py', data_root, folder / 'run', model=WHOLE_RESNET, phases=deepcopy(GROWING))
    with pytest.MonkeyPatch.context() as monkeypatch:
        begun = Begun(monkeypatch)
        results = train_stream(cfg)
    return cfg, results, begun


def weights(cfg, index):
    return read_checkpoint(Path(cfg.work_dir, FOLDERS[index - 1], 'phase.safetensors'))['state_dict']


def part(state, prefix):
    return {name: value for name, value in state.items() if name.startswith(prefix)}


def shas(results):
    return [phase.weights_sha256 for phase in results.phases]


# ---- student and teacher -------------------------------------------------------------------------------------------

def test_the_student_has_the_new_backbone_and_the_teacher_keeps_the_old_one(grown):
    _, results, begun = grown
    assert begun.depths == {1: (18, None), 2: (50, 18), 3: (50, 50)}
    assert [begun.teachers[index] for index in (2, 3)] == shas(results)[:2]


def test_a_new_learner_starts_with_all_heads_reinitialised(grown):
    cfg, _, begun = grown
    trained, start = weights(cfg, 1), begun.start[2]
    assert {name.split('.')[1] for name in part(start, 'heads.')} == {'segmentation', 'depth'}
    same_shape = [name for name in part(start, 'heads.segmentation.')
                  if start[name].dim() > 1 and start[name].shape == trained[name].shape]
    assert 'heads.segmentation.output.weight' in same_shape and 'heads.segmentation.refine.conv.weight' in same_shape
    assert not any(torch.equal(start[name], trained[name]) for name in same_shape)
    means = [value for name, value in start.items() if name.endswith('running_mean')]
    assert means and not any(mean.any() for mean in means)  # nor were statistics left behind by counting channels


def test_the_phase_after_a_change_goes_on_with_the_new_learner(grown):
    cfg, _, begun = grown
    old = weights(cfg, 2)
    assert {name for name in begun.start[3] if name not in old} == set(part(begun.start[3], 'heads.normal.'))
    assert weights_digest({name: begun.start[3][name] for name in old}) == weights_digest(old)


def test_the_heads_are_as_wide_as_the_features_of_their_phase(grown):
    cfg, _, _ = grown
    for index, width in enumerate(WIDTHS, 1):
        state = weights(cfg, index)
        assert {state[f'heads.{task}.pool.conv.weight'].shape for task in STREAM[:index]} == {(8, width, 1, 1)}


def test_a_new_backbone_starts_from_a_checkpoint_of_its_own(config, grown, monkeypatch, tmp_path):
    pretrained = part(weights(grown[0], 3), 'backbone.')
    torch.save({name.removeprefix('backbone.'): value for name, value in pretrained.items()}, tmp_path / 'weights.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'weights.pth'))
    begun = Begun(monkeypatch)
    cfg = config(phases=[GROWING[0], dict(task='depth', backbone=dict(RESNET50, init_cfg=init_cfg)), GROWING[2]])
    train_stream(cfg, take_over=grown[0].work_dir, until=2)
    assert weights_digest(part(begun.start[2], 'backbone.')) == weights_digest(pretrained)


def test_the_reinitialised_old_heads_learn_from_the_teacher(grown):
    cfg, _, begun = grown
    name = 'heads.segmentation.output.weight'
    assert not torch.equal(begun.start[2][name], weights(cfg, 2)[name])


@pytest.mark.parametrize('method', [
    pytest.param(method, id=method['type'], marks=[pytest.mark.slow] * (number > 0))
    for number, method in enumerate(ANY_BACKBONE)])
def test_methods_that_work_through_outputs_or_images_train_the_reinitialised_old_heads(config, monkeypatch, method):
    begun = Begun(monkeypatch)
    cfg = config(method, phases=GROWING[:2], train_cfg__max_epochs=1)
    train_stream(cfg)
    end = weights(cfg, 2)
    assert begun.depths[2][0] == 50 and all(value.isfinite().all() for value in end.values())
    name = 'heads.segmentation.output.weight'
    assert not torch.equal(begun.start[2][name], end[name])


def test_vanilla_leaves_the_reinitialised_old_head_as_it_starts(config, grown, monkeypatch):
    begun = Begun(monkeypatch)
    cfg = config(dict(type='Vanilla'), phases=GROWING[:2], train_cfg__max_epochs=1)
    train_stream(cfg)
    before, after = (part(state, 'heads.segmentation.') for state in (begun.start[2], weights(cfg, 2)))
    assert weights_digest(before) == weights_digest(after)
    assert weights_digest(begun.start[2]) == weights_digest(grown[2].start[2])  # the start depends on the seed alone


def test_separate_models_each_have_their_backbone(config):
    cfg = config(dict(type='SingleTask'), phases=GROWING[:2], train_cfg__max_epochs=1)
    results = train_stream(cfg)
    (second, *_), (first, *_) = last_learners(cfg.work_dir)
    assert [(list(learner.tasks), learner.backbone.depth) for learner in (first, second)] == [
        (['segmentation'], 18), (['depth'], 50)]
    assert results.phases[1].parameters == sum(p.numel() for learner in (first, second) for p in learner.parameters())


# ---- what a run leaves behind --------------------------------------------------------------------------------------

@pytest.mark.parametrize('index, depth', enumerate((18, 50, 50), 1))
def test_each_checkpoint_rebuilds_its_own_learner_which_predicts_all_tasks_seen(grown, index, depth):
    cfg, results, _ = grown
    learner = load_learner(Path(cfg.work_dir, results.phases[index - 1].checkpoint))
    assert learner.backbone.depth == depth
    with torch.no_grad():
        outputs = learner(torch.zeros(2, 3, 32, 48))
    assert {task: tuple(output.shape) for task, output in outputs.items()} == {
        task: (2, CHANNELS[task], 32, 48) for task in STREAM[:index]}


@pytest.mark.parametrize('index', [1, 2])
def test_each_checkpoint_is_scored_again_as_in_the_results(grown, index):
    cfg, results, _ = grown
    phase = results.phases[index - 1]
    again = test_learner(Path(cfg.work_dir, phase.checkpoint))
    assert again == {task: pytest.approx(metrics, rel=1e-6) for task, metrics in phase.metrics.items()}


def test_the_results_say_which_backbone_each_phase_had(grown):
    cfg, results, _ = grown
    assert Results.load(cfg.work_dir) == results
    first, second, third = (phase.backbone for phase in results.phases)
    assert first.startswith('ResNet(') and 'depth=18' in first and 'init_cfg' not in first
    assert second == third == first.replace('depth=18', 'depth=50')
    for index, phase in enumerate(results.phases, 1):
        assert phase.parameters == sum(value.numel() for name, value in weights(cfg, index).items()
                                       if name.endswith(('weight', 'bias')))


# ---- resuming and taking over --------------------------------------------------------------------------------------

class InterruptedRunError(Exception):
    pass


def test_a_run_killed_after_the_change_restores_both_architectures_and_ends_with_the_same_weights(
        config, grown, monkeypatch):
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
    begun = Begun(monkeypatch)
    resumed = train_stream(cfg, resume=True)
    assert begun.depths == {2: (50, 18), 3: (50, 50)}
    _, whole, whole_begun = grown
    assert begun.teachers[2] == whole_begun.teachers[2]
    assert weights_digest(begun.start[2]) != weights_digest(whole_begun.start[2])  # from its second epoch on
    assert shas(resumed) == shas(whole)


def test_only_the_phases_before_the_change_are_taken_over_for_a_run_without_one(config, grown):
    cfg = config(phases=[dict(task=name) for name in STREAM])
    results = train_stream(cfg, take_over=grown[0].work_dir, until=2)
    assert shas(results)[0] == shas(grown[1])[0]
    epochs = [len(list(Path(cfg.work_dir, folder).glob('epoch_*.pth'))) for folder in FOLDERS[:2]]
    assert epochs == [0, 2] and 'depth=18' in results.phases[1].backbone


def test_a_phase_with_a_new_backbone_is_taken_over_as_a_whole(config, grown):
    cfg = config()
    assert shas(train_stream(cfg, take_over=grown[0].work_dir, until=2)) == shas(grown[1])[:2]
    assert not list(Path(cfg.work_dir).rglob('epoch_*.pth'))


def test_a_first_phase_of_another_backbone_is_not_taken_over(config, grown):
    cfg = config(phases=[dict(GROWING[0], backbone=dict(depth=34)), *GROWING[1:]])
    with pytest.raises(RunError, match='the first phase of .* was trained with another config'):
        train_stream(cfg, take_over=grown[0].work_dir)
    assert not Path(cfg.work_dir).exists()


# ---- the configs of the phases -------------------------------------------------------------------------------------

def backbones(cfg):
    return [phase.backbone for phase in Stream.from_config(cfg).phases]


def test_a_phase_without_a_backbone_keeps_that_of_the_phase_before(config):
    cfg = config(phases=[dict(task='segmentation'), dict(task='depth', backbone=SWIN), dict(task='normal')])
    first, second, third = backbones(cfg)
    assert first == cfg.model.backbone.to_dict() and second == third == SWIN  # of another type, so nothing is inherited


def test_what_a_backbone_does_not_name_is_that_of_the_phase_before(config):
    cfg = config(phases=[
        dict(task='segmentation'), dict(task='depth', backbone=dict(depth=50, base_channels=16)),
        dict(task='normal', backbone=dict(base_channels=24))])
    plain = cfg.model.backbone.to_dict()
    assert backbones(cfg) == [plain, {**plain, 'depth': 50, 'base_channels': 16},
                                    {**plain, 'depth': 50, 'base_channels': 24}]


def test_a_checkpoint_to_start_from_is_not_inherited_and_a_way_to_draw_weights_is(config):
    own = dict(type='Pretrained', checkpoint='resnet50.pth')
    drawn = dict(type='Kaiming', layer='Conv2d')
    for stream, change, expected in (
            (dict(type='Pretrained', checkpoint='resnet18.pth'), dict(depth=50), None),
            (dict(type='Pretrained', checkpoint='resnet18.pth'), dict(depth=50, init_cfg=own), own),
            (drawn, dict(depth=50), drawn)):
        cfg = config(phases=[dict(task='segmentation'), dict(task='depth', backbone=change), dict(task='normal')])
        cfg.model.backbone.init_cfg = stream
        assert phase_config(cfg, 1).model.backbone.init_cfg == stream
        assert phase_config(cfg, 2).model.backbone.init_cfg == expected
        assert phase_config(cfg, 3).model.backbone.init_cfg is None  # its weights come from the phase before


def test_frozen_normalisations_learn_in_the_phase_of_a_change(config):
    cfg = config(batch_norm='freeze_all')
    assert phase_config(cfg, 2).model.get('backbone_norm', 'train') == 'train'
    assert phase_config(cfg, 3).model.backbone_norm == 'freeze_all'


def test_the_same_backbone_written_out_is_the_same_training(config):
    plain = config(phases=[dict(task=name) for name in STREAM])
    backbone = plain.model.backbone.to_dict()
    written = config(phases=[dict(task=name, backbone=dict(backbone, out_indices=[3])) for name in STREAM])
    assert [training_hash(written, index) for index in (1, 2, 3)] == [
        training_hash(plain, index) for index in (1, 2, 3)]
    for index in (1, 2, 3):
        assert 'is_new_learner' not in phase_config(plain, index).phase
        assert phase_config(plain, index).model.head.in_channels == 64


def test_another_backbone_is_another_run_from_its_phase_on(config):
    plain, growing = config(phases=[dict(task=name) for name in STREAM]), config(phases=[
        dict(task='segmentation'), dict(task='depth', backbone=RESNET50), dict(task='normal')])
    same = [training_hash(plain, index) == training_hash(growing, index) for index in (1, 2, 3)]
    assert same == [True, False, False] and config_hash(plain) != config_hash(growing)


def test_a_stored_backbone_is_described_like_the_one_that_was_stored():
    backbone = dict(type='ResNet', depth=18, out_indices=(3, ), norm_cfg=dict(type='BN', shape=((1, 2), )))
    stored = json.loads(json.dumps(backbone))
    assert describe_backbone(stored) == describe_backbone(backbone) == (
        "ResNet(depth=18, out_indices=(3,), norm_cfg={'type': 'BN', 'shape': ((1, 2),)})")


# ---- the channels of the heads -------------------------------------------------------------------------------------

@pytest.mark.parametrize('in_index, counted, by_hand', [(-1, 16, 16), ((0, 1), [8, 16], 24)])
def test_channels_that_are_not_given_are_counted(in_index, counted, by_hand):
    backbone = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(0, 1))
    head = dict(type='ASPPHead', channels=8, dilations=(1, ), in_index=in_index)
    tasks = dict(depth=dict(type='DepthEstimation'))
    learner = Learner(backbone, dict(head, in_channels=None), tasks)
    given = Learner(backbone, dict(head, in_channels=counted), tasks)
    assert learner.heads['depth'].pool.conv.in_channels == by_hand
    assert {name: value.shape for name, value in learner.state_dict().items()} == {
        name: value.shape for name, value in given.state_dict().items()}
    assert learner.training and all(module.training for module in learner.modules())


# ---- what is refused -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('method', ONE_BACKBONE, ids=[method['type'] for method in ONE_BACKBONE])
def test_methods_that_are_tied_to_one_backbone_refuse_another(config, method):
    cfg = config(method)
    with pytest.raises(ConfigError) as refusal:
        train_stream(cfg)
    assert str(refusal.value) == (
        f'phases[1].backbone is another one than in phase 1, but {method["type"]} is tied to the weights or features '
        f'of one; remove it, or use a method that compares outputs, such as HAD, DIS or LwF')
    assert not Path(cfg.work_dir).exists()
    cfg.phases[1].pop('backbone')
    Stream.from_config(cfg)
    # Neither the first phase's own backbone nor the same one again is a change.
    cfg.phases[0].backbone, cfg.phases[1].backbone = dict(depth=34), dict(depth=34)
    Stream.from_config(cfg)


@pytest.mark.parametrize('backbone, named, cure', [
    ('ResNet', "phases[1].backbone is 'ResNet'", 'expected a dictionary'),
    (dict(dept=50), "phases[1].backbone: ResNet has no option 'dept'", "did you mean 'depth'"),
    (dict(type='ResNett', depth=50), "phases[1].backbone names the unknown model 'ResNett'", "'ResNet'"),
    (dict(type='SwinTransformer', depth=50), "phases[1].backbone: SwinTransformer has no option 'depth'", 'depths'),
    (dict(depth=51), 'phases[1].backbone: ResNet cannot be built', 'correct its options'),
    (dict(depth=50, out_indices=(3, )), 'head.in_index names the feature map 1, but ResNet gives 1',
     'change out_indices of the backbone, or head.in_index'),
])
def test_a_backbone_that_cannot_be_used_is_named_before_the_first_phase(config, backbone, named, cure):
    cfg = config(phases=[dict(task='segmentation'), dict(task='depth', backbone=backbone)],
                 model__backbone__out_indices=(2, 3), model__head__in_index=1)
    with pytest.raises(ConfigError) as refusal:
        train_stream(cfg)
    assert named in str(refusal.value) and cure in str(refusal.value) and '\n' not in str(refusal.value)
    assert not Path(cfg.work_dir).exists()
