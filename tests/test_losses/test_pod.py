import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lhl.losses import global_pod, local_pod, pod_distance

POOLINGS = dict(local=local_pod, global_=global_pod)
#: Constant maps 3 and 1, squared: every mean differs by 8.
SQUARES = [torch.full((1, 1, 8, 8), value) for value in (9.0, 1.0)]


def distance(pooling, scales, norm, first=SQUARES[0], second=SQUARES[1]):
    return pod_distance(pooling(first, scales), pooling(second, scales), norm)


@pytest.mark.parametrize('pooling, scales, norm, expected', [
    (local_pod, (1, ), 'fro', 32.0),  # 16 numbers
    (local_pod, (1, ), 'l1', 128.0),
    (local_pod, (1, ), 'l2', 64.0),
    (local_pod, (1, 2, 4), 'fro', 8 * math.sqrt(112)),  # 16 + 32 + 64 numbers
    (local_pod, (1, 2, 4), 'l1', 896.0),
    (local_pod, (1, 2, 4), 'l2', 64.0),
    (global_pod, (1, ), 'fro', 8 * math.sqrt(2)),
    (global_pod, (1, ), 'l1', 16.0),
    (global_pod, (1, 2, 4), 'fro', 8 * math.sqrt(146)),  # 2 of 8, 4 of 16, 8 of 32
    (global_pod, (1, 2, 4), 'l1', 336.0),
    (global_pod, (1, 2, 4), 'l2', 64 * 146 / 14),
])
def test_constant_maps_by_hand(pooling, scales, norm, expected):
    torch.testing.assert_close(distance(pooling, scales, norm), torch.tensor([expected]))


def test_the_numbers_of_the_reference_sheet():
    assert distance(local_pod, (1, 2, 4), 'fro').item() == pytest.approx(84.664, abs=5e-4)
    assert distance(global_pod, (1, ), 'fro').item() == pytest.approx(11.314, abs=5e-4)
    assert distance(global_pod, (1, 2, 4), 'fro').item() == pytest.approx(96.664, abs=5e-4)


def test_a_ramp_pooled_by_hand():
    ramp = torch.tensor([[[[1., 2., 3., 4.], [5., 6., 7., 8.]]]])
    assert local_pod(ramp, (1, )).tolist() == [[2.5, 6.5, 3, 4, 5, 6]]  # two rows, then four columns
    assert sorted(local_pod(ramp, (2, ))[0].tolist()) == sorted([1.5, 3.5, 5.5, 7.5] + [1, 2, 3, 4, 5, 6, 7, 8])
    assert global_pod(ramp, (1, )).tolist() == [[4.5, 4.5]]
    assert global_pod(ramp, (2, )).tolist() == [[1.5 + 3.5, 5.5 + 7.5, 1.5 + 5.5, 3.5 + 7.5]]


def slow_local(features, scales):
    """Region by region, as the paper writes it, for sides that are multiples of the scales."""
    pooled = []
    for scale in scales:
        for rows in features.chunk(scale, dim=2):
            for region in rows.chunk(scale, dim=3):
                pooled += [region.mean(dim=3).flatten(1), region.mean(dim=2).flatten(1)]
    return torch.cat(pooled, dim=1)


def test_local_pooling_is_that_of_all_regions():
    features = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    found, expected = local_pod(features), slow_local(features, (1, 2, 4))
    torch.testing.assert_close(found.sort(dim=1).values, expected.sort(dim=1).values)


def test_global_pooling_is_average_pooling_and_sums():
    features = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    grids = [torch.nn.functional.avg_pool2d(features, (8 // scale, 12 // scale)) for scale in (1, 2, 4)]
    expected = torch.cat([grid.sum(dim).flatten(1) for grid in grids for dim in (3, 2)], dim=1)
    torch.testing.assert_close(global_pod(features), expected)


@pytest.mark.parametrize('pooling', POOLINGS)
@given(batch=st.integers(1, 2), channels=st.integers(1, 3), height=st.integers(1, 13), width=st.integers(1, 13),
       scales=st.lists(st.integers(1, 6), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_any_shape_is_pooled_to_finite_numbers_within_the_map_s_range(
        pooling, batch, channels, height, width, scales, seed):
    features = torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(seed))
    pooled = POOLINGS[pooling](features, scales)
    if pooling == 'local':
        assert pooled.shape == (batch, channels * (height + width) * sum(scales))
        assert features.min() - 1e-6 <= pooled.min() and pooled.max() <= features.max() + 1e-6
    else:
        assert pooled.shape == (batch, 2 * channels * sum(scales))
        assert 0 <= pooled.min() and pooled.max() <= max(scales) * (features.max() + 1e-6)


@pytest.mark.parametrize('size', [(36, 48), (9, 12), (16, 32), (3, 5), (1, 1)])
@pytest.mark.parametrize('norm', ['fro', 'l1', 'l2'])
@pytest.mark.parametrize('pooling', POOLINGS)
def test_maps_that_are_not_square_give_finite_values_and_gradients(pooling, norm, size):
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(2, 3, *size, generator=generator) for _ in range(2))
    first.requires_grad_()
    value = distance(POOLINGS[pooling], (1, 2, 4), norm, first.square(), second.square())
    value.sum().backward()
    assert value.shape == (2, ) and (value > 0).all() and value.isfinite().all()
    assert first.grad.isfinite().all() and first.grad.abs().sum() > 0


@pytest.mark.parametrize('norm', ['fro', 'l1', 'l2'])
@pytest.mark.parametrize('pooling', POOLINGS)
def test_equal_maps_give_0_with_a_zero_gradient(pooling, norm):
    features = torch.randn(2, 3, 9, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = distance(POOLINGS[pooling], (1, 2, 4), norm, features.square(), features.detach().square())
    value.sum().backward()
    assert value.tolist() == [0, 0]
    assert torch.equal(features.grad, torch.zeros_like(features))


@pytest.mark.parametrize('norm', ['fro', 'l1', 'l2'])
@pytest.mark.parametrize('pooling', POOLINGS)
def test_the_gradient_is_that_of_finite_differences(pooling, norm):
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.rand(1, 2, 3, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    assert torch.autograd.gradcheck(
        lambda features: distance(POOLINGS[pooling], (1, 2), norm, features.square(), second), first.requires_grad_())


def test_permuting_the_pixels_of_a_row_leaves_the_means_of_rows():
    features = torch.randn(1, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    permuted = features[..., torch.tensor([3, 1, 7, 0, 5, 2, 6, 4])]
    before, after = local_pod(features, (1, )), local_pod(permuted, (1, ))
    torch.testing.assert_close(after[:, :6], before[:, :6])
    assert (after[:, 6:] - before[:, 6:]).abs().max() > 0.1


def test_each_image_has_a_distance_of_its_own():
    generator = torch.Generator().manual_seed(0)
    first, second = (local_pod(torch.rand(3, 2, 4, 6, generator=generator)) for _ in range(2))
    for norm in ('fro', 'l1', 'l2'):
        alone = torch.cat([pod_distance(first[i:i + 1], second[i:i + 1], norm) for i in range(3)])
        torch.testing.assert_close(pod_distance(first, second, norm), alone)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="norm='L3' is unknown"):
        pod_distance(torch.zeros(1, 1), torch.zeros(1, 1), 'L3')
