from copy import deepcopy
from pathlib import Path

import pytest
import torch

from lhl.engine import Stream
from lhl.engine.plan.stream import method_name
from lhl.errors import ConfigError
from lhl.registry import DATASETS
from test_engine.resolved import phase_config
from test_engine.tiny_stream import FOLDERS, STREAM, WHOLE_RESNET, stream_config


@pytest.fixture
def config(tmp_path, data_root):
    def build(**options):
        return stream_config(tmp_path / 'config.py', data_root, tmp_path / 'run', model=WHOLE_RESNET, **options)
    return build


def changed(cfg, **options):
    cfg = deepcopy(cfg)
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    return cfg


# ---- the config of a phase -----------------------------------------------------------------------------------------

def test_the_streams_config_is_left_as_it_is(config):
    cfg = config()
    before = deepcopy(cfg.to_dict())
    for index in (1, 2, 3):
        phase = phase_config(cfg, index)
        phase.model.backbone.depth = 50
        phase.train_dataloader.dataset.pipeline.clear()
    assert cfg.to_dict() == before


def test_each_phase_has_its_own_folder_named_by_number_and_task(config):
    cfg = config()
    for index, folder in enumerate(FOLDERS, 1):
        assert phase_config(cfg, index).work_dir == str(Path(cfg.work_dir, folder))


def test_a_phase_trains_its_own_task_and_is_scored_on_all_seen(config):
    cfg = config()
    for index, name in enumerate(STREAM, 1):
        phase = phase_config(cfg, index)
        assert list(phase.train_dataloader.dataset.tasks) == [name]
        assert list(phase.val_dataloader.dataset.tasks) == list(STREAM[:index])
        assert list(phase.model.tasks) == list(STREAM[:index])
        assert [metric['task'] for metric in phase.val_evaluator] == list(STREAM[:index])


def test_the_phases_share_out_all_training_images_evenly(config):
    cfg = config()
    parts = [DATASETS.build(phase_config(cfg, index).train_dataloader.dataset.to_dict()).indices
             for index in (1, 2, 3)]
    assert [len(part) for part in parts] == [6, 6, 6]
    assert sorted(sum(parts, [])) == list(range(18))


@pytest.mark.parametrize('seed', [0, 7])
def test_images_are_augmented_by_the_seed_of_the_run(config, seed):
    for index in (1, 2, 3):
        loader = phase_config(config(randomness__seed=seed), index).train_dataloader
        assert loader.dataset.seed == seed
    first, other = (DATASETS.build(dict(loader.dataset.to_dict(), seed=chosen))[0]['inputs'] for chosen in (seed, 1))
    assert not torch.equal(first, other)


def test_phases_with_images_of_their_own_share_with_those_alone_that_have_the_same(config, tmp_path):
    cfg = config()
    cfg.phases = [dict(task='segmentation'), dict(task='depth', train_dataloader=dict(dataset=dict(data_root='b'))),
                  dict(task='normal', train_dataloader=dict(batch_size=4, dataset=dict(pipeline=[])))]
    parts = [phase_config(cfg, index).train_dataloader.dataset.part for index in (1, 2, 3)]
    assert parts == [dict(index=0, count=2), dict(index=0, count=1), dict(index=1, count=2)]


def test_a_task_is_scored_on_the_data_of_the_phase_that_learns_it(config):
    cfg = config()
    cfg.phases = [dict(task='segmentation'), dict(task='depth', val_dataloader=dict(dataset=dict(data_root='b'))),
                  dict(task='normal')]
    ours = cfg.val_dataloader.dataset.data_root
    second, third = phase_config(cfg, 2), phase_config(cfg, 3)
    assert (second.val_dataloader.dataset.data_root, list(second.val_dataloader.dataset.tasks)) == (
        ours, ['segmentation'])
    other, = second.val_cfg.others
    assert (other.dataloader.dataset.data_root, list(other.dataloader.dataset.tasks)) == ('b', ['depth'])
    assert [metric['task'] for metric in other.evaluator] == ['depth']
    assert list(third.val_dataloader.dataset.tasks) == ['segmentation', 'normal']
    assert [metric['task'] for metric in third.val_evaluator] == ['segmentation', 'normal']


def test_a_phase_without_validation_data_leaves_its_task_unscored(config):
    cfg = config()
    cfg.phases = [dict(task='segmentation', val_dataloader=None), dict(task='depth'), dict(task='normal')]
    first, second = phase_config(cfg, 1), phase_config(cfg, 2)
    assert (first.val_dataloader, first.val_evaluator, first.val_cfg) == (None, None, None)
    assert list(second.val_dataloader.dataset.tasks) == ['depth'] and second.val_cfg == {}


def test_the_heads_of_single_tasks_come_with_their_tasks(config):
    cfg = config()
    cfg.model.heads = dict(depth=dict(type='ASPPHead', in_channels=64, channels=4))
    assert phase_config(cfg, 1).model.heads == {}
    assert phase_config(cfg, 2).model.heads.depth.channels == 4


def test_every_phase_after_the_first_starts_from_the_one_before(config):
    cfg = config(model__backbone__init_cfg=dict(_delete_=True, type='Pretrained', checkpoint='weights.pth'))
    first, second, third = (phase_config(cfg, index) for index in (1, 2, 3))
    assert first.phase.previous_checkpoint is None
    assert second.phase.previous_checkpoint == str(Path(cfg.work_dir, FOLDERS[0], 'phase.safetensors'))
    assert third.phase.previous_checkpoint == str(Path(cfg.work_dir, FOLDERS[1], 'phase.safetensors'))
    assert first.model.backbone.init_cfg.checkpoint == 'weights.pth'
    assert second.model.backbone.init_cfg is None and third.model.backbone.init_cfg is None


def test_a_phase_overrides_what_it_names_and_nothing_else(config):
    cfg = config(phases=[
        dict(task='segmentation'),
        dict(task='depth', loss_weight=0.25, lr_factors=dict(encoder=0.1), method=dict(alpha=7.0),
             train_cfg=dict(max_epochs=5), train_dataloader=dict(batch_size=3),
             optim_wrapper=dict(optimizer=dict(lr=0.5)), param_scheduler=dict(warmup=0.4)),
        dict(task='normal')])
    plain = config()
    plain_phases = [phase_config(plain, index) for index in (1, 2, 3)]
    first, second, third = (phase_config(cfg, index) for index in (1, 2, 3))
    for phase, without in ((first, plain_phases[0]), (third, plain_phases[2])):
        without.phases = phase.phases
        assert phase.to_dict() == without.to_dict()
    assert second.phase.loss_weight == 0.25 and first.phase.loss_weight == 1.0
    assert second.optim_wrapper.paramwise_cfg == dict(new_tasks=['depth'], lr_factors=dict(encoder=0.1))
    assert second.method.alpha == 7.0 and second.method.group_threshold == 0.9
    assert second.train_cfg.max_epochs == 5 and second.train_cfg.by_epoch
    assert second.train_dataloader.batch_size == 3
    assert second.train_dataloader.dataset.type == 'NYUv2'
    assert second.optim_wrapper.optimizer == dict(first.optim_wrapper.optimizer, lr=0.5)
    assert second.param_scheduler.warmup == 0.4 and second.param_scheduler.end_factor == 0.02


def test_a_method_may_be_replaced_as_a_whole(config):
    cfg = config(phases=[dict(task='segmentation', method=dict(_delete_=True, type='Vanilla')), dict(task='depth')])
    assert phase_config(cfg, 1).method == dict(type='Vanilla')
    assert phase_config(cfg, 2).method.type == 'HAD'


def test_options_that_need_workers_go_with_the_workers(config):
    cfg = config(train_dataloader__persistent_workers=True, train_dataloader__prefetch_factor=4)
    assert not phase_config(cfg, 1).train_dataloader.persistent_workers
    assert 'prefetch_factor' not in phase_config(cfg, 1).train_dataloader
    with_workers = phase_config(changed(cfg, train_dataloader__num_workers=2), 1).train_dataloader
    assert with_workers.persistent_workers and with_workers.prefetch_factor == 4


def test_the_users_hooks_come_after_the_engines(config):
    hooks = phase_config(config(custom_hooks=[dict(type='EMAHook')]), 2).custom_hooks
    assert [hook['type'] for hook in hooks] == ['ContinualPhaseHook', 'EMAHook']


# ---- phases that another run has trained -----------------------------------------------------------------------------

@pytest.fixture
def extended(config):
    """Two phases of HAD, and one of the config's own method."""
    def build(method='HAD', **options):
        cfg = config(method=method, **options)
        cfg.phases = [dict(task=name, trained_by='HAD') for name in STREAM[:2]] + [dict(task=STREAM[2])]
        return cfg
    return build


def test_a_given_phase_takes_none_of_the_images(extended):
    assert phase_config(extended(), 3).train_dataloader.dataset.part == dict(index=0, count=1)
    assert len(DATASETS.build(phase_config(extended(), 3).train_dataloader.dataset.to_dict())) == 18


def test_the_state_of_another_method_is_left_and_that_of_its_own_is_not(extended):
    assert 'leaves_state' not in phase_config(extended('HAD'), 3).phase
    assert phase_config(extended('DIS'), 3).phase.leaves_state
    members = [dict(type='EWC', penalty=1.0), dict(type='DIS', alpha=1.0)]
    assert method_name(dict(type='Combined', methods=members)) == 'Combined(EWC, DIS)'


@pytest.mark.parametrize('phases, sentence', [
    ([dict(task='depth'), dict(task='normal', trained_by='HAD')], 'phase 2 was trained by another run, but phase 1 was '
                                                                  'not; give those first'),
    ([dict(task='depth', trained_by='HAD', train_cfg=dict(max_epochs=1)), dict(task='normal')],
     "phase 1 was trained by another run, but has the option 'train_cfg'; remove it"),
])
def test_given_phases_come_first_and_have_nothing_to_train_with(config, phases, sentence):
    cfg = config()
    cfg.phases = phases
    with pytest.raises(ConfigError, match=sentence):
        Stream.from_config(cfg)
