"""Groups: which pixels of one image share semantics, decided by the teacher's pseudo-labels (HAD, Sec. 4.2)."""
import torch
from torch import Tensor


def min_max_normalize(maps: Tensor) -> Tensor:
    """Scale each image's map to [0, 1] by its own minimum and maximum.

    Args:
        maps: ``(B, H, W)``, any range.

    Returns:
        ``(B, H, W)`` in [0, 1]; a constant map becomes 0 everywhere (HAD leaves 0/0 undefined).
    """
    low = maps.amin(dim=(1, 2), keepdim=True)
    span = maps.amax(dim=(1, 2), keepdim=True) - low
    return torch.where(span > 0, (maps - low) / span.where(span > 0, torch.ones_like(span)), torch.zeros_like(maps))


def class_groups(labels: Tensor, num_classes: int) -> tuple[Tensor, int]:
    """Group the pixels of a classification task: one group per class.

    Args:
        labels: ``(B, H, W)`` int64 class indices in ``[0, num_classes)``, the teacher's arg-max.
        num_classes: Number of classes, C_j of Eq. 6.

    Returns:
        The group index ``(B, H, W)`` int64 and the number of groups.
    """
    return labels, num_classes


def threshold_groups(pseudo_label: Tensor, group_threshold: float) -> tuple[Tensor, int]:
    """Group the pixels of a regression task: below and from the threshold on (HAD, Sec. 4.2).

    The channel mean is min-max normalised per image. A constant pseudo-label puts all pixels into group 0.

    Args:
        pseudo_label: ``(B, C, H, W)``, the teacher's prediction, any range.
        group_threshold: In (0, 1), on the normalised channel mean. The paper's tau (its Appendix F swaps the names).

    Returns:
        The group index ``(B, H, W)`` int64 in {0, 1} and 2.
    """
    normalized = min_max_normalize(pseudo_label.mean(dim=1))
    return (normalized >= group_threshold).long(), 2


def interval_groups(pseudo_label: Tensor, num_groups: int) -> tuple[Tensor, int]:
    """Group the pixels of a regression task into intervals of equal width (the ablation of HAD's Table 4).

    Args:
        pseudo_label: ``(B, C, H, W)``, the teacher's prediction, any range.
        num_groups: Number of intervals of the normalised channel mean's range [0, 1].

    Returns:
        The group index ``(B, H, W)`` int64 in ``[0, num_groups)`` and ``num_groups``.
    """
    normalized = min_max_normalize(pseudo_label.mean(dim=1))
    return (normalized * num_groups).long().clamp_(max=num_groups - 1), num_groups
