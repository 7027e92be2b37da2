"""A trained head on the features of another backbone: an adapter in front of it gives it the features it knows."""
from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Count
from lhl.registry import MODELS


@MODELS.register_module()
class AdaptedHead(BaseModule):
    """A 1x1 convolution from the new features to the width of the old ones, a resize to their grid, and the old head.

    The adapter is linear, so one in front of the head that was trained can be whatever a chain of them could be.

    Args:
        in_channels: Channels of the new feature map, or of each map when ``in_index`` names several.
        out_channels: Channels of the task's raw output.
        head: Config of the old head, with the ``in_channels`` that it was trained on. Its ``in_index`` counts the
            adapted maps, not the backbone's.
        in_index: Which of the backbone's feature maps to adapt.
        scale: Height and width of the old head's feature map in multiples of the new one's, for each map: a stride of
            32 in place of 8 makes 4. The resize is bilinear.
    """

    def __init__(self, in_channels: Count | Sequence[Count], out_channels: Count, head: dict,
                 in_index: int | Sequence[int] = -1, scale: float | Sequence[float] = 1.0,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.in_index = _as_tuple(in_index)
        self.scale = _as_tuple(scale)
        self.adapters = nn.ModuleList([
            nn.Conv2d(new, old, 1)
            for new, old in zip(_as_tuple(in_channels), _as_tuple(head['in_channels']), strict=True)])
        self.head = MODELS.build(dict(head, out_channels=out_channels))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map the backbone's feature maps ``(B, C_i, h_i, w_i)`` to raw outputs ``(B, out_channels, h, w)``."""
        return self.head([
            _resize(adapter(features[index]), scale)
            for adapter, index, scale in zip(self.adapters, self.in_index, self.scale, strict=True)])


def _resize(feature: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return feature
    size = [max(1, round(scale * length)) for length in feature.shape[-2:]]
    return F.interpolate(feature, size, mode='bilinear', align_corners=False)


def _as_tuple(value: float | Sequence[float]) -> tuple:
    return tuple(value) if isinstance(value, Sequence) else (value, )
