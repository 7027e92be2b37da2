"""DenseNet-121 (Huang et al., CVPR 2017) for small images."""
import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Count, Positive
from lhl.registry import MODELS

from .layers import conv, scaled_channels

#: Layers of each dense block.
BLOCKS = (6, 12, 24, 16)
#: Channels that each layer adds (the paper's k).
GROWTH = 32


def norm_relu_conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    """Build what DenseNet is composed of, in the order of pre-activated networks."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True), conv(in_channels, out_channels, kernel_size))


class DenseLayer(nn.Module):
    """Appends ``growth`` channels to its input, by way of a bottleneck of ``4 * growth`` (DenseNet-B)."""

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(norm_relu_conv(in_channels, 4 * growth, 1), norm_relu_conv(4 * growth, growth, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Append ``growth`` channels to ``(B, C, H, W)``."""
        return torch.cat([x, self.body(x)], dim=1)


@MODELS.register_module()
class CIFARDenseNet(BaseModule):
    """DenseNet-121 with a 3x3 stem of 2k channels, not strided, as the paper's networks for CIFAR; output stride 8.

    It has 6,946,048 parameters with the growth k = 32 of the ImageNet network, and 996,768 with the growth 12 of
    those for CIFAR, ``widen_factor=0.375``. Transitions halve the channels (DenseNet-C).

    Args:
        widen_factor: Multiplies the growth, and with it every number of channels.
        stem_stride: Stride of the stem, which multiplies the output stride; 2 suits 64x64 images, or a CPU.
        init_cfg: Initialisation; PyTorch's own without it.
    """

    def __init__(self, widen_factor: Positive = 1.0, stem_stride: Count = 1, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        growth = scaled_channels(GROWTH, widen_factor)
        channels = 2 * growth
        self.stem = conv(3, channels, 3, stem_stride)
        self.stages = nn.Sequential()
        for index, layers in enumerate(BLOCKS):
            stage = nn.Sequential()
            if index > 0:
                stage.append(norm_relu_conv(channels, channels // 2, 1))
                stage.append(nn.AvgPool2d(2, ceil_mode=True))
                channels //= 2
            for _ in range(layers):
                stage.append(DenseLayer(channels, growth))
                channels += growth
            self.stages.append(stage)
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map ``(B, 1024, H / 8, W / 8)``, rounded up."""
        return (self.norm(self.stages(self.stem(images))), )
