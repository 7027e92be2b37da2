"""Every small-image backbone, narrow, and what is known of it."""
from typing import NamedTuple

import torch

from lhl.registry import MODELS


class Known(NamedTuple):
    """What is known of a backbone at its published width."""

    parameters: int
    channels: int
    stride: int


#: Parameters of the trunk, worked out by hand or from those of a widely used form for CIFAR, less its classifier of 10
#: classes (10 weights per channel and 10 biases); where ours is not that form, the difference is spelt out.
KNOWN = dict(
    # 62,006; the 61,706 often read are those of images with one channel.
    CIFARLeNet=Known((25 * 3 + 1) * 6 + (25 * 6 + 1) * 16 + (25 * 16 + 1) * 120 + (120 + 1) * 84, 84, 4),
    # torchvision's convolutions, but for the stem of 3x3 instead of 11x11.
    CIFARAlexNet=Known(2_469_696 - (121 - 9) * 3 * 64, 256, 16),
    # 14,714,688 convolutions with biases; without biases and with the scale and shift of each normalisation.
    CIFARVGG=Known(14_714_688 + 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512, 512, 32),
    # 6,166,250 with biases: one per output channel of the stem and of the nine modules.
    CIFARInception=Known(
        6_166_250 - 10_250 - (192 + 400 + 736 + 672 + 712 + 728 + 768 + 1152 + 1152 + 1392), 1024, 4),
    CIFARResNet=Known(11_173_962 - 5_130, 512, 8),
    # 9,128,778 with a stem of 1x1; the paper's is 3x3.
    CIFARResNeXt=Known(9_128_778 - 10_250 + (9 - 1) * 3 * 64, 1024, 4),
    CIFARDenseNet=Known(6_956_298 - 10_250, 1024, 8),
    # ResNet-18 and two excitations per stage; 11,260,354 are those of pre-activated blocks, which the paper has not.
    CIFARSENet=Known(
        11_173_962 - 5_130 + 2 * sum(2 * c * c // 16 + c // 16 + c for c in (64, 128, 256, 512)), 512, 8),
    # 2,321,946 with a stem of 64 channels; the paper's has 32. It feeds two convolutions of 24 channels.
    CIFARRegNet=Known(2_321_946 - 3_690 - 32 * (9 * 3 + 2 + 2 * 24), 368, 8),
)
STRIDED = [name for name in KNOWN if name not in ('CIFARLeNet', 'CIFARAlexNet', 'CIFARVGG')]
#: Those without normalisation.
PLAIN = ['CIFARLeNet', 'CIFARAlexNet']


def narrow(name, widen_factor=0.125, **options):
    torch.manual_seed(0)
    return MODELS.build(dict(type=name, widen_factor=widen_factor, **options))


def images(batch_size=2, size=(32, 32), seed=0):
    return torch.randn(batch_size, 3, *size, generator=torch.Generator().manual_seed(seed))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())
