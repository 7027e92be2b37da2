"""Moves a batch to the device, restores what travelled in small types, and normalises its images."""

from typing import Annotated

import torch
from mmengine.model import BaseDataPreprocessor

from lhl.options import Fraction, Range
from lhl.registry import MODELS

#: Of numbers from 0 to 1.
_Spread = Annotated[float, Range(0, 1, is_open=True)]


@MODELS.register_module()
class DensePreprocessor(BaseDataPreprocessor):
    """Normalise the images of a collated batch; targets and masks only change device.

    Images of 8 bits and class indices of a small type become what they are without a cache of decoded samples, see
    :class:`~lhl.datasets.decoded_cache.DecodedCache`.

    Args:
        mean: Per-channel mean in the images' unit, [0, 1]. The defaults are ImageNet's.
        std: Per-channel standard deviation.
        channels_last: Lay the images out with channels last, which most convolutions run faster with.
        to_bgr: Give the model blue, green, red, with ``mean`` and ``std`` in that order: what some weights that were
            trained elsewhere expect.
    """

    #: The same image always gives the same one, and its mirror image the mirror image.
    is_random = False

    def __init__(self, mean: tuple[Fraction, Fraction, Fraction] = (0.485, 0.456, 0.406),
                 std: tuple[_Spread, _Spread, _Spread] = (0.229, 0.224, 0.225),
                 channels_last: bool = True, to_bgr: bool = False) -> None:
        super().__init__(non_blocking=True)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.register_buffer('mean', torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        if to_bgr:  # only then, so that the numbers of other preprocessors stay what they were
            self.register_buffer('order', torch.tensor([2, 1, 0]), persistent=False)
        self.to_bgr = to_bgr

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise ``data['inputs']``, ``(B, 3, H, W)`` in [0, 1], or in [0, 255] if uint8; the other entries are
        passed on, class indices as int64.
        """
        data = self.cast_data(data)
        images = data['inputs']
        if images.dtype == torch.uint8:  # a GPU would multiply by the inverse of a plain number, and round otherwise
            images = images.float() / torch.full((), 255.0, device=images.device)
        images = images[:, self.order] if self.to_bgr else images
        inputs = ((images - self.mean) / self.std).contiguous(memory_format=self.memory_format)
        targets = {name: target if target.is_floating_point() else target.long()
                   for name, target in (data.get('targets') or {}).items()}
        return {**data, 'inputs': inputs, **(dict(targets=targets) if targets else {})}
