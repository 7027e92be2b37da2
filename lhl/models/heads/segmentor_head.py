"""The head of a segmentor that was trained with mmsegmentation, among the heads of a learner."""
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor

from lhl.registry import MODELS


@MODELS.register_module()
class SegmentorHead(BaseModule):
    """One of mmsegmentation's decode heads, with its own weights, feature maps and way of upsampling.

    Args:
        out_channels: Number of classes.
        head: Config of the decode head, such as ``dict(type='UPerHead', channels=128)``, without ``num_classes``. The
            learner completes it where it has no ``in_channels``, see :func:`complete_decode_head`.
    """

    def __init__(self, out_channels: int, head: dict, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        with warnings.catch_warnings():  # a task with one channel is no segmentation of two classes
            warnings.filterwarnings('ignore', 'threshold is not defined|For binary segmentation')
            self.head = MODELS.build(dict(head, num_classes=out_channels))
        #: How the learner upsamples the raw output.
        self.align_corners = self.head.align_corners

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map the backbone's feature maps ``(B, C_i, h_i, w_i)`` to logits ``(B, out_channels, h, w)``."""
        return self.head(features)


#: Decode heads that take all feature maps where they are not told which.
_OF_ALL_MAPS = ('UPerHead', 'SegformerHead', 'FPNHead', 'LightHamHead')


def complete_decode_head(head: Mapping[str, Any],
                         probe: Callable[[Sequence[int] | None], list[tuple[int, float]]]) -> dict:
    """Fill in of a decode head what a backbone says: feature maps, their channels and strides.

    Args:
        head: Its config, without ``in_channels``. Its normalisation is BN unless it names one.
        probe: Gives the channels and strides of feature maps.
    """
    name = str(head['type']).rpartition('.')[2]
    options = inspect.signature(MODELS.get(name)).parameters
    maps = probe(None)
    in_index = head.get('in_index', list(range(len(maps))) if name in _OF_ALL_MAPS else -1)
    filled: dict[str, Any] = dict(norm_cfg=dict(type='BN'), in_index=in_index)
    if isinstance(in_index, int):
        filled['in_channels'] = maps[in_index][0]
    else:
        filled['in_channels'] = [maps[index][0] for index in in_index]
        if 'feature_strides' in options:
            filled['feature_strides'] = [round(maps[index][1]) for index in in_index]
        if name == 'LightHamHead':
            filled['input_transform'] = 'multiple_select'
    if 'c1_in_channels' in options:  # the low-level skip of DeepLabV3+ is the first map
        filled |= dict(c1_in_channels=maps[0][0], c1_channels=48)
    return {**filled, **head}
