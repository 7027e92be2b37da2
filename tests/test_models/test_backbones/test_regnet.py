import pytest
from torch import nn

from .conftest import narrow


@pytest.mark.parametrize('widen_factor', [0.125, 0.3, 1.0])
def test_every_group_has_8_channels_at_any_width(widen_factor):
    grouped = [layer for layer in narrow('CIFARRegNet', widen_factor).modules()
               if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3) and layer.in_channels != 3]
    assert len(grouped) == 13
    assert {layer.in_channels // layer.groups for layer in grouped} == {8}
