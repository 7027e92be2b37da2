"""VGG-16 (Simonyan and Zisserman, ICLR 2015) with batch normalisation."""
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Positive
from lhl.registry import MODELS

from .layers import conv_norm_relu, scaled_channels

#: Width and number of the 3x3 convolutions before each of the five poolings (configuration D).
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@MODELS.register_module()
class CIFARVGG(BaseModule):
    """The 13 convolutions of VGG-16, each normalised; output stride 32, 14,718,912 parameters.

    The fully connected layers of 4096 are left out, as is usual for CIFAR, and the convolutions have no biases, which
    the normalisations make idle.

    Args:
        widen_factor: Multiplies every number of channels.
        init_cfg: Initialisation; PyTorch's own without it.
    """

    def __init__(self, widen_factor: Positive = 1.0, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.layers = nn.Sequential()
        in_channels = 3
        for channels, convolutions in STAGES:
            out_channels = scaled_channels(channels, widen_factor)
            for _ in range(convolutions):
                self.layers.append(conv_norm_relu(in_channels, out_channels, 3))
                in_channels = out_channels
            self.layers.append(nn.MaxPool2d(2, ceil_mode=True))

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map ``(B, 512, H / 32, W / 32)``, rounded up."""
        return (self.layers(images), )
