"""What all small-image backbones have in common."""
from math import ceil

import mmseg.registry
import pytest
import torch
from torch import nn

from lhl import models
from lhl.errors import ConfigError
from lhl.inversion.statistics import feature_statistics, remembered_statistics, statistics_distance
from lhl.models import Learner
from lhl.registry import MODELS

from .conftest import KNOWN, PLAIN, STRIDED, count, images, narrow

every_backbone = pytest.mark.parametrize('name', KNOWN)
TASKS = dict(segmentation=dict(type='SemanticSegmentation', num_classes=5), depth=dict(type='DepthEstimation'))


def test_the_table_has_every_backbone_for_small_images():
    assert set(KNOWN) == set(models.backbones.__all__) - {'BackboneWithNeck', 'HFBackbone'}  # of any size


@every_backbone
def test_no_name_hides_one_of_mmsegmentation(name):
    assert mmseg.registry.MODELS.get(name) is None


# ---- sizes ---------------------------------------------------------------------------------------------------------

@every_backbone
def test_the_published_width_has_the_parameters_worked_out_by_hand(name):
    with torch.device('meta'):
        assert count(MODELS.build(dict(type=name))) == KNOWN[name].parameters


@every_backbone
def test_the_docstring_says_how_many_they_are(name):
    assert f'{KNOWN[name].parameters:,} parameters' in getattr(models, name).__doc__


@every_backbone
def test_the_one_feature_map_has_the_published_channels(name):
    with torch.device('meta'):
        feature, = narrow(name, 1.0).eval()(torch.empty(2, 3, 32, 32))
    assert feature.shape[:2] == (2, KNOWN[name].channels)


@pytest.mark.parametrize('name', [name for name in KNOWN if name != 'CIFARLeNet'])  # does not pad: see its own file
def test_the_size_is_divided_by_the_stride_and_rounded_up(name):
    backbone = narrow(name).eval()
    for size in ((32, 32), (64, 64), (33, 47), (9, 40)):
        feature, = backbone(images(size=size))
        assert feature.shape[-2:] == tuple(ceil(side / KNOWN[name].stride) for side in size)


@pytest.mark.parametrize('name', STRIDED)
def test_a_strided_stem_doubles_the_output_stride(name):
    feature, = narrow(name, stem_stride=2).eval()(images(size=(64, 64)))
    assert feature.shape[-2:] == (32 // KNOWN[name].stride, 32 // KNOWN[name].stride)
    assert count(narrow(name, stem_stride=2)) == count(narrow(name))


@every_backbone
def test_half_the_width_has_about_a_quarter_of_the_parameters(name):
    with torch.device('meta'):
        assert count(narrow(name, 0.5)) == pytest.approx(KNOWN[name].parameters / 4, rel=0.15)


@every_backbone
def test_half_the_width_has_half_the_output_channels(name):
    with torch.device('meta'):
        feature, = narrow(name, 0.5).eval()(torch.empty(1, 3, 32, 32))
    assert feature.shape[1] == KNOWN[name].channels // 2


@every_backbone
@pytest.mark.parametrize('widen_factor', [0, -1])
def test_a_width_that_leaves_nothing_is_refused(name, widen_factor):
    with pytest.raises(ConfigError, match=f'widen_factor={widen_factor} .* expected a number above 0'):
        MODELS.build(dict(type=name, widen_factor=widen_factor))


# ---- training ------------------------------------------------------------------------------------------------------

@every_backbone
def test_every_parameter_gets_a_gradient(name):
    backbone = narrow(name).train()
    backbone(images())[0].square().sum().backward()
    assert [key for key, parameter in backbone.named_parameters() if parameter.grad is None] == []
    assert next(backbone.parameters()).grad.abs().sum() > 0


@every_backbone
def test_training_moves_the_statistics_and_evaluation_does_not(name):
    backbone = narrow(name)
    before = {key: buffer.clone() for key, buffer in backbone.named_buffers()}
    backbone.eval()(images())
    assert all(torch.equal(buffer, before[key]) for key, buffer in backbone.named_buffers())
    backbone.train()(images())
    assert not any(torch.equal(buffer, before[key]) for key, buffer in backbone.named_buffers())


@every_backbone
def test_an_image_is_seen_alone_as_in_a_batch_in_evaluation(name):
    backbone = narrow(name).eval()
    together, = backbone(images(3))
    torch.testing.assert_close(backbone(images(3)[1:2])[0], together[1:2], rtol=1e-4, atol=1e-6)


@every_backbone
def test_the_image_is_left_alone(name):
    x = images()
    narrow(name).train()(x)
    assert torch.equal(x, images())


@every_backbone
def test_an_initialisation_can_be_chosen(name):
    backbone = narrow(name, init_cfg=dict(type='Constant', layer='Conv2d', val=0.25))
    backbone.init_weights()
    assert all((layer.weight == 0.25).all() for layer in backbone.modules() if isinstance(layer, nn.Conv2d))


@every_backbone
def test_weights_stay_pytorch_s_own_without_one(name):
    backbone = narrow(name)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    backbone.init_weights()
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())
    layer = next(layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d))
    assert 0 < layer.weight.abs().max() <= layer.weight[0].numel()**-0.5


# ---- where they are used -------------------------------------------------------------------------------------------

def test_lenet_and_alexnet_alone_have_no_normalisation():
    normless = [name for name in KNOWN
                if not any(isinstance(module, nn.BatchNorm2d) for module in narrow(name).modules())]
    assert normless == PLAIN


@every_backbone
def test_the_statistics_that_deep_inversion_matches_lead_back_to_the_image(name):
    backbone = narrow(name).eval().requires_grad_(False)
    x = images().requires_grad_()
    remembered = remembered_statistics(backbone, [images(seed=1)])
    with feature_statistics(backbone) as found:
        backbone(x)
    statistics_distance(found, remembered).backward()
    assert len(found) == len(remembered) and x.grad.abs().sum() > 0


@every_backbone
@pytest.mark.parametrize('head', [
    dict(type='LinearHead', in_channels=None),
    dict(type='ASPPHead', in_channels=None, channels=4, dilations=(1, 2)),
], ids=['linear', 'dense'])
def test_a_learner_puts_any_head_on_it(name, head):
    learner = Learner(dict(type=name, widen_factor=0.125), head, TASKS).eval()
    predictions = learner(images())
    assert {task: tuple(prediction.shape) for task, prediction in predictions.items()} == dict(
        segmentation=(2, 5, 32, 32), depth=(2, 1, 32, 32))
