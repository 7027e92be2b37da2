"""What the small-image backbones are built from: convolutions, normalised or not, and the widths of narrow ones."""
from torch import nn

from lhl.errors import ConfigError


def scaled_channels(channels: int, widen_factor: float, divisor: int = 1) -> int:
    """Scale a published number of channels.

    Args:
        channels: The published number.
        widen_factor: Above 0; 1 leaves the published number.
        divisor: What the result must be a multiple of, as groups of a convolution ask for.

    Returns:
        The multiple of ``divisor`` nearest to ``channels * widen_factor``, at least ``divisor`` itself.

    Raises:
        ConfigError: If ``widen_factor`` is not above 0.
    """
    if not widen_factor > 0:
        raise ConfigError(f'widen_factor={widen_factor!r} of a backbone would leave no channels, expected a number '
                          f'above 0; 1 gives the published width')
    return max(1, int(channels * widen_factor / divisor + 0.5)) * divisor


def conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Build a convolution without a bias, for a normalisation to follow or to precede.

    It divides height and width by ``stride``, rounded up.
    """
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False)


def conv_norm(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1,
              groups: int = 1) -> nn.Sequential:
    """Build a convolution and its batch normalisation, whose bias stands for the convolution's."""
    return nn.Sequential(conv(in_channels, out_channels, kernel_size, stride, groups), nn.BatchNorm2d(out_channels))


def conv_norm_relu(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1,
                   groups: int = 1) -> nn.Sequential:
    """Build a convolution, its batch normalisation and a ReLU."""
    return conv_norm(in_channels, out_channels, kernel_size, stride, groups).append(nn.ReLU(inplace=True))
