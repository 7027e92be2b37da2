"""The head of a segmentor that was trained with mmsegmentation, among the heads of a learner."""
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor

from lhl.registry import MODELS


@MODELS.register_module()
class SegmentorHead(BaseModule):
    """One of mmsegmentation's decode heads, with its own weights, feature maps and way of upsampling.

    Args:
        out_channels: Number of classes.
        head: Config of the decode head, such as ``dict(type='mmseg.UPerHead', in_channels=[...], ...)``, without
            ``num_classes``.
    """

    def __init__(self, out_channels: int, head: dict, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.head = MODELS.build(dict(head, num_classes=out_channels))
        #: How the learner upsamples the raw output.
        self.align_corners = self.head.align_corners

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map the backbone's feature maps ``(B, C_i, h_i, w_i)`` to logits ``(B, out_channels, h, w)``."""
        return self.head(features)
