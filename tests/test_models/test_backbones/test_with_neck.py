import torch

from lhl.registry import MODELS


def test_the_feature_maps_are_the_necks():
    backbone = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8)
    both = MODELS.build(dict(type='BackboneWithNeck', backbone=backbone,
                             neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=6, num_outs=4)))
    both.eval()
    images = torch.randn(1, 3, 64, 96)
    features = both(images)
    assert [tuple(feature.shape[1:]) for feature in features] == [(6, 16, 24), (6, 8, 12), (6, 4, 6), (6, 2, 3)]
    for feature, expected in zip(features, both.neck(both.backbone(images)), strict=True):
        assert torch.equal(feature, expected)
