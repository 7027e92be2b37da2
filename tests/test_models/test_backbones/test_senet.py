import torch

from lhl.models.backbones.senet import SqueezeExcitation, excited_body


def test_channels_are_weighed_by_the_average_over_the_image():
    module = SqueezeExcitation(2)  # one hidden channel: 2 // 16 would be none
    squeeze, _, excite, _ = module.excitation
    with torch.no_grad():
        for layer, weight, bias in ((squeeze, [1, 2], [-1]), (excite, [1, -1], [0, 0])):
            layer.weight.copy_(torch.tensor(weight).reshape(layer.weight.shape))
            layer.bias.copy_(torch.tensor(bias))
    x = torch.tensor([[[[0.0, 2.0]], [[1.0, 3.0]]]])  # means 1 and 2: hidden 1 + 4 - 1 = 4
    expected = x * torch.sigmoid(torch.tensor([4.0, -4.0])).reshape(1, 2, 1, 1)
    torch.testing.assert_close(module(x), expected)


def test_the_excitation_is_the_last_of_the_body():
    body = excited_body(32, 64, 2)
    assert isinstance(body[-1], SqueezeExcitation)
    assert body[-1].excitation[0].weight.shape == (4, 64, 1, 1)
