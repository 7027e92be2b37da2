"""Turn the arrays of a sample into the tensors of a batch."""
import numpy as np
import torch
from mmcv.transforms import BaseTransform

from lhl.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackSample(BaseTransform):
    """Move channels first and turn arrays into tensors; the last transform of every pipeline.

    The result is ``dict(inputs=(3, H, W) float32, targets={task: (C, H, W) float32 or (H, W) int64},
    valid={task: (H, W) bool}, meta=dict)``.
    """

    is_random, moves_pixels = False, True

    def transform(self, sample: dict) -> dict:
        """Pack a sample."""
        return dict(
            inputs=_channels_first(sample['image']),
            targets={name: _channels_first(target) for name, target in sample['targets'].items()},
            valid={name: _channels_first(valid) for name, valid in sample['valid'].items()},
            meta=sample['meta'])

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def _channels_first(array: np.ndarray) -> torch.Tensor:
    """``(H, W, C)`` to a contiguous tensor ``(C, H, W)``; a map ``(H, W)`` keeps its shape."""
    array = array if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return torch.from_numpy(np.require(array, requirements=('C', 'W')))  # a copy of what may only be read
