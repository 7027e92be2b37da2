"""A small decode head on several feature maps, for transformers and pyramids alike."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from lhl.options import Count, Fraction
from lhl.registry import MODELS


@MODELS.register_module()
class MultiScaleHead(BaseModule):
    """Each map is projected to a few channels and brought to one grid; their concatenation is mixed and mapped on.

    SegFormer's decoder (Xie et al., NeurIPS 2021, Sec. 3.2) with a 3x3 convolution after the mixing one, so that maps
    of one coarse grid, those of a ViT, get a neighbourhood, too.

    Args:
        in_channels: Channels of each feature map.
        out_channels: Channels of the task's raw output.
        channels: To which each map is projected.
        in_index: Which of the backbone's feature maps to use.
        scale: The grid in multiples of the finest map's: 2 doubles that of a ViT, whose patches are coarse.
        dropout: Probability of dropping a mixed channel value.
        norm_cfg: Normalisation after each convolution.
    """

    def __init__(self, in_channels: Count | Sequence[Count], out_channels: Count, channels: Count = 128,
                 in_index: int | Sequence[int] = -1, scale: Count = 1, dropout: Fraction = 0.1,
                 norm_cfg: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.in_index = (in_index, ) if isinstance(in_index, int) else tuple(in_index)
        self.scale = scale
        widths = (in_channels, ) if isinstance(in_channels, int) else tuple(in_channels)
        convolution = dict(norm_cfg=norm_cfg or dict(type='BN'))
        self.projections = nn.ModuleList([ConvModule(width, channels, 1, **convolution) for width in widths])
        self.mix = ConvModule(channels * len(widths), channels, 1, **convolution)
        self.refine = ConvModule(channels, channels, 3, padding=1, **convolution)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Conv2d(channels, out_channels, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map the backbone's feature maps ``(B, C_i, h_i, w_i)`` to raw outputs ``(B, out_channels, h, w)``."""
        maps = [projection(features[index])
                for projection, index in zip(self.projections, self.in_index, strict=True)]
        size = [self.scale * max(m.shape[axis] for m in maps) for axis in (-2, -1)]
        mixed = self.mix(torch.cat([
            m if list(m.shape[-2:]) == size else F.interpolate(m, size, mode='bilinear', align_corners=False)
            for m in maps], dim=1))
        return self.output(self.dropout(self.refine(mixed)))
