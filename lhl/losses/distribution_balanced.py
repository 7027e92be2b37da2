"""The distribution-balanced heterogeneity-aware distillation loss (DB-HAD; HAD, Eq. 6)."""
import torch
from torch import Tensor, nn

from lhl.errors import ConfigError, suggest
from lhl.options import Fraction, Positive
from lhl.registry import MODELS

MEANS = ('geometric', 'arithmetic')
DIVISORS = ('present', 'fixed')


def _check_choice(option: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        raise ConfigError(f'{option}={found!r} is unknown to the distribution-balanced loss; {suggest(found, known)}')


def _as_float(values: Tensor) -> Tensor:
    """Half precision (autocast) would lose the logarithm of small losses: float32 at least."""
    return values if values.dtype == torch.float64 else values.float()


def distribution_balanced_loss(loss_map: Tensor,
                               groups: Tensor,
                               num_groups: int,
                               mean: str = 'geometric',
                               divisor: str = 'present',
                               relative_epsilon: Positive = 0.1,
                               balance: Fraction = 1.0) -> Tensor:
    """Average the per-pixel loss inside each group, then over the groups of each image (HAD, Eq. 6).

    The geometric mean of a group is ``exp(mean(log(l + e))) - e``, with e = ``relative_epsilon`` times the group's
    arithmetic mean. So it is finite and continuous where pixels have no loss at all, exactly homogeneous (scaling the
    map scales the loss), never above the arithmetic mean, and no pixel's gradient exceeds about
    ``1 / relative_epsilon`` times what it would be under the arithmetic mean. A group whose losses are all 0 has loss 0
    and the gradient of the arithmetic mean.

    The literal Eq. 6 is the limit of an epsilon of 0: there the loss is 0 with a NaN gradient as soon as one pixel is
    exact, and L1's gradient lies almost wholly in the few pixels that are nearly exact. 1e-6 is the literal form as far
    as float32 goes; the default is the robust one.

    Args:
        loss_map: ``(B, H, W)`` non-negative per-pixel losses. Differentiable.
        groups: ``(B, H, W)`` int64 group index of each pixel, in ``[0, num_groups)``.
        num_groups: Number of groups, C_j of Eq. 6.
        mean: ``'geometric'`` (the paper) or ``'arithmetic'`` (its Table 4) inside a group.
        divisor: ``'present'`` divides by the number of non-empty groups of the image; ``'fixed'`` by ``num_groups``,
            which counts an absent class as perfectly kept. Eq. 6 does not define an empty group.
        relative_epsilon: The cap described above.
        balance: How alike groups of different size count. A pixel weighs the share of its group in the image to the
            power of ``-balance``: 1 is the paper's, equal groups; 0 lets pixels count equally, and with them a group as
            much as it is large. Between the two, rare classes count less than with 1 and more than with 0.

    Returns:
        ``(B,)`` losses in float32 (float64 for a float64 map), one per image; no image influences another.
    """
    _check_choice('mean', mean, MEANS)
    _check_choice('divisor', divisor, DIVISORS)
    batch_size = loss_map.shape[0]
    loss = _as_float(loss_map).flatten(1)
    index = groups.flatten(1)

    def sum_by_group(values: Tensor) -> Tensor:
        # In float64: of 100,000 float32 additions most round the same way, which raised the geometric mean by 2%.
        return values.new_zeros(batch_size, num_groups, dtype=torch.float64).scatter_add(1, index, values.double())

    counts = sum_by_group(torch.ones_like(loss))
    sizes = counts.clamp(min=1)
    group_loss = (sum_by_group(loss) / sizes).to(loss.dtype)
    if mean == 'geometric':
        # The floor keeps the ratio finite in a group without any loss; it is far below every other group's epsilon.
        epsilon = relative_epsilon * group_loss + torch.finfo(loss.dtype).tiny * 2**20
        # e * expm1(mean(log1p(l / e))) = exp(mean(log(l + e))) - e, but exactly 0 where all losses are 0.
        log_ratio = torch.log1p(loss / epsilon.gather(1, index))
        group_loss = epsilon * torch.expm1((sum_by_group(log_ratio) / sizes).to(loss.dtype))
    present = counts > 0
    num_present = present.sum(dim=1)
    weights = (present * sizes**(1 - balance)).to(loss.dtype)  # all 1 for equal groups
    balanced = (weights * group_loss).sum(dim=1) * (num_present / weights.sum(dim=1))
    return balanced / (num_present if divisor == 'present' else num_groups)


@MODELS.register_module()
class DistributionBalancedLoss(nn.Module):
    """:func:`distribution_balanced_loss` as a component that a config can name.

    Args:
        mean: See :func:`distribution_balanced_loss`.
        divisor: See :func:`distribution_balanced_loss`.
        relative_epsilon: See :func:`distribution_balanced_loss`.
        balance: See :func:`distribution_balanced_loss`.
    """

    def __init__(self, mean: str = 'geometric', divisor: str = 'present', relative_epsilon: Positive = 0.1,
                 balance: Fraction = 1.0) -> None:
        super().__init__()
        _check_choice('mean', mean, MEANS)
        _check_choice('divisor', divisor, DIVISORS)
        self.mean = mean
        self.divisor = divisor
        self.relative_epsilon = relative_epsilon
        self.balance = balance

    def forward(self, loss_map: Tensor, groups: Tensor, num_groups: int, mean: str | None = None) -> Tensor:
        """Map ``(B, H, W)`` losses and group indices to ``(B,)`` losses, with another mean where one is given."""
        return distribution_balanced_loss(loss_map, groups, num_groups, mean or self.mean, self.divisor,
                                          self.relative_epsilon, self.balance)

    def extra_repr(self) -> str:
        """Show the options in the printed model."""
        return f'mean={self.mean!r}, divisor={self.divisor!r}, relative_epsilon={self.relative_epsilon}, ' \
               f'balance={self.balance}'
