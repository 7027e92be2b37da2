import pytest
from mmengine.model import BaseModule

from lhl.models.pretraining import without_pretraining
from lhl.registry import MODELS


@pytest.fixture(autouse=True)
def backbones(monkeypatch):
    """One backbone that fetches weights unless it is told not to, as TIMMBackbone, and one that does if told to."""
    class Eager(BaseModule):
        def __init__(self, name, pretrained=True, checkpoint_path='', init_cfg=None):
            super().__init__(init_cfg)

    class Asked(BaseModule):
        def __init__(self, depth, pretrained=None, init_cfg=None):
            super().__init__(init_cfg)
    for kind in (Eager, Asked):
        monkeypatch.setitem(MODELS.module_dict, kind.__name__, kind)


@pytest.mark.parametrize('options', [{}, dict(pretrained=True), dict(pretrained=False), dict(checkpoint_path='a.pth')])
def test_a_backbone_that_fetches_by_default_is_told_not_to(options):
    assert without_pretraining(dict(type='Eager', name='resnet', **options)) == dict(
        type='Eager', name='resnet', pretrained=False, init_cfg=None)


def test_a_path_of_weights_is_removed():
    assert without_pretraining(dict(type='Asked', depth=18, pretrained='open-mmlab://resnet18')) == dict(
        type='Asked', depth=18, init_cfg=None)


def test_timms_backbones_fetch_by_default_and_are_told_not_to():
    assert without_pretraining(dict(type='TIMMBackbone', model_name='resnet18')) == dict(
        type='TIMMBackbone', model_name='resnet18', pretrained=False, init_cfg=None)


@pytest.mark.parametrize('init_cfg', [dict(type='Pretrained', checkpoint='torchvision://resnet18'), [
    dict(type='Kaiming', layer='Conv2d'), dict(type='Pretrained', checkpoint='a.pth')]])
def test_a_backbone_within_another_fetches_nothing_either(init_cfg):
    inner = dict(type='Asked', depth=18, pretrained='a.pth', init_cfg=init_cfg)
    neck = dict(type='FPN', in_channels=[64], out_channels=8, num_outs=1, init_cfg=dict(type='Xavier', layer='Conv2d'))
    assert without_pretraining(dict(type='BackboneWithNeck', backbone=inner, neck=neck)) == dict(
        type='BackboneWithNeck', backbone=dict(type='Asked', depth=18), neck=neck, init_cfg=None)


def test_an_option_of_that_name_that_a_class_does_not_have_stays():
    assert without_pretraining(dict(type='CIFARLeNet', pretrained=1)) == dict(
        type='CIFARLeNet', pretrained=1, init_cfg=None)


def test_the_config_is_left_as_it_is():
    inner = dict(type='Eager', name='a', init_cfg=dict(checkpoint='b'))
    without_pretraining(dict(type='BackboneWithNeck', backbone=inner, neck={}))
    assert inner == dict(type='Eager', name='a', init_cfg=dict(checkpoint='b'))
