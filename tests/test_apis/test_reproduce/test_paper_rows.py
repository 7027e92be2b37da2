import pytest
from mmengine.config import Config
from test_engine.tiny_stream import ROOT

from lhl.apis.reproduce.paper_rows import ROWS, TABLES, describe_tables, find_table, printed_members
from lhl.config_files import merge_options, parse_options
from lhl.errors import ConfigError
from lhl.evaluation import published_table, published_tables

PARTS = {part.published: part for table in TABLES.values() for part in table.parts}


def test_every_published_table_can_be_trained_again():
    assert sorted(PARTS) == sorted(published_tables())


@pytest.mark.parametrize('name', PARTS)
def test_each_printed_row_is_trained_by_a_config_of_its_stream_backbone_and_data(name):
    part, published = PARTS[name], published_table(name)
    members = printed_members(part)
    assert {ROWS[member.name] for member in members} == set(published.rows)
    assert ROWS[part.group.reference.name] == published.reference and members[0] == part.group.reference
    for member in members:
        if member.name not in ('vanilla', 'joint', 'had'):
            assert member.options == part.group.reference.options
            continue
        cfg = Config.fromfile(ROOT / member.config)
        merge_options(cfg, parse_options(list(member.options)))
        tasks = [name for entry in cfg.phases for name in entry.get('tasks', [entry.get('task')])]
        stream = cfg.get('order') or tasks
        expected = list(published.stream)
        if name == 'had_table_2':  # its depth_euclidean is called what Taskonomy's own code calls it
            expected = [{'depth_euclidean': 'euclidean_distance'}.get(task, task) for task in expected]
            stream = [{'depth_euclidean': 'euclidean_distance'}.get(task, task) for task in stream]
        assert (sorted(stream) == sorted(expected)) if member.name == 'joint' else (list(stream) == expected)
        assert f'ResNet-{cfg.model.backbone.depth}' == published.backbone
        assert cfg.train_dataloader.dataset.type == published.dataset


def test_the_list_names_every_table_with_its_rows():
    text = describe_tables()
    assert all(f'{name}:' in text for name in TABLES) and 'Local POD fro' in text


def test_an_unknown_table_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match="there is no table 'had-table3'; did you mean"):
        find_table('had-table3')
