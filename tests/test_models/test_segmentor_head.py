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
