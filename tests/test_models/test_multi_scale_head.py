import torch

from lhl.models import MultiScaleHead


def test_maps_are_brought_to_the_finest_grid_or_to_a_multiple_of_it():
    features = [torch.rand(2, 5, 8, 12), torch.rand(2, 7, 4, 6), torch.rand(2, 9, 2, 3)]
    head = MultiScaleHead((9, 5), 3, channels=4, in_index=(2, 0))
    assert head(features).shape == (2, 3, 8, 12)
    assert MultiScaleHead(7, 3, channels=4, in_index=1, scale=2)(features).shape == (2, 3, 8, 12)


def test_the_raw_output_is_what_the_layers_say():
    """A map of one constant stays constant: each layer is a number, worked out by hand."""
    head = MultiScaleHead((1, 1), 1, channels=1, in_index=(0, 1), dropout=0.0).eval()
    with torch.no_grad():
        for weight, value in zip((*[p.conv.weight for p in head.projections], head.mix.conv.weight,
                                  head.refine.conv.weight, head.output.weight), (2, 3, 1, 1 / 9, 5), strict=True):
            weight.fill_(value)
        head.output.bias.fill_(7)
        raw = head([torch.ones(1, 1, 6, 6), torch.ones(1, 1, 3, 3)])
    norm = 1 / (1 + 1e-5)**0.5  # a batch normalisation of mean 0 and variance 1
    expected = 5 * (2 + 3) * norm**3 + 7
    torch.testing.assert_close(raw[0, 0, 2, 2], torch.tensor(expected))
