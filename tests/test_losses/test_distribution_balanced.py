import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import gmean

from lhl.errors import ConfigError
from lhl.losses import DistributionBalancedLoss, distribution_balanced_loss
from lhl.registry import MODELS

# Two groups, {1, 4} and {2, 8}: geometric means 2 and 4, arithmetic means 2.5 and 5.
LOSSES = torch.tensor([[[1., 4.], [2., 8.]]], dtype=torch.float64)
GROUPS = torch.tensor([[[0, 0], [1, 1]]])
#: The geometric mean as Eq. 6 has it, as far as float32 goes.
LITERAL = dict(relative_epsilon=1e-6)

POSITIVE_MAPS = hnp.arrays(np.float64, (2, 3, 4), elements=st.floats(1e-3, 1e3))
ANY_MAPS = hnp.arrays(np.float64, (2, 3, 4), elements=st.just(0.0) | st.floats(1e-6, 1e3))
GROUPINGS = hnp.arrays(np.int64, (2, 3, 4), elements=st.integers(0, 4))


def one_group(maps):
    return torch.zeros(maps.shape, dtype=torch.int64)


def random_maps(shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_groups(shape, num_groups, seed=1):
    return torch.randint(num_groups, shape, generator=torch.Generator().manual_seed(seed))


def value_and_gradient(maps, groups, num_groups, **options):
    maps = maps.clone().requires_grad_()
    loss = distribution_balanced_loss(maps, groups, num_groups, **options)
    loss.sum().backward()
    return loss.detach(), maps.grad


def by_loops(maps, groups, num_groups, mean, divisor, relative_epsilon):
    """Eq. 6 in numpy, one image and one group after the other, with the documented epsilon."""
    losses = []
    for image, index in zip(maps, groups, strict=True):
        means = []
        for group in range(num_groups):
            values = image[index == group]
            if values.size == 0:
                continue
            if mean == 'arithmetic' or values.max() == 0:
                means.append(values.mean())
            else:
                epsilon = relative_epsilon * values.mean()
                means.append(np.exp(np.log(values + epsilon).mean()) - epsilon)
        losses.append(sum(means) / (len(means) if divisor == 'present' else num_groups))
    return np.array(losses)


# ---- values by hand ------------------------------------------------------------------------------------------------

def test_geometric_means_2_and_4_average_to_3():
    assert distribution_balanced_loss(LOSSES, GROUPS, 2, relative_epsilon=1e-12).item() == pytest.approx(3, abs=1e-10)


def test_the_literal_epsilon_changes_the_hand_calculated_3_by_less_than_a_millionth():
    assert distribution_balanced_loss(LOSSES, GROUPS, 2, relative_epsilon=1e-6).item() == pytest.approx(3, rel=1e-6)


def test_the_robust_default_is_the_geometric_mean_of_losses_that_a_tenth_of_their_mean_was_added_to():
    # Arithmetic means 2.5 and 5: (1.25 * 4.25) ** 0.5 - 0.25 and twice that.
    expected = 1.5 * ((1.25 * 4.25)**0.5 - 0.25)
    assert distribution_balanced_loss(LOSSES, GROUPS, 2).item() == pytest.approx(expected, rel=1e-12)
    assert DistributionBalancedLoss()(LOSSES, GROUPS, 2).item() == pytest.approx(expected, rel=1e-12)


def test_arithmetic_means_2_5_and_5_average_to_3_75():
    assert distribution_balanced_loss(LOSSES, GROUPS, 2, mean='arithmetic').tolist() == [3.75]


def test_fixed_divisor_counts_an_empty_third_group():
    fixed = distribution_balanced_loss(LOSSES, GROUPS, 3, divisor='fixed', **LITERAL)
    assert fixed.item() == pytest.approx(2, rel=1e-6)
    assert distribution_balanced_loss(LOSSES, GROUPS, 3, 'arithmetic', divisor='fixed').tolist() == [2.5]


def test_present_divisor_passes_over_an_empty_group_wherever_it_is():
    for groups in (GROUPS, GROUPS + 1, GROUPS * 2):
        assert distribution_balanced_loss(LOSSES, groups, 3, **LITERAL).item() == pytest.approx(3, rel=1e-6)


def test_every_group_weighs_the_same_whatever_its_size():
    maps = torch.full((1, 10, 10), 1.0, dtype=torch.float64)
    groups = one_group(maps)
    maps[0, 0, 0], groups[0, 0, 0] = 9.0, 1
    assert distribution_balanced_loss(maps, groups, 2).item() == pytest.approx(5, rel=1e-12)


def test_the_number_of_present_groups_is_counted_per_image():
    maps = torch.cat([LOSSES, LOSSES])
    groups = torch.cat([GROUPS, one_group(LOSSES)])
    # The second image is one group of geometric mean (1 * 4 * 2 * 8) ** (1 / 4) = 8 ** 0.5.
    expected = torch.tensor([3, 8**0.5], dtype=torch.float64)
    torch.testing.assert_close(distribution_balanced_loss(maps, groups, 2, relative_epsilon=1e-12), expected)


@pytest.mark.parametrize('mean', ['geometric', 'arithmetic'])
@given(constant=st.floats(1e-3, 1e3), groups=GROUPINGS)
def test_a_constant_map_has_its_constant_as_loss_in_every_grouping(mean, constant, groups):
    maps = torch.full((2, 3, 4), constant, dtype=torch.float64)
    loss = distribution_balanced_loss(maps, torch.from_numpy(groups), 5, mean)
    torch.testing.assert_close(loss, torch.full_like(loss, constant), rtol=1e-12, atol=0)


@given(maps=ANY_MAPS, groups=GROUPINGS, mean=st.sampled_from(['geometric', 'arithmetic']),
       divisor=st.sampled_from(['present', 'fixed']), relative_epsilon=st.sampled_from([1e-6, 1e-3]))
def test_it_equals_plain_loops_over_images_and_groups(maps, groups, mean, divisor, relative_epsilon):
    loss = distribution_balanced_loss(
        torch.from_numpy(maps), torch.from_numpy(groups), 5, mean, divisor, relative_epsilon)
    expected = by_loops(maps, groups, 5, mean, divisor, relative_epsilon)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-9, atol=1e-12)


@given(maps=POSITIVE_MAPS)
def test_with_a_vanishing_epsilon_it_is_the_textbook_geometric_mean(maps):
    loss = distribution_balanced_loss(
        torch.from_numpy(maps), torch.zeros(2, 3, 4, dtype=torch.int64), 1, relative_epsilon=1e-13)
    np.testing.assert_allclose(loss.numpy(), gmean(maps.reshape(2, -1), axis=1), rtol=1e-6)


# ---- softened balance ----------------------------------------------------------------------------------------------

def nine_and_one(divisor, balance):
    """Nine pixels of loss 1 and, in a group of its own, one of 5; a third group is empty."""
    maps, groups = torch.ones(1, 2, 5, dtype=torch.float64), torch.zeros(1, 2, 5, dtype=torch.int64)
    maps[0, 1, 4], groups[0, 1, 4] = 5, 1
    return distribution_balanced_loss(maps, groups, 3, divisor=divisor, balance=balance).item()


def test_the_balance_goes_from_the_mean_over_groups_to_the_mean_over_pixels():
    assert nine_and_one('present', 1) == pytest.approx((1 + 5) / 2)
    assert nine_and_one('present', 0) == pytest.approx((9 + 5) / 10)
    # Groups of 9 pixels and of 1 weigh as 9 ** 0.5 = 3 does to 1.
    assert nine_and_one('present', 0.5) == pytest.approx((3 * 1 + 5) / 4)
    for balance in (0, 0.5, 1):
        assert nine_and_one('fixed', balance) == pytest.approx(2 / 3 * nine_and_one('present', balance))


@given(maps=ANY_MAPS, groups=GROUPINGS)
def test_without_balance_the_arithmetic_mean_is_that_of_all_pixels(maps, groups):
    loss = distribution_balanced_loss(torch.from_numpy(maps), torch.from_numpy(groups), 5, 'arithmetic', balance=0.0)
    np.testing.assert_allclose(loss.numpy(), maps.mean(axis=(1, 2)), rtol=1e-9)


@given(groups=GROUPINGS, balance=st.floats(0, 1))
def test_a_pixel_weighs_the_share_of_its_group_to_the_power_of_minus_balance(groups, balance):
    maps, groups = torch.ones(2, 3, 4, dtype=torch.float64), torch.from_numpy(groups)
    _, gradient = value_and_gradient(maps, groups, 5, mean='arithmetic', balance=balance)
    for image, index in zip(gradient, groups, strict=True):
        share = index.flatten().bincount(minlength=5).double()[index] / 12
        expected = share**-balance
        torch.testing.assert_close(image, expected / expected.sum())


# ---- properties ----------------------------------------------------------------------------------------------------

@given(maps=ANY_MAPS, groups=GROUPINGS)
def test_the_geometric_mean_is_never_above_the_arithmetic_mean(maps, groups):
    maps, groups = torch.from_numpy(maps), torch.from_numpy(groups)
    arithmetic = distribution_balanced_loss(maps, groups, 5, mean='arithmetic')
    assert (distribution_balanced_loss(maps, groups, 5) <= arithmetic * (1 + 1e-12)).all()


@pytest.mark.parametrize('size', [2, 8, 100])
def test_an_outlier_times_1000_multiplies_the_geometric_mean_of_n_pixels_by_the_nth_root(size):
    maps = 1 + random_maps((1, 1, size))
    outlier = maps.clone()
    outlier[0, 0, 0] *= 1000
    options = dict(groups=one_group(maps), num_groups=1, relative_epsilon=1e-13)
    ratio = distribution_balanced_loss(outlier, **options) / distribution_balanced_loss(maps, **options)
    assert ratio.item() == pytest.approx(1000**(1 / size), rel=1e-8)


def test_geometric_mean_ignores_one_outlier_more_than_the_arithmetic_mean():
    maps = torch.ones(1, 10, 10, dtype=torch.float64)
    maps[0, 0, 0] = 1000
    options = dict(groups=one_group(maps), num_groups=1)
    assert distribution_balanced_loss(maps, mean='arithmetic', **options).item() == pytest.approx(10.99)
    assert distribution_balanced_loss(maps, **LITERAL, **options).item() == pytest.approx(1.0715, rel=1e-4)


@given(maps=ANY_MAPS, groups=GROUPINGS, order=st.permutations(range(12)))
def test_permuting_the_pixels_changes_nothing(maps, groups, order):
    maps, groups = torch.from_numpy(maps), torch.from_numpy(groups)
    permuted = [values.flatten(1)[:, order].reshape(2, 3, 4) for values in (maps, groups)]
    torch.testing.assert_close(distribution_balanced_loss(*permuted, 5), distribution_balanced_loss(maps, groups, 5),
                               rtol=1e-10, atol=1e-14)


@given(maps=ANY_MAPS, groups=GROUPINGS, names=st.permutations(range(5)))
def test_renaming_the_groups_changes_nothing(maps, groups, names):
    renamed = torch.from_numpy(np.array(names)[groups])
    torch.testing.assert_close(distribution_balanced_loss(torch.from_numpy(maps), renamed, 5),
                               distribution_balanced_loss(torch.from_numpy(maps), torch.from_numpy(groups), 5),
                               rtol=1e-10, atol=1e-14)


@given(maps=ANY_MAPS, groups=GROUPINGS, scale=st.floats(1e-3, 1e3))
def test_scaling_the_map_scales_the_loss(maps, groups, scale):
    maps, groups = torch.from_numpy(maps), torch.from_numpy(groups)
    torch.testing.assert_close(distribution_balanced_loss(scale * maps, groups, 5),
                               scale * distribution_balanced_loss(maps, groups, 5), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_a_batch_gives_exactly_what_each_image_gives_alone(dtype):
    maps, groups = random_maps((4, 17, 13), dtype=dtype), random_groups((4, 17, 13), 6)
    groups[1] = 2  # images with other numbers of groups must not leak into each other
    together = distribution_balanced_loss(maps, groups, 6)
    alone = [distribution_balanced_loss(maps[i:i + 1], groups[i:i + 1], 6) for i in range(4)]
    assert together.tolist() == torch.cat(alone).tolist()


def test_no_gradient_reaches_another_image():
    maps = random_maps((2, 4, 4)).requires_grad_()
    distribution_balanced_loss(maps, random_groups((2, 4, 4), 3), 3)[0].backward()
    assert (maps.grad[0] > 0).all() and (maps.grad[1] == 0).all()


# ---- gradients -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('mean', ['geometric', 'arithmetic'])
@pytest.mark.parametrize('divisor', ['present', 'fixed'])
def test_gradients_agree_with_finite_differences(mean, divisor):
    maps = (0.1 + random_maps((2, 3, 4))).requires_grad_()
    groups = random_groups((2, 3, 4), 3)
    for relative_epsilon in (1e-6, 1e-1):  # at 0.1 the epsilon's own dependence on the map counts
        assert torch.autograd.gradcheck(
            lambda m, e=relative_epsilon: distribution_balanced_loss(m, groups, 4, mean, divisor, e), maps)


def test_a_pixel_without_loss_has_the_gradient_of_finite_differences():
    # relative_epsilon=0.1 makes the function smooth on the scale of the step; only a step to the right is possible.
    maps = random_maps((1, 3, 3))
    maps[0, 1, 1] = 0
    stepped = maps.clone()
    stepped[0, 1, 1] = 1e-8
    value, gradient = value_and_gradient(maps, one_group(maps), 1, relative_epsilon=0.1)
    slope = (distribution_balanced_loss(stepped, one_group(maps), 1, relative_epsilon=0.1) - value) / 1e-8
    assert gradient[0, 1, 1].item() == pytest.approx(slope.item(), rel=1e-4)


# ---- degenerate maps -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_map_without_any_loss_gives_0_and_the_gradient_of_the_arithmetic_mean(dtype):
    maps = torch.zeros(1, 4, 4, dtype=dtype)
    loss, gradient = value_and_gradient(maps, one_group(maps), 1)
    assert loss.tolist() == [0]
    assert (gradient == 1 / 16).all()


def test_a_map_without_any_loss_is_finite_under_bfloat16_autocast():
    student = torch.zeros(1, 4, 4, requires_grad=True)
    with torch.autocast('cpu', torch.bfloat16):
        loss = distribution_balanced_loss((student * 2).bfloat16(), one_group(student), 2)
    loss.sum().backward()
    assert loss.dtype == torch.float32 and loss.tolist() == [0]
    assert student.grad.tolist() == torch.full((1, 4, 4), 2 / 16).tolist()


def test_one_group_without_loss_leaves_the_other_groups_loss_and_gradient_alone():
    maps = LOSSES.clone()
    maps[0, 0] = 0
    loss, gradient = value_and_gradient(maps, GROUPS, 2, relative_epsilon=1e-12)
    assert loss.item() == pytest.approx(2)  # (0 + 4) / 2
    # Arithmetic in the first group: 1/2 of 1/2. Geometric in the second: 1/2 of 4 / (2 * loss).
    np.testing.assert_allclose(gradient, [[[0.25, 0.25], [0.5, 0.125]]], rtol=1e-9)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_one_exact_pixel_gives_a_finite_loss_that_continues_to_tiny_losses(dtype):
    maps = 0.1 + 0.1 * random_maps((1, 10, 10), dtype=dtype)
    maps[0, 0, 0] = 0
    almost = maps.clone()
    almost[0, 0, 0] = 1e-12
    loss, _ = value_and_gradient(maps, one_group(maps), 1)
    near, _ = value_and_gradient(almost, one_group(maps), 1)
    assert loss.item() > 0.05  # not 0, and not the mean of the other 99 pixels either
    assert loss.item() < distribution_balanced_loss(maps[:, 1:], one_group(maps[:, 1:]), 1).item()
    torch.testing.assert_close(near, loss, rtol=1e-6, atol=0)


@pytest.mark.parametrize('residual', [0.0, 1e-30, 1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize('relative_epsilon', [1e-6, 1e-3])
def test_no_gradient_exceeds_the_documented_cap(residual, relative_epsilon):
    maps = random_maps((1, 10, 10)) + 0.01
    maps[0, 0, 0] = residual
    _, gradient = value_and_gradient(maps, one_group(maps), 1, relative_epsilon=relative_epsilon)
    assert gradient.isfinite().all() and (gradient > 0).all()
    assert gradient.max().item() <= (1 / relative_epsilon + 2) / maps.numel()


def test_without_the_cap_the_gradient_would_be_far_above_it():
    # The literal Eq. 6 for a residual of 1e-12 in a group at 0.1: G / (n r) is about 1e8 times that of the others.
    maps = torch.full((1, 10, 10), 0.1, dtype=torch.float64)
    maps[0, 0, 0] = 1e-12
    _, literal = value_and_gradient(maps, one_group(maps), 1, relative_epsilon=1e-14)
    _, capped = value_and_gradient(maps, one_group(maps), 1, **LITERAL)
    _, robust = value_and_gradient(maps, one_group(maps), 1)
    assert literal[0, 0, 0].item() > 1e8
    assert 1e3 < capped[0, 0, 0].item() < 1e4
    assert 0.1 < robust[0, 0, 0].item() < (10 + 2) / maps.numel()


def test_the_cap_scales_with_the_map_so_that_any_unit_serves():
    maps = random_maps((1, 10, 10))
    maps[0, 0, 0] = 0
    _, metres = value_and_gradient(maps, one_group(maps), 1)
    _, millimetres = value_and_gradient(1000 * maps, one_group(maps), 1)
    torch.testing.assert_close(metres, millimetres, rtol=1e-9, atol=0)


# ---- many pixels and extreme scales --------------------------------------------------------------------------------

@pytest.mark.parametrize('scale', [1e-25, 1e-3, 1.0, 1e3, 1e25])
def test_110592_pixels_neither_overflow_nor_underflow(scale):
    maps = scale * random_maps((1, 288, 384), dtype=torch.float32)
    groups = random_groups((1, 288, 384), 13)
    loss, gradient = value_and_gradient(maps, groups, 13, **LITERAL)
    expected = by_loops(maps.double().numpy(), groups.numpy(), 13, 'geometric', 'present', 1e-6)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-5)
    assert gradient.isfinite().all()


@pytest.mark.parametrize('constant', [0.001, 0.3, 1.0, 1000.0])
@pytest.mark.parametrize('mean', ['geometric', 'arithmetic'])
def test_110592_equal_losses_average_to_themselves_in_float32(constant, mean):
    maps = torch.full((1, 288, 384), constant)
    assert distribution_balanced_loss(maps, one_group(maps), 1, mean).item() == pytest.approx(constant, rel=1e-6)


def test_half_precision_maps_are_averaged_in_float32():
    maps = (1 + random_maps((1, 64, 64), dtype=torch.float32)).bfloat16()
    loss = distribution_balanced_loss(maps, one_group(maps), 1, **LITERAL)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(gmean(maps.double().flatten().numpy()), rel=1e-5)


# ---- options -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('options, message', [
    (dict(mean='geometrical'), "mean='geometrical'.*did you mean 'geometric'"),
    (dict(divisor='fixd'), "divisor='fixd'.*did you mean 'fixed'"),
    (dict(mean='median'), 'known: arithmetic, geometric'),
])
def test_an_unknown_option_is_refused_with_a_suggestion(options, message):
    with pytest.raises(ConfigError, match=message):
        distribution_balanced_loss(LOSSES, GROUPS, 2, **options)
    with pytest.raises(ConfigError, match=message):
        DistributionBalancedLoss(**options)


def test_the_module_passes_its_options_on():
    options = dict(mean='arithmetic', divisor='fixed')
    module = MODELS.build(dict(type='DistributionBalancedLoss', **options))
    assert module(LOSSES, GROUPS, 3).tolist() == [2.5]
    maps = LOSSES.clone()
    maps[0, 0, 0] = 0
    literal = MODELS.build(dict(type='DistributionBalancedLoss', **LITERAL))
    assert torch.equal(literal(maps, GROUPS, 2), distribution_balanced_loss(maps, GROUPS, 2, **LITERAL))
    assert not torch.equal(literal(maps, GROUPS, 2), distribution_balanced_loss(maps, GROUPS, 2))
    assert torch.equal(
        literal(maps, GROUPS, 2, 'arithmetic'), distribution_balanced_loss(maps, GROUPS, 2, 'arithmetic'))
    softened = MODELS.build(dict(type='DistributionBalancedLoss', mean='arithmetic', balance=0.5))
    assert torch.equal(
        softened(maps, GROUPS, 2), distribution_balanced_loss(maps, GROUPS, 2, 'arithmetic', balance=0.5))
