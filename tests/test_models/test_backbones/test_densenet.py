import torch

from lhl.models.backbones.densenet import DenseLayer
from lhl.registry import MODELS

from .conftest import count, images


def test_a_layer_appends_its_growth_to_what_it_got():
    x = images()
    output = DenseLayer(3, growth=5)(x)
    assert output.shape == (2, 8, 32, 32)
    assert torch.equal(output[:, :3], images())


def test_the_growth_of_12_has_the_million_parameters_of_its_cifar_form():
    # 1,000,618 with a classifier of 10 classes for 384 channels.
    with torch.device('meta'):
        assert count(MODELS.build(dict(type='CIFARDenseNet', widen_factor=0.375))) == 1_000_618 - 3_850
