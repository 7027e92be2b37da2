import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lhl.losses import edge_set, sobel_magnitude

#: Columns 0, 0, 0, 1, 1: a step of height 1 between the columns 2 and 3.
STEP = torch.tensor([0., 0., 0., 1., 1.]).expand(1, 5, 5).contiguous()

MAPS = hnp.arrays(np.float64, st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6)),
                  elements=st.floats(-10, 10))


def test_a_step_of_1_has_magnitude_4_on_its_two_sides_only():
    assert sobel_magnitude(STEP).tolist() == [[[0, 0, 4, 4, 0]] * 5]


def test_a_step_has_the_same_magnitude_in_both_directions():
    assert torch.equal(sobel_magnitude(STEP.mT), sobel_magnitude(STEP).mT)


def test_a_ramp_has_8_times_its_slope_inside_and_half_of_that_at_the_border():
    ramp = torch.arange(5.).expand(1, 4, 5)
    assert sobel_magnitude(ramp).tolist() == [[[4, 8, 8, 8, 4]] * 4]


def test_a_diagonal_ramp_has_the_length_of_both_gradients():
    rows, columns = torch.meshgrid(torch.arange(5.), torch.arange(5.), indexing='ij')
    assert sobel_magnitude((3 * rows + 4 * columns)[None])[0, 2, 2].item() == 8 * 5


@given(maps=MAPS)
def test_it_equals_scipy_with_replicated_border(maps):
    expected = [np.hypot(*(scipy.ndimage.sobel(image, axis, mode='nearest') for axis in (0, 1))) for image in maps]
    np.testing.assert_allclose(sobel_magnitude(torch.from_numpy(maps)).numpy(), expected, rtol=1e-9, atol=1e-9)


def test_channels_are_taken_together():
    # One channel steps by 3 across, the other by 4 along: 4 * 3 and 4 * 4 meet as 4 * 5 where the steps cross.
    both = torch.stack([3 * STEP, 4 * STEP.mT], dim=1)
    magnitude = sobel_magnitude(both)
    assert magnitude.shape == (1, 5, 5)
    assert (magnitude[0, 2, 2], magnitude[0, 0, 2], magnitude[0, 2, 0]) == (20, 12, 16)


def test_one_channel_is_like_none():
    assert torch.equal(sobel_magnitude(STEP[:, None]), sobel_magnitude(STEP))


@pytest.mark.parametrize('constant', [0.0, 0.7, 1e4])
@pytest.mark.parametrize('normalize', [True, False])
def test_a_constant_map_has_no_edge_and_neither_has_its_border(constant, normalize):
    assert not edge_set(torch.full((2, 6, 7), constant), 0.0, normalize).any()


def test_the_edge_set_of_the_step_is_its_two_columns():
    edges = edge_set(STEP, 0.5)
    assert edges.dtype == torch.bool and edges.sum().item() == 10
    assert edges.tolist() == [[[False, False, True, True, False]] * 5]


def test_the_raw_threshold_is_in_the_unit_of_the_map():
    assert edge_set(STEP, 3.9, normalize=False).sum().item() == 10
    assert edge_set(0.1 * STEP, 3.9, normalize=False).sum().item() == 0
    assert edge_set(0.1 * STEP, 0.39, normalize=False).sum().item() == 10


def test_the_threshold_itself_is_no_edge():
    assert edge_set(STEP, 4.0, normalize=False).sum().item() == 0
    assert edge_set(STEP, 1.0).sum().item() == 0


def test_the_normalised_edge_set_does_not_depend_on_the_unit():
    maps = torch.rand(2, 9, 9, generator=torch.Generator().manual_seed(0))
    edges = edge_set(maps, 0.5)
    assert 0 < edges.sum() < edges.numel()
    for power in (-10, 10):
        assert torch.equal(edge_set(maps * 2.0**power, 0.5), edges)


def test_every_image_is_normalised_by_its_own_strongest_edge():
    faint_and_strong = torch.cat([STEP, 1000 * STEP])
    assert edge_set(faint_and_strong, 0.5).sum(dim=(1, 2)).tolist() == [10, 10]
    assert edge_set(faint_and_strong, 5.0, normalize=False).sum(dim=(1, 2)).tolist() == [0, 10]


def test_the_faintest_of_two_edges_is_dropped_by_a_higher_threshold():
    maps = torch.tensor([0., 0., 0., 1., 1., 1., 1.6, 1.6, 1.6]).expand(1, 5, 9)
    assert edge_set(maps, 0.5)[0, 0].nonzero().flatten().tolist() == [2, 3, 5, 6]
    assert edge_set(maps, 0.7)[0, 0].nonzero().flatten().tolist() == [2, 3]


def test_neither_magnitude_nor_edge_set_carries_a_gradient():
    maps = STEP.clone().requires_grad_()
    assert not sobel_magnitude(maps).requires_grad
    assert not edge_set(maps, 0.5).requires_grad


def test_half_precision_maps_are_differenced_in_float32():
    # 256 + 1 is no bfloat16 number, though the smoothing of the rows has to add up such sums.
    maps = (100 + STEP).bfloat16()
    assert sobel_magnitude(maps).tolist() == [[[0, 0, 4, 4, 0]] * 5]


def test_the_map_itself_is_left_alone():
    maps = STEP.clone()
    sobel_magnitude(maps)
    assert torch.equal(maps, STEP)
