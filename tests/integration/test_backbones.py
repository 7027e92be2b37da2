import math

import pytest
from mmengine.config import Config
from test_engine.tiny_stream import write_config, write_data

from lhl.engine import MethodOptimWrapper, train_stream


@pytest.fixture(scope='module')
def few_images(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('few'), per_phase=2, val=1, size=(64, 64))


@pytest.mark.parametrize('name, backbone', [
    ('mit_b0', 'MixVisionTransformer'), ('mobilenet_v2', 'MobileNetV2'),
    pytest.param('swin_tiny', 'SwinTransformer', marks=pytest.mark.slow),
    pytest.param('hrnet18', 'HRNet', marks=pytest.mark.slow)])
def test_had_learns_with_another_backbone_by_another_base_file(tmp_path, few_images, monkeypatch, name, backbone):
    config = write_config(
        tmp_path / f'{name}.py', few_images, base_model=f'models/{name}_aspp.py',
        model='backbone=dict(init_cfg=None), head=dict(channels=8)',
        extra="phases = [dict(task='segmentation'), dict(task='depth')]\ntrain_cfg.update(max_epochs=1)\n")
    without_gradient = []
    step = MethodOptimWrapper.step

    def look(self, **kwargs):
        parameters = [p for group in self.optimizer.param_groups for p in group['params']]
        without_gradient.append(sum(p.grad is None for p in parameters))
        step(self, **kwargs)
    monkeypatch.setattr(MethodOptimWrapper, 'step', look)
    cfg = Config.fromfile(config)
    cfg.work_dir = str(tmp_path / 'run')
    results = train_stream(cfg)
    assert cfg.model.backbone.type == backbone
    assert without_gradient[-2:] == [0, 0]  # one batch in each phase, after a trial; none would stop DDP
    assert results.finished and list(results.phases[1].metrics) == ['segmentation', 'depth']
    assert all(math.isfinite(v) for phase in results.phases for m in phase.metrics.values() for v in m.values())
