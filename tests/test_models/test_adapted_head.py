import pytest
import torch

from lhl.models import AdaptedHead, ASPPHead

OLD = dict(type='ASPPHead', in_channels=6, channels=8, dilations=(1, 2))


def features(batch_size=2, channels=6, size=(5, 7), seed=0):
    return torch.randn(batch_size, channels, *size, generator=torch.Generator().manual_seed(seed))


def adapted(old=OLD, **options):
    torch.manual_seed(0)
    return AdaptedHead(**dict(dict(in_channels=6, out_channels=4, head=old), **options)).eval()


def make_identity(adapter):
    with torch.no_grad():
        adapter.weight.copy_(torch.eye(*adapter.weight.shape[:2])[:, :, None, None])
        adapter.bias.zero_()


def test_behind_an_identity_the_old_head_predicts_as_before():
    head = adapted()
    make_identity(head.adapters[0])
    assert isinstance(head.head, ASPPHead)
    assert torch.equal(head([features()]), head.head([features()]))


def test_the_adapter_mixes_the_channels_of_each_pixel():
    head = adapted(in_channels=3)
    x = features(channels=3)
    weight, bias = head.adapters[0].weight[:, :, 0, 0], head.adapters[0].bias
    by_hand = torch.einsum('oc,bchw->bohw', weight, x) + bias[:, None, None]
    assert torch.allclose(head([x]), head.head([by_hand]), atol=1e-6)
    assert sum(p.numel() for p in head.adapters.parameters()) == 3 * 6 + 6


@pytest.mark.parametrize('scale, size', [(1.0, (5, 7)), (4.0, (20, 28)), (0.5, (2, 4)), (0.05, (1, 1))])
def test_the_old_head_sees_a_map_of_the_old_stride(scale, size):
    assert adapted(scale=scale)([features()]).shape == (2, 4, *size)


def test_the_resize_is_bilinear():
    head = adapted(scale=2.0)
    make_identity(head.adapters[0])
    # Between the centres of pixels with 0 and 4, a quarter and three quarters of the way: 1 and 3; 0 and 4 at the rim.
    row = torch.tensor([0.0, 4.0]).expand(1, 6, 1, 2)
    by_hand = torch.tensor([0.0, 1.0, 3.0, 4.0]).expand(1, 6, 2, 4)
    assert torch.allclose(head([row]), head.head([by_hand]), atol=1e-6)


def test_the_last_feature_map_is_adapted_unless_another_is_named():
    maps = [features(seed=1), features(seed=2)]
    assert torch.equal(adapted()(maps), adapted()([maps[1]]))
    assert torch.equal(adapted(in_index=0)(maps), adapted()([maps[0]]))


def test_several_maps_each_have_an_adapter():
    old = dict(OLD, in_channels=(2, 4), in_index=(0, 1))
    head = adapted(old, in_channels=(3, 5), in_index=(2, 0), scale=(2.0, 1.0))
    coarse, unused, fine = features(channels=5, size=(4, 6)), features(channels=7), features(channels=3, size=(4, 6))
    assert [tuple(adapter.weight.shape[:2]) for adapter in head.adapters] == [(2, 3), (4, 5)]
    assert head([coarse, unused, fine]).shape == (2, 4, 8, 12)
    swapped = [adapter(x) for adapter, x in zip(head.adapters, (fine, coarse), strict=True)]
    first = torch.nn.functional.interpolate(swapped[0], (8, 12), mode='bilinear')
    assert torch.equal(head([coarse, unused, fine]), head.head([first, swapped[1]]))


def test_as_many_maps_as_the_old_head_had_are_needed():
    with pytest.raises(ValueError, match='zip'):
        adapted(in_channels=(3, 5), in_index=(0, 1), scale=(1.0, 1.0))
