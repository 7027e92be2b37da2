"""SE-ResNet-18 (Squeeze-and-Excitation, Hu et al., CVPR 2018) for small images."""
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Count, Positive
from lhl.registry import MODELS

from .layers import conv_norm_relu, scaled_channels
from .residual import basic_body, residual_stages
from .resnet import STAGES

#: How many times fewer channels the excitation is computed with (the paper's r).
REDUCTION = 16


class SqueezeExcitation(nn.Module):
    """Weighs each channel by what all channels hold on average over the image (Eq. 2 to 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // REDUCTION)
        self.excitation = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Scale each channel of ``(B, C, H, W)`` by a factor in 0..1 that is computed from the means of all."""
        return x * self.excitation(x.mean(dim=(2, 3), keepdim=True))


def excited_body(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Build a basic block's body with an excitation at its end, before the addition."""
    return basic_body(in_channels, out_channels, stride).append(SqueezeExcitation(out_channels))


@MODELS.register_module()
class CIFARSENet(BaseModule):
    """:class:`CIFARResNet` with an excitation in every block: output stride 8, 11,257,912 parameters.

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
        self.stages = residual_stages(stem_channels, stages, excited_body)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map ``(B, 512, H / 8, W / 8)``, rounded up."""
        return (self.stages(self.stem(images)), )
