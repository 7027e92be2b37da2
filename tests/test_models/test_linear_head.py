import torch

from lhl.models import LinearHead


def features(batch_size=2, channels=6, size=(5, 7), seed=0):
    return torch.randn(batch_size, channels, *size, generator=torch.Generator().manual_seed(seed))


def head(**options):
    torch.manual_seed(0)
    return LinearHead(**dict(dict(in_channels=6, out_channels=4), **options))


def test_it_is_a_linear_layer_on_the_average_over_the_image():
    module = head()
    expected = features().mean(dim=(2, 3)) @ module.output.weight[:, :, 0, 0].T + module.output.bias
    output = module([features()])
    assert output.shape == (2, 4, 1, 1)
    torch.testing.assert_close(output.flatten(1), expected)


def test_it_has_the_weights_and_biases_of_a_linear_layer():
    assert sum(parameter.numel() for parameter in head().parameters()) == (6 + 1) * 4


def test_a_batch_of_one_image_can_be_trained():
    module = head(dropout=0.5).train()
    module([features(1)]).square().sum().backward()
    assert module.output.weight.grad.abs().sum() > 0


def test_the_last_feature_map_is_used_unless_another_is_named():
    maps = [features(seed=1), features(seed=2)]
    assert torch.equal(head()(maps), head()([maps[1]]))
    assert torch.equal(head(in_index=0)(maps), head()([maps[0]]))


def test_dropout_acts_on_pooled_channels_in_training_only():
    module = head(in_channels=64, dropout=0.5)
    x = [features(channels=64)]
    assert torch.equal(module.eval()(x), head(in_channels=64)(x))
    assert not torch.equal(module.train()(x), module(x))
