import copy
import re

import pytest
import torch
from torch import nn

from lhl.models import Learner
from lhl.models.folding import folded

TASKS = dict(segmentation=dict(type='SemanticSegmentation', num_classes=5), depth=dict(type='DepthEstimation'))
BACKBONES = dict(
    ResNet=dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(3, ), norm_cfg=dict(type='BN'),
                style='pytorch'),
    MobileNetV2=dict(type='MobileNetV2', widen_factor=0.25, out_indices=(6, ), norm_cfg=dict(type='BN')),
    MixVisionTransformer=dict(type='MixVisionTransformer', embed_dims=8, num_heads=[1, 1, 1, 1],
                              num_layers=[1, 1, 1, 1], out_indices=(3, )))


def trained(backbone):
    """A learner whose statistics, weights and biases of normalisations are off their start."""
    torch.manual_seed(0)
    learner = Learner(backbone, dict(type='ASPPHead', in_channels=None, channels=8, dilations=(1, 2)), TASKS)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for _ in range(3):
            learner(torch.randn(4, 3, 64, 64))
    return learner.eval().requires_grad_(False)


def outputs(learner, inputs):
    features = learner.extract_features(inputs)
    return (*features, *learner.run_heads(features, learner.tasks).values())


def count(network, kind):
    return sum(isinstance(module, kind) for module in network.modules())


@pytest.mark.parametrize('name', BACKBONES)
def test_a_folded_learner_gives_the_same_outputs_without_normalisations(name):
    learner = trained(BACKBONES[name])
    before, inputs = copy.deepcopy(learner.state_dict()), torch.randn(3, 3, 64, 64)
    expected = outputs(learner, inputs)
    network, what = folded(learner, outputs, torch.randn(1, 3, 64, 64))
    num_norms = count(learner, nn.BatchNorm2d)
    assert what == f'{num_norms} normalisations are folded into convolutions' and num_norms > 0
    assert count(network, nn.BatchNorm2d) == 0
    for one, other in zip(outputs(network, inputs), expected, strict=True):
        assert one.dtype == torch.float32 and (one - other).abs().max() <= 1e-5 * other.abs().max()
    assert all(torch.equal(value, before[key]) for key, value in learner.state_dict().items())


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, inputs):
        return self.norm(self.first(inputs))


class UsedTwice(Small):
    """The convolution's output is needed without the normalisation, too."""

    def forward(self, inputs):
        hidden = self.first(inputs)
        return self.norm(hidden) + hidden


class RunTwice(Small):
    def forward(self, inputs):
        return self.norm(self.first(self.norm(self.first(inputs))))


class NormFirst(Small):
    def forward(self, inputs):
        return self.first(self.norm(inputs))


class InFloat32(Small):
    def forward(self, inputs):
        return super().forward(inputs.float())


def run(network, inputs):
    return (network(inputs), )


def test_a_hand_worked_normalisation():
    # (2 x + 1 - 3) / sqrt(4 - eps + eps) * 5 + 7 = 5 x + 2
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)).eval()
    for tensor, value in ((network[0].weight, 2), (network[0].bias, 1), (network[1].running_mean, 3),
                          (network[1].running_var, 4 - network[1].eps), (network[1].weight, 5), (network[1].bias, 7)):
        tensor.data.fill_(value)
    convolution, nothing = folded(network, run, torch.ones(1, 1, 2, 2))[0]
    assert isinstance(nothing, nn.Identity) and not nothing.training
    assert convolution.weight.item() == pytest.approx(5) and convolution.bias.item() == pytest.approx(2)


@pytest.mark.parametrize('kind', [RunTwice, NormFirst])
def test_what_cannot_be_folded_stays(kind):
    network, what = folded(kind().eval(), run, torch.randn(2, 3, 4, 4))
    assert count(network, nn.BatchNorm2d) == 1 and what.startswith('0 ')


@pytest.mark.parametrize('kind, reason', [(UsedTwice, 'the outputs of the folded network differ'), (InFloat32, '.+')])
def test_a_network_that_folding_would_change_or_that_cannot_be_tried_is_not_folded(kind, reason):
    network, found = folded(kind().eval(), run, torch.randn(2, 3, 4, 4))
    assert network is None and re.fullmatch(reason, found)
