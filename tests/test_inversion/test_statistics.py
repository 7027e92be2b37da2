import math

import pytest
import torch
from torch import nn

from lhl.inversion import feature_statistics, remembered_statistics, statistics_distance
from lhl.registry import MODELS

#: Transformers of mmsegmentation, and where the tokens come into the blocks of each.
TRANSFORMERS = dict(
    swin=(dict(type='SwinTransformer', pretrain_img_size=32, embed_dims=8, depths=(1, 1), num_heads=(1, 2),
               strides=(4, 2), out_indices=(0, 1), window_size=4, drop_path_rate=0.0),
          ['stages.0.blocks.0.norm1', 'stages.1.blocks.0.norm1']),
    vit=(dict(type='VisionTransformer', img_size=32, patch_size=8, embed_dims=16, num_layers=2, num_heads=2,
              out_indices=(1, )),
         ['layers.0.ln1', 'layers.1.ln1']),
    mit=(dict(type='MixVisionTransformer', embed_dims=8, num_stages=2, num_layers=(1, 1), num_heads=(1, 2),
              patch_sizes=(7, 3), strides=(4, 2), sr_ratios=(2, 1), out_indices=(0, 1)),
         ['layers.0.1.0.norm1', 'layers.1.1.0.norm1']))


def norm_of(means, variances):
    """A batch normalisation that remembers these statistics, in evaluation mode."""
    norm = nn.BatchNorm2d(len(means))
    norm.running_mean.copy_(torch.tensor(means))
    norm.running_var.copy_(torch.tensor(variances))
    nn.init.constant_(norm.weight, 7.0)  # what comes out says nothing about what goes in
    return norm.eval()


def batch_of(means, deviations):
    """Two images, half of whose pixels are above the mean and half below, all by the deviation."""
    signs = torch.tensor([1., -1., -1., 1.]).repeat(3).view(1, 1, 3, 4)
    means, deviations = (torch.tensor(values).view(1, -1, 1, 1) for values in (means, deviations))
    return (means + deviations * signs).repeat(2, 1, 1, 1)


def distance_of(backbone, batch):
    remembered = remembered_statistics(backbone, [])
    with feature_statistics(backbone) as found:
        backbone(batch)
    return statistics_distance(found, remembered)


# ---- with batch normalisation --------------------------------------------------------------------------------------

def test_a_batch_that_reproduces_the_running_statistics_has_the_distance_0():
    backbone = nn.Sequential(norm_of([1., -2.], [4., 0.25]))
    batch = batch_of([1., -2.], [2., 0.5]).requires_grad_()
    distance = distance_of(backbone, batch)
    distance.backward()
    assert distance.item() == 0
    assert torch.equal(batch.grad, torch.zeros_like(batch))


@pytest.mark.parametrize('means, deviations, expected', [
    ([1. + 3, -2. + 4], [2., 0.5], 5.0),  # the hypotenuse of the two shifts
    ([1., -2.], [4., 0.5], 12.0),  # the variances are 16 and 4
    ([1. + 3, -2. + 4], [4., 0.5], 17.0),
])
def test_distances_by_hand(means, deviations, expected):
    backbone = nn.Sequential(norm_of([1., -2.], [4., 0.25]))
    assert distance_of(backbone, batch_of(means, deviations)).item() == pytest.approx(expected, rel=1e-6)


def test_the_layers_are_summed():
    backbone = nn.Sequential(norm_of([0.], [1.]), norm_of([0.], [1.]))
    backbone[0].eps = 0.0
    # The first sees the mean 2 and the variance 1; it gives the second 7 times that.
    assert distance_of(backbone, batch_of([2.], [1.])).item() == pytest.approx(2 + 0 + 14 + 48, rel=1e-5)


def test_the_backbone_remembers_without_looking_at_images():
    def images():
        raise AssertionError('looked at')
        yield
    backbone = nn.Sequential(norm_of([1.], [4.]))
    assert [[value.item() for value in pair] for pair in remembered_statistics(backbone, images()).values()] == [[1, 4]]


# ---- without -------------------------------------------------------------------------------------------------------

class Tokens(nn.Module):
    """The pixels of an image as tokens ``(B, L, C)`` through a layer that doubles them."""

    def __init__(self, channels):
        super().__init__()
        self.layer = nn.Linear(channels, channels, bias=False)
        nn.init.eye_(self.layer.weight)
        self.layer.weight.data.mul_(2)

    def forward(self, images):
        return self.layer(images.flatten(2).transpose(1, 2))


def test_tokens_have_the_statistics_of_each_channel_over_images_and_positions():
    with feature_statistics(Tokens(2)) as found:
        pass
    assert found == {}
    backbone = Tokens(2)
    with feature_statistics(backbone) as found:
        backbone(batch_of([1., -3.], [0.5, 1.]))
    mean, variance = found['layer']
    assert mean.tolist() == [2, -6] and variance.tolist() == [1, 4]


def test_convolutions_have_those_of_their_output():
    layer = nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1., -2.]).view(2, 1, 1, 1))
        layer.bias.copy_(torch.tensor([5., 0.]))
    backbone = nn.Sequential(layer, nn.ReLU(inplace=True))
    batch = batch_of([1.], [3.]).requires_grad_()
    with feature_statistics(backbone) as found:
        backbone(batch)
    mean, variance = found['0']
    assert mean.tolist() == [6, -2] and variance.tolist() == pytest.approx([9, 36])
    variance.sum().backward()  # though the activation has overwritten the output
    assert batch.grad.abs().sum() > 0


def test_without_a_memory_the_statistics_are_those_of_all_images_together():
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))
    images = torch.randn(5, 3, 8, 9) + torch.arange(5.).view(5, 1, 1, 1)
    remembered = remembered_statistics(backbone, images.split(2))  # of 2, 2 and 1
    first = backbone[0](images)
    for layer, features in (('0', first), ('2', backbone(images))):
        mean, variance = remembered[layer]
        torch.testing.assert_close(mean, features.mean((0, 2, 3)))
        torch.testing.assert_close(variance, features.var((0, 2, 3), correction=0))
    with feature_statistics(backbone) as found:
        backbone(images)
    assert statistics_distance(found, remembered).item() == pytest.approx(0, abs=1e-4)
    with feature_statistics(backbone) as found:
        backbone(images + 1)
    assert statistics_distance(found, remembered).item() > 0.1


def test_a_norm_that_keeps_no_statistics_is_no_memory():
    backbone = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2, track_running_stats=False))
    assert list(remembered_statistics(backbone, [torch.randn(2, 3, 4, 4)])) == ['0']


@pytest.mark.parametrize('channels', [2, 12])  # 12: as many as there are tokens
def test_a_layer_norm_has_the_statistics_of_the_tokens_that_come_in_by_hand(channels):
    means, deviations = [float(index) for index in range(channels)], [0.5 * (index + 1) for index in range(channels)]
    norm = nn.LayerNorm(channels)
    nn.init.constant_(norm.weight, 7.0)  # what comes out says nothing about what goes in
    backbone = nn.Sequential(nn.Flatten(2), Transposed(), norm, nn.Linear(channels, 3))
    batch = batch_of(means, deviations)  # 2 images of 3x4 positions
    remembered = remembered_statistics(backbone, batch.split(1))
    assert list(remembered) == ['2']
    mean, variance = remembered['2']
    assert mean.tolist() == pytest.approx(means)
    assert variance.tolist() == pytest.approx([value**2 for value in deviations])
    with feature_statistics(backbone) as found:
        backbone(batch + 2)  # every mean is 2 off, no variance
    assert statistics_distance(found, remembered).item() == pytest.approx(2 * math.sqrt(channels), rel=1e-5)


class Transposed(nn.Module):
    """Channels last: ``(B, C, L)`` to ``(B, L, C)``."""

    def forward(self, features):
        return features.transpose(1, 2)


@pytest.mark.parametrize('backbone, blocks', TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_a_transformer_has_statistics_at_the_input_of_each_of_its_blocks(backbone, blocks):
    torch.manual_seed(0)
    backbone = MODELS.build(backbone)
    backbone.eval()
    images = torch.randn(2, 3, 32, 32)
    remembered = remembered_statistics(backbone, images.split(1))
    assert set(blocks) <= remembered.keys()
    # What comes into a block is what its own first layer gets, seen with a hook of the test's.
    seen = {}
    hooks = [backbone.get_submodule(name).register_forward_pre_hook(
        lambda layer, inputs, name=name: seen.update({name: inputs[0].flatten(0, -2)})) for name in remembered]
    with feature_statistics(backbone) as found:
        backbone(images)
    for hook in hooks:
        hook.remove()
    for name, tokens in seen.items():
        torch.testing.assert_close(remembered[name][0], tokens.mean(0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(remembered[name][1], tokens.var(0, correction=0), rtol=1e-4, atol=1e-5)
    assert statistics_distance(found, remembered).item() == pytest.approx(0, abs=1e-3)
    with feature_statistics(backbone) as found:
        backbone(2 * images)
    assert statistics_distance(found, remembered).item() > 0.1


# ---- what is left behind -------------------------------------------------------------------------------------------

def hooks_of(module):
    return [hook for part in module.modules() for hook in part._forward_hooks.values()]


@pytest.mark.parametrize('backbone', [nn.Sequential(norm_of([1.], [4.])), nn.Sequential(nn.Conv2d(1, 1, 1))])
def test_the_hooks_are_gone_after_the_context_and_after_an_error(backbone):
    with feature_statistics(backbone):
        assert len(hooks_of(backbone)) == 1
    assert hooks_of(backbone) == []
    with pytest.raises(RuntimeError), feature_statistics(backbone):
        backbone(torch.zeros(1, 5, 2, 2))
    assert hooks_of(backbone) == []
