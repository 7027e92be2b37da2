import pytest
from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS

from lhl.errors import CheckpointError, ConfigError
from lhl.stored_configs import check_stored_config, component_names
from lhl.trust import trusting_configs, trusting_names


@pytest.mark.parametrize('path', ['had/had_tiny_synthrooms.py', 'hcl/hcl_split_synth_objects.py',
                                  'had/had_growing_adapted_tiny_synthrooms.py'])
def test_the_configs_of_lhl_name_registered_components_only(path):
    config = Config.fromfile(CONFIGS / path).to_dict()
    check_stored_config(config, 'a file')
    assert component_names(config) == set()


@pytest.mark.parametrize('config, where', [
    (dict(model=dict(type='Learner', backbone=dict(type='os.system'))), "model.backbone.type='os.system'"),
    (dict(model=dict(type='Learner', backbone=dict(type=['a']))), "model.backbone.type="),
    (dict(model=dict(backbone=dict(type='ResNet', conv_type='a.b'))), "model.backbone.conv_type='a.b'"),
    (dict(model=dict(backbone=dict(type='mmseg.a.b'))), "type='mmseg.a.b'"),
    (dict(model=dict(backbone=dict(type='ResNet', _scope_='os'))), "model.backbone._scope_='os'"),
    (dict(default_scope='os'), "default_scope='os'"),
    (dict(any_name=[dict(deeper=dict(type='os.system'))]), "any_name[0].deeper.type='os.system'"),
    (dict(phases=[dict(task='a', method=dict(type='x.y'))]), "phases[0].method.type='x.y'"),
    (dict(tasks=dict(type=dict(type='os.system'))), "'os.system'"),
])
def test_what_could_be_any_code_is_refused_unless_it_is_trusted(config, where):
    with pytest.raises(CheckpointError) as error:
        check_stored_config(config, 'a file')
    assert where in str(error.value) and 'give `trust_config=True`' in str(error.value)
    with trusting_configs():
        check_stored_config(config, 'a file')


@pytest.mark.parametrize('config, kind', [
    (dict(model=dict(type='Learner', backbone=dict(type='Adam'))), 'model'),
    (dict(model=dict(type='Unheard')), 'model'),
    (dict(tasks=dict(depth=dict(type='ResNet'))), 'task'),
    (dict(tasks=dict(depth=dict(type='DepthEstimation', metrics=[dict(type='IoUMetric')]))), 'metric'),
    (dict(method=dict(type='Combined', methods=[dict(type='ResNet')])), 'method'),
    (dict(val_dataloader=dict(dataset=dict(type='CityscapesDataset'))), 'dataset'),
    (dict(val_dataloader=dict(dataset=dict(type='NYUv2', pipeline=[dict(type='LoadBiomedicalData')]))), 'transform'),
    (dict(val_dataloader=dict(sampler=dict(type='NYUv2'))), 'data sampler'),
])
def test_a_component_of_another_kind_than_its_place_expects_is_refused(config, kind):
    with pytest.raises(CheckpointError, match=f'which is no registered {kind}'):
        check_stored_config(config, 'a file')


def test_what_the_users_own_config_names_is_trusted_where_it_is_found_again():
    config = dict(model=dict(backbone=dict(type='my.Backbone')))
    with trusting_names(component_names(config)):
        check_stored_config(config, 'a file')
        with pytest.raises(CheckpointError):
            check_stored_config(dict(model=dict(type='other.Backbone')), 'a file')


@pytest.mark.parametrize('name', ['../a', 'a/b', '', '.', '..', 'a\nb', '/etc', 3])
def test_a_task_has_a_name_that_can_be_part_of_a_folders(name):
    for config in (dict(tasks={name: {}}), dict(phases=[dict(task=name)]), dict(phases=[dict(tasks=['a', name])])):
        with pytest.raises(CheckpointError, match='cannot be part of the name of a folder'):
            check_stored_config(config, 'a file')


@pytest.mark.parametrize('config', [dict(phases='a'), dict(tasks=[]), dict(model='a'), dict(phases=['a'])])
def test_what_is_no_config_is_refused(config):
    with pytest.raises(CheckpointError, match='holds no config of a stream'):
        check_stored_config(config, 'a file')


def test_modules_are_imported_for_nobody():
    with pytest.raises(ConfigError, match='would run the code'):
        check_stored_config(dict(custom_imports=dict(imports=['antigravity_of_a_run'])), 'a file')
    check_stored_config(dict(custom_imports=dict(imports=['json'])), 'a file')
