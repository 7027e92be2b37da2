"""A learner's head as one of mmsegmentation's decode heads, for segmentors that leave lhl."""
from typing import Any

from mmengine.registry import DefaultScope
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor

from lhl.registry import MODELS


@MODELS.register_module()
class LearnerDecodeHead(BaseDecodeHead):
    """What ``lhl export --format mmseg`` names as the decode head, unless the learner's is mmsegmentation's own.

    Args:
        head: Config of a head of lhl, without ``out_channels``.
        num_classes: Number of classes.
    """

    def __init__(self, head: dict, num_classes: int, **kwargs: Any) -> None:
        super().__init__(in_channels=1, channels=1, num_classes=num_classes, **kwargs)
        del self.conv_seg
        self.init_cfg = None
        with DefaultScope.overwrite_default_scope('lhl'):  # mmsegmentation has an ASPPHead, too
            self.head = MODELS.build(dict(head, out_channels=num_classes))

    def forward(self, inputs: Any) -> Tensor:
        """Map the backbone's feature maps to logits ``(B, num_classes, h, w)``."""
        return self.head((inputs, ) if isinstance(inputs, Tensor) else inputs)
