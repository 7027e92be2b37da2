"""Enlarge a random part of a sample to the full size."""
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Positive
from lhl.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomScaleCrop(BaseTransform):
    """Crop ``(H/s, W/s)`` at a random place and resize it back to ``(H, W)``: the augmentation of MTAN, corrected.

    Image and targets are sampled on the same grid, whose corners are the corner pixels of the crop. Each target
    is resampled as its task says, then corrected for the scale by the task: depth is divided by s, and normals
    turn with it. Unlike the original, a bilinear pixel is valid only if all pixels that it mixes are, so that the
    zeros of unknown normals do not bleed into known ones. The corrections are exact for a crop around the camera's
    axis; a crop elsewhere moves that axis, as in the original.

    Args:
        scales: The values of s, at least 1, equally likely.
    """

    is_random, moves_pixels = True, False

    def __init__(self, scales: Sequence[Positive] = (1.0, 1.2, 1.5)) -> None:
        if not scales or min(scales) < 1:
            raise ConfigError(f'RandomScaleCrop got scales={scales}, expected one or more numbers of at least 1')
        self.scales = tuple(scales)

    def transform(self, sample: dict) -> dict:
        """Zoom into a random part of the sample, by a random scale."""
        scale = self.scales[np.random.randint(len(self.scales))]
        height, width = sample['image'].shape[:2]
        crop_height, crop_width = crop_size((height, width), scale)
        top = np.random.randint(height - crop_height + 1)
        left = np.random.randint(width - crop_width + 1)
        return zoom(sample, scale, top, left)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scales={self.scales})'


def crop_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """The height and width that :func:`zoom` enlarges by ``scale`` to ``size``; at least one pixel."""
    return max(round(size[0] / scale), 1), max(round(size[1] / scale), 1)


def zoom(sample: dict, scale: float, top: int, left: int) -> dict:
    """Enlarge the crop whose first row is ``top`` and first column ``left`` by ``scale``.

    Args:
        sample: As :class:`~lhl.datasets.base.DenseDataset` describes it.
        scale: At least 1; 1 gives the sample back.
        top: First row of the crop.
        left: First column of the crop.

    Returns:
        A sample of the same size.
    """
    if scale == 1:
        return sample
    size = sample['image'].shape[:2]
    height, width = crop_size(size, scale)
    window = slice(top, top + height), slice(left, left + width)
    targets, valid = dict(sample['targets']), dict(sample['valid'])
    for name, task in sample['tasks'].items():
        if task.image_level:
            continue
        resample = resize_nearest if task.interpolation == 'nearest' else resize_bilinear
        target, valid[name] = resample(targets[name][window], valid[name][window], size)
        target[~valid[name]] = 0
        targets[name] = task.zoom_target(target, scale)
    return dict(sample, image=bilinear(sample['image'][window], size), targets=targets, valid=valid)


def resize_nearest(target: np.ndarray, valid: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Resize a target and its validity to ``size``, each pixel from the nearest one; values are not mixed."""
    rows, columns = (np.rint(np.linspace(0, source - 1, wanted)).astype(np.int64)
                     for source, wanted in zip(valid.shape, size, strict=True))
    return target[rows][:, columns], valid[rows][:, columns]


def resize_bilinear(target: np.ndarray, valid: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Resize a float target ``(h, w, C)`` and its validity to ``size``; a mixture with an invalid pixel is invalid."""
    resized = bilinear(target.astype(np.float32, copy=False), size)
    if valid.all():
        return resized, np.ones(size, bool)
    return resized, bilinear((~valid[..., None]).astype(np.float32), size)[..., 0] == 0


def bilinear(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize ``(h, w, C)`` float32 to ``size``, corner pixels onto corner pixels; the result has its channels apart.

    Each channel is resized as an image of its own. PyTorch takes twice as long for three together, and rounds them
    otherwise in a process that has a single thread.
    """
    planes = np.require(np.moveaxis(array, -1, 0), requirements=['C', 'W'])  # that of a mapped file is read-only
    resized = F.interpolate(torch.from_numpy(planes)[:, None], size, mode='bilinear', align_corners=True)
    return resized[:, 0].permute(1, 2, 0).numpy()
