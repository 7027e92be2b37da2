import torch
from torch import nn

from lhl.models.backbones.residual import ResidualBlock, bottleneck_body, residual_stages


def test_the_body_is_added_to_the_input_before_the_relu():
    block = ResidualBlock(nn.Flatten(0, -1), 1, 1, stride=1)
    assert block(torch.tensor([-1.0, 2.0])).tolist() == [0, 4]


def test_the_input_survives_the_addition():
    x = torch.tensor([-1.0, 2.0])
    ResidualBlock(nn.Identity(), 1, 1, stride=1)(x)
    assert x.tolist() == [-1, 2]


def test_the_shortcut_has_weights_only_where_the_shape_changes():
    blocks = [ResidualBlock(nn.Identity(), *shape) for shape in ((4, 4, 1), (4, 4, 2), (4, 8, 1))]
    assert [len(list(block.shortcut.parameters())) for block in blocks] == [0, 3, 3]


def test_only_the_first_block_of_a_stage_is_strided_and_changes_the_width():
    asked = []

    def body(*shape):
        asked.append(shape)
        return nn.Identity()

    residual_stages(3, [(4, 2, 1), (8, 3, 2)], body)
    assert asked == [(3, 4, 1), (4, 4, 1), (4, 8, 2), (8, 8, 1), (8, 8, 1)]


def test_the_middle_of_a_bottleneck_is_grouped_and_strided():
    first, middle, last = (layer[0] for layer in bottleneck_body(6, 4, 8, stride=2, groups=2))
    assert [layer.weight.shape for layer in (first, middle, last)] == [(4, 6, 1, 1), (4, 2, 3, 3), (8, 4, 1, 1)]
    assert [layer.stride for layer in (first, middle, last)] == [(1, 1), (2, 2), (1, 1)]
