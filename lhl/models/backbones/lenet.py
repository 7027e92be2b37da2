"""LeNet-5 (LeCun et al., Proceedings of the IEEE 1998) for colour images."""
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Positive
from lhl.registry import MODELS

from .layers import scaled_channels

#: Height and width of the smallest image, of which the last feature map has one position.
SMALLEST = 32


@MODELS.register_module()
class CIFARLeNet(BaseModule):
    """LeNet-5 without its classifier: 61,156 parameters, two pooled 5x5 convolutions and the layers of 120 and 84.

    Those two are convolutions as in the paper (C5; F6 is 1x1 here), so that a 32x32 image gives one position and a
    larger one several, 4 pixels apart. ReLU and max-pooling stand for tanh and trained averages, as usual today, and
    the second convolution sees all maps of the first. Nothing is normalised, which the inversion of
    :class:`lhl.methods.HCL` tells apart.

    Args:
        widen_factor: Multiplies every number of channels.
        init_cfg: Initialisation; PyTorch's own without it.
    """

    def __init__(self, widen_factor: Positive = 1.0, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        c1, c3, c5, f6 = (scaled_channels(channels, widen_factor) for channels in (6, 16, 120, 84))
        self.layers = nn.Sequential(
            nn.Conv2d(3, c1, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(c1, c3, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(c3, c5, 5), nn.ReLU(inplace=True),
            nn.Conv2d(c5, f6, 1), nn.ReLU(inplace=True))

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to one feature map: ``(B, 84, 1, 1)`` for 32x32, ``(B, 84, 9, 9)`` for 64x64.

        Raises:
            ValueError: If the images are smaller than 32x32.
        """
        height, width = images.shape[-2:]
        if min(height, width) < SMALLEST:
            raise ValueError(f'CIFARLeNet got images of {height}x{width} pixels, expected at least '
                             f'{SMALLEST}x{SMALLEST}; enlarge them, or take another backbone')
        return (self.layers(images), )
