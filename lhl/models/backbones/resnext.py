"""ResNeXt-29 (Xie et al., CVPR 2017), the paper's network for CIFAR."""
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Count, Positive
from lhl.registry import MODELS

from .layers import conv_norm_relu, scaled_channels
from .residual import bottleneck_body, residual_stages

#: The paper's cardinality C.
GROUPS = 2
#: Width, number of blocks and stride of each stage; the grouped convolution is half as wide.
STAGES = ((256, 3, 1), (512, 3, 2), (1024, 3, 2))


def grouped_body(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Build a bottleneck whose 3x3 convolution has ``GROUPS`` groups."""
    return bottleneck_body(in_channels, out_channels // 2, out_channels, stride, GROUPS)


@MODELS.register_module()
class CIFARResNeXt(BaseModule):
    """ResNeXt-29, 2x64d: 3x3 convolutions of 2 groups, 64 channels each at first; output stride 4.

    It has 9,120,064 parameters.

    Args:
        widen_factor: Multiplies every number of channels, in steps of one per group.
        stem_stride: Stride of the stem, which multiplies the output stride; 2 suits 64x64 images, or a CPU.
        init_cfg: Initialisation; PyTorch's own without it.
    """

    def __init__(self, widen_factor: Positive = 1.0, stem_stride: Count = 1, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        stages = [(scaled_channels(channels, widen_factor, divisor=2 * GROUPS), blocks, stride)
                  for channels, blocks, stride in STAGES]
        stem_channels = scaled_channels(64, widen_factor)
        self.stem = conv_norm_relu(3, stem_channels, 3, stem_stride)
        self.stages = residual_stages(stem_channels, stages, grouped_body)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map ``(B, 1024, H / 4, W / 4)``, rounded up."""
        return (self.stages(self.stem(images)), )
