import pytest
import torch

from lhl.models.backbones.layers import conv, conv_norm_relu, scaled_channels


@pytest.mark.parametrize(('channels', 'widen_factor', 'divisor', 'expected'), [
    (64, 1, 1, 64), (6, 0.5, 1, 3), (6, 0.4, 1, 2), (5, 0.5, 1, 3),  # 2.4 goes down, 2.5 up
    (152, 0.5, 8, 80), (24, 0.25, 8, 8), (24, 0.01, 8, 8), (3, 0.01, 1, 1), (56, 2, 8, 112)])
def test_channels_are_scaled_to_the_nearest_multiple_but_never_to_none(channels, widen_factor, divisor, expected):
    assert scaled_channels(channels, widen_factor, divisor) == expected


@pytest.mark.parametrize('kernel_size', [1, 3, 5])
@pytest.mark.parametrize('stride', [1, 2])
def test_a_convolution_divides_the_size_by_its_stride_rounded_up(kernel_size, stride):
    output = conv(2, 4, kernel_size, stride)(torch.zeros(1, 2, 6, 7))
    assert output.shape == (1, 4, *((6, 7) if stride == 1 else (3, 4)))


def test_the_relu_comes_after_the_normalisation():
    layer = conv_norm_relu(1, 1, 1).train()
    with torch.no_grad():
        layer[0].weight.fill_(1)
    # Mean 2 and variance 1: the values are -1 and 1 when the ReLU sees them.
    output = layer(torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1))
    torch.testing.assert_close(output.flatten(), torch.tensor([0.0, 1.0]), rtol=0, atol=1e-4)
