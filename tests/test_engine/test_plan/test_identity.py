from copy import deepcopy

import pytest
from mmengine.config import Config

from test_engine.resolved import config_hash, first_phase_hash, phase_config, training_hash
from test_engine.tiny_stream import stream_config

#: A config of the time before streams were resolved once, whose hashes are written down below.
OLD_CONFIG = dict(
    model=dict(
        type='Learner', backbone=dict(type='CIFARLeNet', widen_factor=0.5),
        head=dict(type='LinearHead', in_channels=None), heads=dict(objects_2=dict(type='LinearHead', in_channels=42))),
    tasks={f'objects_{number}': dict(type='ImageClassification', num_classes=2) for number in (1, 2, 3)},
    phases=[dict(task='objects_1'),
            dict(task='objects_2', method=dict(alpha=2.0), lr_factors=dict(encoder=0.5),
                 val_dataloader=dict(batch_size=1)),
            dict(task='objects_3', backbone=dict(type='CIFARResNet', widen_factor=0.125), old_heads='adapted',
                 loss_weight=3)],
    order=['objects_2', 'objects_1', 'objects_3'],
    method=dict(type='DIS', alpha=1.0), batch_norm='freeze_statistics',
    train_dataloader=dict(batch_size=2, num_workers=2, sampler=dict(type='EpochSampler'),
                          dataset=dict(type='SynthObjects', split='train', images_per_class=3, pipeline=[])),
    val_dataloader=dict(batch_size=2, sampler=dict(type='EpochSampler', shuffle=False),
                        dataset=dict(type='SynthObjects', split='val', images_per_class=1, pipeline=[])),
    optim_wrapper=dict(type='MethodOptimWrapper', optimizer=dict(type='Adam', lr=1e-3)),
    param_scheduler=dict(type='LinearWarmupDecayLR'), train_cfg=dict(by_epoch=True, max_epochs=1),
    randomness=dict(seed=3), work_dir='anywhere')


@pytest.fixture
def config(tmp_path, data_root):
    def build(**options):
        return stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', **options)
    return build


def changed(cfg, **options):
    cfg = deepcopy(cfg)
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    return cfg


# ---- the hash of a config ------------------------------------------------------------------------------------------

@pytest.mark.parametrize('option, value', [
    ('work_dir', 'elsewhere'), ('launcher', 'pytorch'), ('log_level', 'DEBUG'), ('train_dataloader__num_workers', 2),
    ('val_dataloader__num_workers', 2), ('train_dataloader__persistent_workers', True),
    ('train_dataloader__pin_memory', True), ('default_hooks__checkpoint__interval', 7),
    ('optim_wrapper__nonfinite', 'skip'), ('optim_wrapper__max_skipped', 3),
    ('teacher', dict(cache='off', memory_gib=1.0)), ('teacher', dict(cache='exact', fold=None, compile=False))])
def test_what_does_not_decide_the_weights_does_not_change_the_hash(config, option, value):
    cfg = config()
    other = changed(cfg, **{option: value})
    assert other.to_dict() != cfg.to_dict()
    assert config_hash(other) == config_hash(cfg)


@pytest.mark.parametrize('option, value', [
    ('randomness__seed', 1), ('method__alpha', 2.0), ('train_dataloader__batch_size', 3), ('train_cfg__max_epochs', 3),
    ('optim_wrapper__optimizer__lr', 0.5), ('optim_wrapper__amp', 'bfloat16'), ('model__head__channels', 9),
    ('phases', [dict(task='depth')]), ('train_dataloader__dataset__data_root', 'elsewhere'),
    ('teacher', dict(cache='float32')), ('teacher', dict(cache='float16')), ('teacher', dict(fold=True)),
    ('teacher', dict(fold=False)), ('teacher', dict(compile=True))])
def test_what_decides_the_weights_changes_the_hash(config, option, value):
    cfg = config()
    assert config_hash(changed(cfg, **{option: value})) != config_hash(cfg)


def test_the_config_kept_with_a_run_has_the_runs_hash(config, tmp_path):
    cfg = config()
    cfg.dump(tmp_path / 'dumped.py')
    assert config_hash(Config.fromfile(tmp_path / 'dumped.py')) == config_hash(cfg)


def test_another_number_of_processes_is_another_run(config):
    cfg = config()
    assert config_hash(cfg, num_processes=1) == config_hash(cfg)
    assert config_hash(cfg, num_processes=2) != config_hash(cfg)


def test_how_a_teacher_answers_is_part_of_the_training_from_the_second_phase_on(config):
    cfg = config()
    other = changed(cfg, teacher=dict(fold=True))
    assert training_hash(other, 1) == training_hash(cfg, 1) and first_phase_hash(other) == first_phase_hash(cfg)
    assert training_hash(other, 2) != training_hash(cfg, 2)
    assert training_hash(changed(cfg, teacher=dict(cache='off')), 3) == training_hash(cfg, 3)


def test_on_which_data_a_task_is_scored_is_no_part_of_its_training(config):
    cfg = config()
    other = deepcopy(cfg)
    other.phases[0] = dict(cfg.phases[0], val_dataloader=dict(dataset=dict(data_root='b')))
    assert training_hash(other, 3) == training_hash(cfg, 3)
    assert config_hash(other) != config_hash(cfg)


def test_extensions_of_other_weights_are_other_runs(config):
    extended = dict(phases=[dict(task='depth', trained_by='HAD'), dict(task='normal')], starts_from='1' * 64)
    assert config_hash(config(**extended)) != config_hash(config(**{**extended, 'starts_from': '2' * 64}))


def test_the_folder_of_a_run_is_no_part_of_a_phases_training(config):
    cfg = config()
    assert training_hash(changed(cfg, work_dir='elsewhere'), 3) == training_hash(cfg, 3)


def test_the_loop_of_several_validation_sets_is_no_part_of_the_training(config):
    """Neither its name nor its presence: a run of before a renaming has the same hash."""
    cfg = config()
    other = changed(cfg)
    other.phases[1] = dict(cfg.phases[1], val_dataloader=dict(dataset=dict(data_root='b')))
    assert phase_config(cfg, 2).val_cfg == {} and 'others' in phase_config(other, 2).val_cfg
    assert training_hash(other, 2) == training_hash(cfg, 2)


# ---- runs of before --------------------------------------------------------------------------------------------------

def test_a_run_of_before_is_known_by_the_same_hashes():
    """As lhl computed them at commit 65f1765, before Stream: such a run is resumed, extended and reused."""
    cfg = Config(deepcopy(OLD_CONFIG))
    assert (config_hash(cfg), config_hash(cfg, num_processes=2)) == ('d0c97f282203e19d', '22ed2bbaca55e600')
    assert [training_hash(cfg, index) for index in (1, 2, 3)] == [
        '9f8287716bddd1fe', 'c44934fac0bcec87', '804ed87bb46575a1']
    assert first_phase_hash(cfg) == '093460da54628706'
