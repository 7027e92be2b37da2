import pytest
import torch

from lhl.models import Learner

TASKS = dict(segmentation=dict(type='SemanticSegmentation', num_classes=5))


@pytest.mark.parametrize('align_corners', [False, True])
def test_the_logits_are_those_of_the_decode_head_upsampled_in_its_own_way(align_corners):
    head = dict(type='mmseg.FCNHead', in_channels=64, in_index=0, channels=8, num_convs=1, align_corners=align_corners)
    learner = Learner(
        dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(3, )), dict(type='ASPPHead'),
        TASKS, heads=dict(segmentation=dict(type='SegmentorHead', head=head))).eval()
    images = torch.randn(1, 3, 61, 97)
    decode_head = learner.heads['segmentation'].head
    assert (type(decode_head).__module__, decode_head.num_classes) == ('mmseg.models.decode_heads.fcn_head', 5)
    expected = torch.nn.functional.interpolate(
        decode_head(learner.backbone(images)), (61, 97), mode='bilinear', align_corners=align_corners)
    torch.testing.assert_close(learner(images)['segmentation'], expected, rtol=0, atol=0)


@pytest.mark.parametrize('name, in_channels', [
    ('UPerHead', [16, 32, 64, 128]), ('SegformerHead', [16, 32, 64, 128]), ('FPNHead', [16, 32, 64, 128]),
    ('DepthwiseSeparableASPPHead', 128), ('FCNHead', 128)])
def test_a_decode_head_by_its_name_is_completed_for_any_task(name, in_channels):
    backbone = dict(type='ResNet', depth=18, stem_channels=16, base_channels=16, norm_cfg=dict(type='BN'))
    learner = Learner(backbone, dict(type='SegmentorHead', head=dict(type=name, channels=8)), dict(
        depth=dict(type='DepthEstimation'), normal=dict(type='SurfaceNormalEstimation')))
    head = learner.heads['depth'].head
    assert head.in_channels == in_channels
    if name == 'DepthwiseSeparableASPPHead':
        assert head.c1_bottleneck.conv.in_channels == 16
    if name == 'FPNHead':
        assert head.feature_strides == [4, 8, 16, 32]
    predictions = learner(torch.rand(2, 3, 64, 64))
    assert [predictions[task].shape for task in predictions] == [(2, 1, 64, 64), (2, 3, 64, 64)]
    sum(prediction.sum() for prediction in predictions.values()).backward()
    assert all(weight.grad is not None for weight in learner.heads.parameters())
