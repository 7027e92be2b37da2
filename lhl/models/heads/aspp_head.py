"""The dense head of the paper: Atrous Spatial Pyramid Pooling (Chen et al., 2017), features to raw outputs."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.dist import get_world_size
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lhl.options import Count, Fraction
from lhl.registry import MODELS

#: On maps of fewer pixels PyTorch may choose a kernel that rounds otherwise, and there is nothing to win.
_MIN_PIXELS = 1000


class _DilatedConv2d(nn.Conv2d):
    """A 3x3 convolution that learns without its upper and lower taps where they see nothing but padding.

    That is so on maps no higher than its dilation. On the CPU result and gradients are the same to the bit; at dilation
    36 on 36x48 pixels the backward pass takes half.
    """

    def forward(self, input: Tensor) -> Tensor:
        height, width = input.shape[-2:]
        # First, what is no size: an exported graph takes any.
        if not torch.is_grad_enabled() or height > self.dilation[0] or height * width < _MIN_PIXELS:
            return super().forward(input)
        assert not isinstance(self.padding, str)
        return F.conv2d(input, self.weight[:, :, 1:2], self.bias, padding=(0, self.padding[1]), dilation=self.dilation)


@MODELS.register_module()
class ASPPHead(BaseModule):
    """Parallel dilated convolutions and a global pooling branch, fused, refined and mapped to the task's channels.

    With 512 input channels and 13 outputs it has 4,725,517 parameters, the 4.72 M of HAD's ResNet-18 learner. It is
    not mmsegmentation's ``ASPPHead``, whose fusing convolution is 3x3 and which scores classes only.

    Args:
        in_channels: Channels of the feature map, or of each map when ``in_index`` names several.
        out_channels: Channels of the task's raw output.
        channels: Width of each branch.
        dilations: Dilations of the 3x3 branches, beside which there is always a 1x1 and a pooling branch.
        dropout: Probability of dropping a fused channel value, before the refining convolution.
        in_index: Which of the backbone's feature maps to use. Several are resized to the first one's size and
            concatenated, as HRNet needs.
        norm_cfg: Normalisation after each convolution.
    """

    def __init__(self, in_channels: Count | Sequence[Count], out_channels: Count, channels: Count = 256,
                 dilations: Sequence[Count] = (12, 24, 36), dropout: Fraction = 0.5, in_index: int | Sequence[int] = -1,
                 norm_cfg: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.in_index = (in_index, ) if isinstance(in_index, int) else tuple(in_index)
        width = in_channels if isinstance(in_channels, int) else sum(in_channels)
        convolution = dict(norm_cfg=norm_cfg or dict(type='BN'))
        self.branches = nn.ModuleList([ConvModule(width, channels, 1, **convolution)])
        for dilation in dilations:
            self.branches.append(
                ConvModule(width, channels, 3, padding=dilation, dilation=dilation,
                           conv_cfg=dict(type=_DilatedConv2d), **convolution))
        self.pool = ConvModule(width, channels, 1, **convolution)
        self.fuse = ConvModule(channels * (len(dilations) + 2), channels, 1, **convolution)
        self.dropout = nn.Dropout(dropout)
        self.refine = ConvModule(channels, channels, 3, padding=1, **convolution)
        self.output = nn.Conv2d(channels, out_channels, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map the backbone's feature maps ``(B, C_i, h_i, w_i)`` to raw outputs ``(B, out_channels, h, w)``."""
        maps = [features[index] for index in self.in_index]
        size = maps[0].shape[-2:]
        feature = maps[0] if len(maps) == 1 else torch.cat(
            [maps[0]] + [F.interpolate(m, size, mode='bilinear', align_corners=False) for m in maps[1:]], dim=1)
        if self._normalises_one_value(feature.shape[0]):
            raise ValueError('ASPPHead normalises one pooled value per image over the batch, found a batch of 1 image '
                             'in training, expected at least 2; raise train_dataloader.batch_size')
        pooled = self.pool(feature.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *size)
        fused = self.fuse(torch.cat([branch(feature) for branch in self.branches] + [pooled], dim=1))
        return self.output(self.refine(self.dropout(fused)))

    def _normalises_one_value(self, batch_size: int) -> bool:
        """Tell whether the pooled value of a single image would be normalised over the batch."""
        norm = self.pool.norm
        processes = get_world_size() if isinstance(norm, nn.SyncBatchNorm) else 1
        return isinstance(norm, _BatchNorm) and norm.training and batch_size * processes == 1
