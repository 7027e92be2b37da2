import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lhl.losses import class_groups, interval_groups, min_max_normalize, threshold_groups


def label(*channels):
    """One image's pseudo-label, one row of pixels per channel."""
    return torch.tensor([[[channel] for channel in channels]], dtype=torch.float32)


def test_normalisation_takes_the_minimum_to_0_and_the_maximum_to_1():
    assert min_max_normalize(torch.tensor([[[-2., 0., 6.]]])).tolist() == [[[0, 0.25, 1]]]


def test_every_image_is_normalised_by_its_own_range():
    maps = torch.tensor([[[0., 1., 4.]], [[100., 300., 500.]]])
    assert min_max_normalize(maps).tolist() == [[[0, 0.25, 1]], [[0, 0.5, 1]]]


@pytest.mark.parametrize('constant', [0.0, 3.7, -1e30])
def test_a_constant_map_is_normalised_to_0_and_not_to_nan(constant):
    assert min_max_normalize(torch.full((1, 2, 2), constant)).tolist() == [[[0, 0], [0, 0]]]


def test_normalisation_keeps_a_finite_gradient_at_a_constant_map():
    maps = torch.ones(1, 2, 2, requires_grad=True)
    min_max_normalize(maps).sum().backward()
    assert maps.grad.isfinite().all()


def test_classes_are_the_groups():
    labels = torch.tensor([[[0, 2], [2, 1]]])
    index, count = class_groups(labels, 13)
    assert torch.equal(index, labels) and count == 13


def test_the_threshold_itself_belongs_to_the_upper_group():
    index, count = threshold_groups(label([0., 1., 2., 3., 4.]), 0.5)
    assert index.tolist() == [[[0, 0, 1, 1, 1]]] and count == 2
    assert index.dtype == torch.int64


def test_the_threshold_is_on_the_normalised_mean_of_the_channels():
    # Channel means 10, 14, 18 are normalised to 0, 0.5, 1, though no channel alone is.
    pseudo_label = label([20., 0., 20.], [0., 28., 16.])
    assert threshold_groups(pseudo_label, 0.5)[0].tolist() == [[[0, 1, 1]]]
    assert threshold_groups(pseudo_label, 0.51)[0].tolist() == [[[0, 0, 1]]]


def test_metres_that_all_exceed_the_raw_threshold_still_form_two_groups():
    assert threshold_groups(label([2., 3., 9., 10.]), 0.5)[0].tolist() == [[[0, 0, 1, 1]]]


@given(scale=st.sampled_from([2.0**power for power in range(-8, 9)]), shift=st.integers(-100, 100))
def test_groups_do_not_depend_on_the_unit(scale, shift):
    pseudo_label = label([0., 1., 2., 3., 5., 8.])
    moved = scale * pseudo_label + shift
    for split in (lambda x: threshold_groups(x, 0.3)[0], lambda x: interval_groups(x, 5)[0]):
        assert torch.equal(split(moved), split(pseudo_label))


def test_every_image_is_split_by_its_own_range():
    near, far = label([0., 1., 2.]), label([0., 50., 100.])
    together = threshold_groups(torch.cat([near, far]), 0.5)[0]
    assert together.tolist() == [[[0, 1, 1]], [[0, 1, 1]]]
    assert interval_groups(torch.cat([near, far]), 2)[0].tolist() == together.tolist()


@pytest.mark.parametrize('split', [lambda x: threshold_groups(x, 0.9), lambda x: interval_groups(x, 10)])
def test_a_constant_pseudo_label_is_one_group(split):
    assert split(torch.full((2, 3, 4, 5), 1.3))[0].unique().tolist() == [0]


@pytest.mark.parametrize('count', [5, 10, 15])
def test_intervals_are_equally_wide_and_the_maximum_belongs_to_the_last(count):
    # The middle of each interval, and both ends of the range.
    middles = [(index + 0.5) / count for index in range(count)]
    index, number = interval_groups(label([0., *middles, 1.]), count)
    assert index.tolist() == [[[0, *range(count), count - 1]]] and number == count


def test_a_boundary_belongs_to_the_upper_interval():
    assert interval_groups(label([0., 1., 2., 3., 4.]), 4)[0].tolist() == [[[0, 1, 2, 3, 3]]]


def test_two_intervals_are_the_groups_of_threshold_one_half():
    pseudo_label = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(interval_groups(pseudo_label, 2)[0], threshold_groups(pseudo_label, 0.5)[0])
