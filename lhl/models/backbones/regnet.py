"""RegNetX-200MF (Radosavovic et al., CVPR 2020) for small images."""
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Count, Positive
from lhl.registry import MODELS

from .layers import conv_norm_relu, scaled_channels
from .residual import bottleneck_body, residual_stages

#: Channels of each group of a 3x3 convolution.
GROUP_WIDTH = 8
#: Width, number of blocks and stride of each stage; the first one is strided, too, for large images.
STAGES = ((24, 1, 1), (56, 1, 2), (152, 4, 2), (368, 7, 2))


def x_body(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Build the paper's X block: a bottleneck that is nowhere narrower, in groups of ``GROUP_WIDTH`` channels."""
    return bottleneck_body(in_channels, out_channels, out_channels, stride, out_channels // GROUP_WIDTH)


@MODELS.register_module()
class CIFARRegNet(BaseModule):
    """RegNetX-200MF with neither stem nor first stage strided: output stride 8, 2,315,792 parameters.

    Args:
        widen_factor: Multiplies every number of channels, in steps of a group of 8 behind the stem.
        stem_stride: Stride of the stem, which multiplies the output stride; 2 suits 64x64 images, or a CPU.
        init_cfg: Initialisation; PyTorch's own without it.
    """

    def __init__(self, widen_factor: Positive = 1.0, stem_stride: Count = 1, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        stages = [(scaled_channels(channels, widen_factor, divisor=GROUP_WIDTH), blocks, stride)
                  for channels, blocks, stride in STAGES]
        stem_channels = scaled_channels(32, widen_factor)
        self.stem = conv_norm_relu(3, stem_channels, 3, stem_stride)
        self.stages = residual_stages(stem_channels, stages, x_body)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map ``(B, 368, H / 8, W / 8)``, rounded up."""
        return (self.stages(self.stem(images)), )
