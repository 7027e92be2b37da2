import pytest
import torch
from mmseg.models.backbones import BEiT, DDRNet, PIDNet

from lhl.errors import ConfigError
from lhl.models import Learner
from lhl.models.backbones.known import check_packages

DEPTH = dict(depth=dict(type='DepthEstimation'))
RESNET = dict(depth=18, base_channels=4, stem_channels=4, norm_cfg=dict(type='BN'))
BISENET = dict(type='BiSeNetV1', backbone_cfg=dict(type='ResNet', depth=18, norm_cfg=dict(type='BN')), in_channels=3,
               context_channels=(128, 256, 512), spatial_channels=(64, 64, 64, 128))


def learner(backbone, **head):
    return Learner(dict(backbone), dict(type='ASPPHead', in_channels=None, channels=4, **head), DEPTH)


@pytest.mark.parametrize('backbone, kind', [
    (dict(type='PIDNet', channels=8, ppm_channels=8, num_stem_blocks=1, num_branch_blocks=1), PIDNet),
    (dict(type='DDRNet', channels=8, ppm_channels=8), DDRNet)])
def test_training_and_evaluation_give_the_same_single_map(backbone, kind):
    made = learner(backbone)
    images = torch.rand(2, 3, 64, 64)
    assert isinstance(made.backbone, kind)
    assert [m.shape for m in made.train().extract_features(images)] == [
        m.shape for m in made.eval().extract_features(images)]
    made.train()(images)['depth'].sum().backward()
    assert all(weight.grad is not None for weight in made.backbone.parameters())


def test_a_head_that_names_no_map_gets_the_fused_one_and_one_that_does_keeps_it():
    made = learner(BISENET)
    assert made.heads['depth'].in_index == (0, )
    made(torch.rand(2, 3, 64, 64))['depth'].sum().backward()
    assert all(weight.grad is not None for weight in made.backbone.parameters())
    assert learner(BISENET, in_index=-1).heads['depth'].in_index == (-1, )
    assert learner(dict(BISENET, out_indices=(1, 2))).heads['depth'].in_index == (-1, )


def test_a_network_of_fixed_size_is_probed_at_its_size_and_says_so_for_others():
    made = learner(dict(type='BEiT', img_size=(32, 48), patch_size=16, embed_dims=12, num_layers=2, num_heads=2,
                        qv_bias=True, init_values=0.1, out_indices=(1, )))
    assert isinstance(made.backbone, BEiT) and made.probe_features([0]) == [(12, 16)]
    assert made(torch.rand(2, 3, 32, 48))['depth'].shape == (2, 1, 32, 48)
    with pytest.raises(ConfigError, match=r'built for images of 32 x 48, found one of 64 x 64; set '
                                          r'model.backbone.img_size=\(64, 64\)'):
        made(torch.rand(2, 3, 64, 64))


@pytest.mark.parametrize('name, cure', [('TIMMBackbone', 'pip install timm torchvision'), ('VPD', 'use another'),
                                        ('HFBackbone', r"pip install 'lhl\[hf\]'")])
def test_a_package_that_is_missing_is_named_with_what_to_do(monkeypatch, name, cure):
    monkeypatch.setattr('lhl.models.backbones.known.find_spec', lambda package: None)
    with pytest.raises(ConfigError, match=cure):
        check_packages(dict(type=f'mmseg.{name}'))
    check_packages(dict(type='ResNet'))


def test_parts_by_names_of_mmsegmentation_are_found_outside_a_runner():
    assert learner(dict(type='UNet', base_channels=2, num_stages=5)).probe_features([-1]) == [(2, 1)]
