"""A kind of task from outside the package: one class in one file, of which a config names the module."""
import json
import math
import sys

import pytest
from mmengine.config import Config

from lhl.engine import train_stream
from lhl.evaluation import Results
from lhl.registry import TASKS

from .test_every_kind import logged_losses, stream_config, write_data

#: The two members without a default; nothing is registered beside the class.
KIND = '''
"""Optical flow: two numbers per pixel, of either sign."""
import numpy as np

from lhl.registry import TASKS
from lhl.tasks import Task


@TASKS.register_module()
class OpticalFlow(Task):
    def loss_map(self, prediction, target):
        return (prediction - target).abs().sum(dim=1)

    def draw(self, target, valid=None, value_range=None):
        return np.zeros((*target.shape[-2:], 3), np.uint8)
'''
HAD = dict(type='HAD', alpha=1.0, group_threshold=0.5, distribution_balanced=dict(type='DistributionBalancedLoss'),
           saliency_guided=dict(type='SaliencyGuidedLoss'))
#: What each method asks of a kind, beyond the loss.
METHODS = dict(
    groups=HAD,
    edges_of_the_prediction=dict(HAD, edge_source='prediction'),
    soft_targets_and_inversion=dict(type='HCL', weight=1.0, num_images=4, inverted_batch_size=2, inversion=dict(
        type='QuickDeepInversion', steps=2, warmup_steps=1)))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('data'), train=4)


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """The module of the new kind, in a folder of its own."""
    (tmp_path / 'outside').mkdir()
    (tmp_path / 'outside/my_flow.py').write_text(KIND)
    monkeypatch.syspath_prepend(tmp_path / 'outside')
    yield 'my_flow'
    sys.modules.pop('my_flow', None)
    TASKS.module_dict.pop('OpticalFlow', None)


def flow_config(method, data, work_dir, module, tasks):
    cfg = stream_config('Vanilla', data, work_dir)
    cfg.custom_imports = dict(imports=[module], allow_failed_imports=False)
    cfg.tasks = dict(flow=dict(type='OpticalFlow', out_channels=2), boundary=dict(
        type='BoundaryDetection', metrics=[dict(type='LossMetric')]))
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.targets = dict(flow=dict(folder='curvature'), boundary=dict(folder='boundary'))
    cfg.method = method
    cfg.phases = [dict(task=task) for task in tasks]
    cfg.dump(work_dir.with_suffix('.py'))
    return Config.fromfile(work_dir.with_suffix('.py'))  # imports what the config names


@pytest.mark.parametrize('method', METHODS.values(), ids=METHODS)
def test_a_stream_with_a_new_kind_is_learned_and_its_old_task_distilled(method, data, outside, tmp_path):
    run = tmp_path / 'run'
    results = train_stream(flow_config(method, data, run, outside, ['flow', 'boundary']))
    assert results.finished and Results.load(run).stream == ['flow', 'boundary']
    for phase in results.phases:
        assert all(math.isfinite(metrics['loss']) and metrics['loss'] > 0 for metrics in phase.metrics.values())
    terms = logged_losses(run, results.phases[-1])[-1]
    distilled = [value for name, value in terms.items() if name.endswith('_flow')]
    assert len(distilled) == 2 and all(math.isfinite(value) and value > 0 for value in distilled), json.dumps(terms)
