"""GoogLeNet, the first Inception network (Szegedy et al., CVPR 2015), with batch normalisation."""
import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Count, Positive
from lhl.registry import MODELS

from .layers import conv_norm_relu, scaled_channels

#: Of each module, as in Table 1 of the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    ((192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
     (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128)),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


class InceptionModule(nn.Module):
    """Four branches side by side, concatenated: 1x1; 1x1 and 3x3; 1x1 and two 3x3; pooling and 1x1.

    The two 3x3 convolutions see what the paper's 5x5 one sees, for less (Ioffe and Szegedy, ICML 2015, Appendix).

    Args:
        in_channels: Channels of the input.
        channels: The row of Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        single, reduce3, out3, reduce5, out5, projection = channels
        self.branches = nn.ModuleList([
            conv_norm_relu(in_channels, single, 1),
            nn.Sequential(conv_norm_relu(in_channels, reduce3, 1), conv_norm_relu(reduce3, out3, 3)),
            nn.Sequential(conv_norm_relu(in_channels, reduce5, 1), conv_norm_relu(reduce5, out5, 3),
                          conv_norm_relu(out5, out5, 3)),
            nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv_norm_relu(in_channels, projection, 1)),
        ])
        self.out_channels = single + out3 + out5 + projection

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, out_channels, H, W)``, the branches one after the other."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


@MODELS.register_module()
class CIFARInception(BaseModule):
    """The nine Inception modules of GoogLeNet behind a 3x3 stem of 192 channels; output stride 4.

    The stem is not strided and the auxiliary classifiers are left out, as is usual for CIFAR: 6,148,096 parameters.

    Args:
        widen_factor: Multiplies every number of channels.
        stem_stride: Stride of the stem, which multiplies the output stride; 2 suits 64x64 images, or a CPU.
        init_cfg: Initialisation; PyTorch's own without it.
    """

    def __init__(self, widen_factor: Positive = 1.0, stem_stride: Count = 1, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        in_channels = scaled_channels(192, widen_factor)
        self.stem = conv_norm_relu(3, in_channels, 3, stem_stride)
        self.stages = nn.Sequential()
        for index, modules in enumerate(STAGES):
            stage = nn.Sequential()
            if index > 0:
                stage.append(nn.MaxPool2d(3, stride=2, padding=1))
            for row in modules:
                module = InceptionModule(in_channels, tuple(scaled_channels(width, widen_factor) for width in row))
                stage.append(module)
                in_channels = module.out_channels
            self.stages.append(stage)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map ``(B, 1024, H / 4, W / 4)``, rounded up."""
        return (self.stages(self.stem(images)), )
