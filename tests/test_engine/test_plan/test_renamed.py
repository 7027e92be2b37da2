import copy

from mmengine.config import Config

from lhl.engine import Stream, config_hash, training_hash
from lhl.engine.plan.renamed import with_first_names, with_present_names
from test_engine.tiny_stream import stream_config

OLD = dict(
    method=dict(type='Combined', methods=[dict(type='HAD', edges_of='prediction'), dict(type='EWC', weight=1)]),
    phases=[dict(task='a'), dict(task='b', old_heads='fresh', method=dict(edges_of='loss'))])


def test_old_names_become_present_ones_at_any_depth_and_back():
    before = copy.deepcopy(OLD)
    now = with_present_names(OLD)
    assert now['method']['methods'] == [dict(type='HAD', edge_source='prediction'), dict(type='EWC', weight=1)]
    assert now['phases'] == [dict(task='a'), dict(task='b', old_heads='reinit', method=dict(edge_source='loss'))]
    assert with_first_names(now) == OLD == before and with_present_names(now) == now


def test_values_of_other_options_and_unknown_words_stay():
    config = dict(name='fresh', old_heads='adapted', edges=['reinit', 'fresh'], strides=(1, 2))
    assert with_present_names(config) == config == with_first_names(config)


def test_a_run_of_lhl_0_1_is_identified_by_a_config_with_the_present_names(tmp_path, data_root):
    had = dict(type='HAD', alpha=1.0, group_threshold=0.5,
               distribution_balanced=dict(type='DistributionBalancedLoss'),
               saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run')
    streams = []
    for name in ('edges_of', 'edge_source'):
        own = Config(copy.deepcopy(cfg.to_dict()))
        own.method = {**had, name: 'prediction'}
        streams.append(Stream.from_config(own))
    old, new = streams
    assert old.phases[1].method == new.phases[1].method and 'edges_of' not in old.cfg.method
    assert config_hash(old) == config_hash(new) and training_hash(old, 2) == training_hash(new, 2)
