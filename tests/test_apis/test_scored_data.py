import pytest
from mmengine.config import Config

from lhl.apis.scored_data import check_same_data, scored_data
from lhl.errors import RunError

TASKS = dict(depth=dict(type='DepthEstimation'), normal=dict(type='SurfaceNormalEstimation'),
             edges=dict(type='EdgeEstimation'))


def test_each_task_has_the_data_of_its_phase_and_one_that_is_not_scored_has_none():
    cfg = Config(dict(
        tasks=TASKS, val_dataloader=dict(dataset=dict(type='NYUv2', data_root='/here/nyuv2/', split='val')),
        phases=[dict(task='depth', val_dataloader=None), dict(task='normal'),
                dict(task='edges', val_dataloader=dict(dataset=dict(data_root='data/mine', split='test')))]))
    assert scored_data(cfg) == {'normal': 'nyuv2 (NYUv2, val)', 'edges': 'mine (NYUv2, test)'}


def test_different_data_of_a_task_are_refused_with_both_runs():
    a, b = {'depth': 'a', 'normal': 'a'}, {'depth': 'a', 'normal': 'b'}
    with pytest.raises(RunError, match='second was scored on b for normal, but first on a; compare runs that were'):
        check_same_data([('first', a), ('second', b)])


def test_what_is_not_known_is_not_compared():
    check_same_data([('first', {}), ('second', {'depth': 'a'}), ('third', {'normal': 'b'}), ('fourth', {'depth': 'a'})])
    with pytest.raises(RunError, match='third was scored on b for depth, but second on a'):
        check_same_data([('first', {}), ('second', {'depth': 'a'}), ('third', {'depth': 'b'})])
