"""Residual networks: blocks whose output is added to their input, in stages of one width (He et al., CVPR 2016)."""
from collections.abc import Callable, Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from .layers import conv_norm, conv_norm_relu


class ResidualBlock(nn.Module):
    """``relu(body(x) + shortcut(x))``.

    Args:
        body: Maps ``(B, in_channels, H, W)`` to ``(B, out_channels, H / stride, W / stride)``, without a last ReLU.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the body. The shortcut is a normalised 1x1 convolution where the shape changes (option B of
            the paper) and the identity elsewhere.
    """

    def __init__(self, body: nn.Module, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.body = body
        same_shape = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if same_shape else conv_norm(in_channels, out_channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Add the body's output to the input, or to its projection where the shapes differ."""
        return F.relu(self.body(x) + self.shortcut(x))


def basic_body(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Build two 3x3 convolutions, the body of ResNet-18's blocks."""
    return nn.Sequential(conv_norm_relu(in_channels, out_channels, 3, stride), conv_norm(out_channels, out_channels, 3))


def bottleneck_body(in_channels: int, channels: int, out_channels: int, stride: int, groups: int) -> nn.Sequential:
    """Build 1x1, grouped 3x3 and 1x1 convolutions, the inner two maps ``channels`` wide; the 3x3 one has the stride."""
    return nn.Sequential(
        conv_norm_relu(in_channels, channels, 1),
        conv_norm_relu(channels, channels, 3, stride, groups),
        conv_norm(channels, out_channels, 1))


def residual_stages(in_channels: int, stages: Iterable[tuple[int, int, int]],
                    body: Callable[[int, int, int], nn.Module]) -> nn.Sequential:
    """Build the stages of a residual network.

    Args:
        in_channels: Channels of the stem's output.
        stages: Output channels, number of blocks and stride of each stage; its first block has the stride.
        body: Builds the body of a block from its input channels, output channels and stride.
    """
    built = nn.Sequential()
    for out_channels, blocks, stage_stride in stages:
        stage = nn.Sequential()
        for stride in (stage_stride, *[1] * (blocks - 1)):
            stage.append(ResidualBlock(body(in_channels, out_channels, stride), in_channels, out_channels, stride))
            in_channels = out_channels
        built.append(stage)
    return built
