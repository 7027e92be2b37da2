import pytest
from torch import nn

from .conftest import narrow


@pytest.mark.parametrize(('widen_factor', 'channels'), [(1.0, [64, 128, 256]), (0.125, [8, 16, 32])])
def test_every_block_has_two_groups_of_64_channels_at_first(widen_factor, channels):
    grouped = [layer for layer in narrow('CIFARResNeXt', widen_factor).modules()
               if isinstance(layer, nn.Conv2d) and layer.groups > 1]
    assert [layer.groups for layer in grouped] == [2] * 9
    assert [layer.in_channels // 2 for layer in grouped] == [width for width in channels for _ in range(3)]
