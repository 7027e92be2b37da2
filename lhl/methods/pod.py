"""Local and Global POD: distillation of pooled features (PLOP, Douillard et al., CVPR 2021; HAD, Table 10)."""
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from lhl.errors import ConfigError
from lhl.losses import global_pod, local_pod, pod_distance
from lhl.models import Batch
from lhl.options import Count, NotNegative
from lhl.registry import METHODS

from .base import Method, Requirements


class POD(Method):
    """Keep the pooled feature maps of the backbone close to those of the phase before, on images of the new task.

    All maps that the backbone gives are compared: give it ``out_indices`` for all its stages. What is pooled are their
    squares. Heads are not involved, so those of old tasks stay frozen. Of PLOP it is the feature distillation alone;
    its pseudo-labels and its factor for the number of classes have no meaning for heterogeneous tasks. PLOP pools the
    blocks' outputs before their last ReLU, here it is what the backbone gives, after it.

    Args:
        weight: Weight of the distance, averaged over the feature maps and the images.
        norm: How a distance is measured, see :func:`lhl.losses.pod_distance`. HAD's "fro", "L1" and "L2" are not
            defined further there; ``'fro'`` is PLOP's.
        scales: Into how many parts each side of a map is split, one pooling for each number.

    Raises:
        ConfigError: If an option is out of its range.
    """

    requires = Requirements(teacher=True, same_backbone=True)

    def __init__(self, weight: NotNegative, norm: Literal['fro', 'l1', 'l2'] = 'fro',
                 scales: Sequence[Count] = (1, 2, 4)) -> None:
        name = type(self).__name__
        if not weight >= 0:
            raise ConfigError(f'weight={weight!r} is impossible for {name}; give a number that is not negative')
        if norm not in ('fro', 'l1', 'l2'):
            raise ConfigError(f"norm={norm!r} is unknown to {name}; use 'fro', 'l1' or 'l2'")
        if not scales or any(not isinstance(scale, int) or scale < 1 for scale in scales):
            raise ConfigError(f'scales={scales!r} is impossible for {name}; give whole numbers above 0, (1, 2, 4)')
        self.weight = weight
        self.norm = norm
        self.scales = tuple(scales)

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and, from phase 2 on, the weighted mean of the distances of all feature maps."""
        losses = super().losses(batch, features, outputs)
        if not self.phase.old_tasks:
            return losses
        teacher_features = self.teacher.features(batch)
        # Half precision could hold neither the squares nor the small differences of means.
        with torch.autocast(batch.inputs.device.type, enabled=False):
            distances = [
                pod_distance(self._pooled(feature), self._pooled(teacher_feature), self.norm).mean()
                for feature, teacher_feature in zip(features, teacher_features, strict=True)
            ]
        losses['loss_pod'] = self.weight * torch.stack(distances).mean()
        return losses

    def _pooled(self, feature: Tensor) -> Tensor:
        return self.pool(feature.float().square())

    def pool(self, feature: Tensor) -> Tensor:
        """Pool the squares of a feature map ``(B, C, H, W)`` to ``(B, N)`` values."""
        raise NotImplementedError(f'{type(self).__name__} must define pool')


@METHODS.register_module()
class LocalPOD(POD):
    """Keep the strips of all regions of the feature maps: where in the image something is."""

    def pool(self, feature: Tensor) -> Tensor:
        """Pool the rows and columns of ever smaller regions, see :func:`lhl.losses.local_pod`."""
        return local_pod(feature, self.scales)


@METHODS.register_module()
class GlobalPOD(POD):
    """Keep the rows and columns of coarse grids over the feature maps: how much there is in all."""

    def pool(self, feature: Tensor) -> Tensor:
        """Pool ever finer grids over the whole map, see :func:`lhl.losses.global_pod`."""
        return global_pod(feature, self.scales)
