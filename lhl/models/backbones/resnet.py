"""ResNet-18 (He et al., CVPR 2016) for small images."""
from mmengine.model import BaseModule
from torch import Tensor

from lhl.options import Count, Positive
from lhl.registry import MODELS

from .layers import conv_norm_relu, scaled_channels
from .residual import basic_body, residual_stages

#: Width, number of blocks and stride of each stage.
STAGES = ((64, 2, 1), (128, 2, 2), (256, 2, 2), (512, 2, 2))


@MODELS.register_module()
class CIFARResNet(BaseModule):
    """ResNet-18 whose stem is 3x3 and not strided, without the max-pooling: output stride 8, 11,168,832 parameters.

    mmsegmentation's ``ResNet`` has the stem for large images, which leaves one position of a 32x32 image.

    Args:
        widen_factor: Multiplies every number of channels.
        stem_stride: Stride of the stem, which multiplies the output stride; 2 suits 64x64 images, or a CPU.
        init_cfg: Initialisation; PyTorch's own without it.
    """

    def __init__(self, widen_factor: Positive = 1.0, stem_stride: Count = 1, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        stages = [(scaled_channels(channels, widen_factor), blocks, stride) for channels, blocks, stride in STAGES]
        stem_channels = stages[0][0]
        self.stem = conv_norm_relu(3, stem_channels, 3, stem_stride)
        self.stages = residual_stages(stem_channels, stages, basic_body)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map ``(B, 512, H / 8, W / 8)``, rounded up."""
        return (self.stages(self.stem(images)), )
