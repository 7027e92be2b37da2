"""AlexNet (Krizhevsky et al., NeurIPS 2012) for small images."""
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Positive
from lhl.registry import MODELS

from .layers import scaled_channels


@MODELS.register_module()
class CIFARAlexNet(BaseModule):
    """The five convolutions of AlexNet with the widths of its one-tower form (Krizhevsky, 2014); output stride 16.

    The stem is 3x3 with stride 2 instead of 11x11 with stride 4, which would see a third of a CIFAR image, and the
    fully connected layers of 4096 are left out, as is usual for CIFAR: 2,448,192 parameters. It has no normalisation
    (the paper's local response normalisation is long given up), which the inversion of
    :class:`lhl.methods.HCL` tells apart.

    Args:
        widen_factor: Multiplies every number of channels.
        init_cfg: Initialisation; PyTorch's own without it.
    """

    def __init__(self, widen_factor: Positive = 1.0, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.layers = nn.Sequential()
        in_channels = 3
        for channels, kernel_size, stride, pooled in ((64, 3, 2, True), (192, 5, 1, True), (384, 3, 1, False),
                                                      (256, 3, 1, False), (256, 3, 1, True)):
            out_channels = scaled_channels(channels, widen_factor)
            self.layers.append(nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2))
            self.layers.append(nn.ReLU(inplace=True))
            if pooled:
                self.layers.append(nn.MaxPool2d(3, stride=2, padding=1))
            in_channels = out_channels

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map ``(B, 256, H / 16, W / 16)``, rounded up."""
        return (self.layers(images), )
