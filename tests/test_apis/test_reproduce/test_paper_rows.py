import pytest
from mmengine.config import Config
from test_engine.tiny_stream import ROOT

from lhl.apis.reproduce.paper_rows import TABLES, describe_tables, find_table, printed_members, row_of
from lhl.config_files import merge_options, parse_options
from lhl.errors import ConfigError
from lhl.evaluation import published_table, published_tables

PARTS = {part.published: part for table in TABLES.values() for part in table.parts}
#: What KDAM calls its networks and data -> what the configs say.
_WIDTHS = {'Swin-T': (96, (2, 2, 6, 2)), 'Swin-S': (96, (2, 2, 18, 2))}
_DATA = {'NYUD-v2': 'NYUDv2', 'PASCAL-Context': 'PASCALContext', 'Split CIFAR-10': 'CIFAR10',
         'Split CIFAR-100': 'CIFAR100', 'Split Tiny ImageNet': 'TinyImageNet'}


def config_of(member):
    cfg = Config.fromfile(ROOT / member.config)
    merge_options(cfg, parse_options(list(member.options)))
    return cfg


def test_every_published_table_can_be_trained_again():
    assert sorted(PARTS) == sorted(published_tables())


@pytest.mark.parametrize('name', PARTS)
def test_each_printed_row_is_trained_or_is_said_to_be_missing(name):
    part, published = PARTS[name], published_table(name)
    members = printed_members(part)
    assert {row_of(member) for member in members} == set(published.rows) - set(published.not_here)
    assert set(published.not_here) <= set(published.rows)
    assert row_of(part.group.reference) == published.reference and members[0] == part.group.reference


@pytest.mark.parametrize('name', [name for name in PARTS if name.startswith('had')])
def test_rows_of_had_are_configs_of_its_stream_backbone_and_data(name):
    part, published = PARTS[name], published_table(name)
    for member in printed_members(part):
        if member.name not in ('vanilla', 'joint', 'had'):
            assert member.options == part.group.reference.options
            continue
        cfg = config_of(member)
        tasks = [name for entry in cfg.phases for name in entry.get('tasks', [entry.get('task')])]
        stream = cfg.get('order') or tasks
        assert (sorted(stream) == sorted(published.stream)) if member.name == 'joint' else \
            (list(stream) == list(published.stream))
        assert f'ResNet-{cfg.model.backbone.depth}' == published.backbone
        assert cfg.train_dataloader.dataset.type == published.dataset


@pytest.mark.parametrize('name', [name for name in PARTS if name.startswith('kdam')])
def test_rows_of_kdam_are_configs_of_its_network_teacher_and_data(name):
    part, published = PARTS[name], published_table(name)
    table = next(table for table in TABLES.values() if part in table.parts)
    assert table.name == f'kdam-table{name.split("_")[2]}'
    for member in printed_members(part):
        cfg = config_of(member)
        tasks = [name for entry in cfg.phases for name in entry.get('tasks', [entry.get('task')])]
        assert tasks == list(published.stream)
        assert cfg.train_dataloader.dataset.type == _DATA[published.dataset]
        backbone = cfg.model.backbone
        assert (backbone.type == 'HRNet') if published.backbone == 'HRNet18' else \
            ((backbone.embed_dims, tuple(backbone.depths)) == _WIDTHS[published.backbone])
        if 'teacher' in cfg.method:
            assert cfg.method.teacher in {f'work_dirs/{needed.name}' for needed in table.needs}
            assert row_of(member).endswith('Swin-B') == ('swin_b' in cfg.method.teacher)


def test_options_of_kdams_ablations_are_those_that_are_printed():
    members = {row_of(member): config_of(member) for name in ('kdam_table_5_beta', 'kdam_table_5_temperature',
                                                            'kdam_table_6', 'kdam_table_7')
               for member in printed_members(PARTS[name])}
    assert [(cfg.method.type, cfg.method.weight) for row, cfg in members.items() if row == 'beta 0.1'] == [('KD', 0.1)]
    assert members['T 16'].method.temperature == 16 and members['100 epochs'].train_cfg.max_epochs == 100
    assert members['KDAM intra only'].method.inter_weight == 0 == members['KDAM inter only'].method.intra_weight


@pytest.mark.parametrize('name', [name for name in PARTS if name.startswith('hcl')])
def test_rows_of_hcl_are_configs_of_its_stream(name):
    count, _, size = published_table(name).stream[0].partition(' tasks of ')
    for member in printed_members(PARTS[name]):
        cfg = config_of(member)
        assert cfg.train_dataloader.dataset.type == _DATA[published_table(name).dataset]
        assert len(cfg.tasks) == int(count)
        assert {len(task.labels) for task in cfg.tasks.values()} == {int(size.split()[0])}


def test_the_list_names_every_table_with_its_rows_and_what_is_not_here():
    text = describe_tables()
    assert all(f'{name}:' in text for name in TABLES) and 'Local POD fro' in text
    assert 'not here: PAD-Net, ATRC, MQTransformer' in text and 'starts from: joint_swin_l_nyud' in text
    assert 'kdam-table2: not here, its students are InvPT and DeMT' in text


def test_an_unknown_table_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match="there is no table 'had-table3'; did you mean"):
        find_table('had-table3')
    with pytest.raises(ConfigError, match='kdam-table2 cannot be trained: its students are InvPT and DeMT'):
        find_table('kdam-table2')
