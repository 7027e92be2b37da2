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


def test_what_a_config_says_of_a_data_set_and_of_metrics_belongs_to_the_data():
    def data(tasks=TASKS, **options):
        return scored_data(Config(dict(tasks=tasks, phases=[dict(task='depth')], val_dataloader=dict(dataset=dict(
            type='NYUv2', data_root='/here/nyuv2', split='val', **options)))))['depth']
    plain = 'nyuv2 (NYUv2, val)'
    pack, resize = dict(type='PackSample'), dict(type='Resize', size=(72, 96))
    targets = {'depth': dict(folder='d'), 'normal': dict(folder='n')}
    assert data() == data(part=None, labels='all', seed=3, pipeline=[pack], targets={'normal': {}}) == plain
    assert data(part=dict(index=1, count=2)) == f"{plain}, part={{'count': 2, 'index': 1}}"
    assert data(pipeline=[resize, pack]) == f"{plain}, pipeline=[{{'size': [72, 96], 'type': 'Resize'}}]"
    assert data(labels='own_part', targets=targets) == f"{plain}, labels=own_part, targets={{'folder': 'd'}}"
    by_loss = dict(TASKS, depth=dict(type='DepthEstimation', metrics=[dict(type='LossMetric')]))
    assert data(by_loss) == f"{plain}, metrics=[{{'type': 'LossMetric'}}]"


def test_different_data_of_a_task_are_refused_with_both_runs():
    a, b = {'depth': 'a', 'normal': 'a'}, {'depth': 'a', 'normal': 'b'}
    with pytest.raises(RunError, match='second was scored on b for normal, but first on a; compare runs that were'):
        check_same_data([('first', a), ('second', b)])


def test_what_is_not_known_is_not_compared():
    check_same_data([('first', {}), ('second', {'depth': 'a'}), ('third', {'normal': 'b'}), ('fourth', {'depth': 'a'})])
    with pytest.raises(RunError, match='third was scored on b for depth, but second on a'):
        check_same_data([('first', {}), ('second', {'depth': 'a'}), ('third', {'depth': 'b'})])
