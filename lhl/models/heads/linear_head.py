"""The head of an image-level task: the features' average over the image, and a linear layer."""
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Count, Fraction
from lhl.registry import MODELS


@MODELS.register_module()
class LinearHead(BaseModule):
    """Global average pooling and a linear layer, as a 1x1 convolution: one raw output per image.

    Args:
        in_channels: Channels of the feature map.
        out_channels: Channels of the task's raw output.
        in_index: Which of the backbone's feature maps to use.
        dropout: Probability of dropping a pooled channel value.
    """

    def __init__(self, in_channels: Count, out_channels: Count, in_index: int = -1, dropout: Fraction = 0.0,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.in_index = in_index
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map the backbone's feature maps ``(B, C_i, h_i, w_i)`` to raw outputs ``(B, out_channels, 1, 1)``."""
        return self.output(self.dropout(features[self.in_index].mean(dim=(2, 3), keepdim=True)))
