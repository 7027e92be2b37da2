"""Tiny networks of Hugging Face's transformers, from random weights and without the hub, in a stream of two phases."""
import math

import pytest
import torch
from mmengine.config import Config
from test_engine.tiny_stream import METHODS, write_config, write_data

from lhl.apis import load_learner
from lhl.engine import train_stream

VIT = dict(hidden_size=24, num_hidden_layers=3, num_attention_heads=2)
NETWORKS = dict(
    dinov2=dict(model_type='dinov2', patch_size=14, image_size=56, **VIT),
    dinov3=dict(model_type='dinov3_vit', patch_size=16, intermediate_size=48, **VIT),
    dinov3_convnext=dict(model_type='dinov3_convnext', hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 2, 1]))


@pytest.fixture(scope='module')
def few_images(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('few'), per_phase=2, val=1, size=(64, 64))


@pytest.mark.parametrize('name, frozen', [
    *(pytest.param(name, False, marks=pytest.mark.slow) for name in NETWORKS), ('dinov2', True)])
def test_had_learns_two_tasks_with_a_network_of_hugging_face(tmp_path, few_images, name, frozen):
    backbone = dict(_delete_=True, type='HFBackbone', config=NETWORKS[name], out_indices=(1, 2, 3), frozen=frozen)
    head = dict(_delete_=True, type='MultiScaleHead', in_channels=None, in_index=(0, 1, 2), channels=8)
    config = write_config(
        tmp_path / f'{name}.py', few_images, model=f'backbone={backbone}, head={head}',
        extra="phases = [dict(task='segmentation'), dict(task='depth')]\ntrain_cfg.update(max_epochs=1)\n")
    cfg = Config.fromfile(config)
    cfg.work_dir, cfg.method = str(tmp_path / 'run'), METHODS['HAD']
    results = train_stream(cfg)
    assert results.finished and list(results.phases[1].metrics) == ['segmentation', 'depth']
    assert all(math.isfinite(v) for phase in results.phases for m in phase.metrics.values() for v in m.values())
    first, second = (load_learner(tmp_path / 'run' / phase.checkpoint) for phase in results.phases)
    moved = [name for name, weight in first.backbone.state_dict().items()
             if not torch.equal(weight, second.backbone.state_dict()[name])]
    assert bool(moved) is not frozen
