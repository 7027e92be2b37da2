"""Bring every sample to one size."""
from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Count
from lhl.registry import TRANSFORMS

from .scale_crop import bilinear, resize_bilinear, resize_nearest


@TRANSFORMS.register_module()
class Resize(BaseTransform):
    """Resize image, targets and validity to one size; the values of the targets stay as they are.

    Another number of pixels shows the same scene from the same place, so unlike a zoom it makes nothing nearer. Where
    it changes the proportions, normals and depth still describe the scene, not the distorted picture. Predictions
    are scored at this size.

    Args:
        size: Height and width.
    """

    is_random, moves_pixels = False, False

    def __init__(self, size: tuple[Count, Count]) -> None:
        self.size = checked_size('Resize', size)

    def transform(self, sample: dict) -> dict:
        """Resize the sample."""
        return resize(sample, self.size)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size})'


def checked_size(transform: str, size: Sequence[int]) -> tuple[int, int]:
    """Refuse what is not a height and a width."""
    if isinstance(size, int) or len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ConfigError(f'{transform} got size={size}, expected two whole numbers, (height, width)')
    return size[0], size[1]


def resize(sample: dict, size: tuple[int, int]) -> dict:
    """Resize a sample: the targets as their tasks say, the image without aliasing.

    Args:
        sample: As :class:`~lhl.datasets.base.DenseDataset` describes it.
        size: The height and width of the result.
    """
    if sample['image'].shape[:2] == size:
        return sample
    targets, valid = dict(sample['targets']), dict(sample['valid'])
    for name, task in sample['tasks'].items():
        if task.image_level:
            continue
        resample = resize_nearest if task.interpolation == 'nearest' else resize_bilinear
        target, valid[name] = resample(targets[name], valid[name], size)
        target[~valid[name]] = 0
        targets[name] = task.zoom_target(target, 1.0)  # changes nothing but the length of normals that were mixed
    return dict(sample, image=resize_image(sample['image'], size), targets=targets, valid=valid)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize ``(h, w, 3)`` float32 on the grid of the targets, whose corners are the corner pixels.

    OpenCV's averaging over areas puts the outermost pixels elsewhere, half a pixel of the result away from those of
    the targets when it shrinks much. What would alias is blurred first instead, as scikit-image does.
    """
    shrinkage = [(source - 1) / max(wanted - 1, 1) for source, wanted in zip(image.shape, size, strict=False)]
    vertical, horizontal = (max(factor - 1, 0) / 2 for factor in shrinkage)
    if vertical or horizontal:
        # A tiny width leaves the direction that is not shrunk as it is; OpenCV takes 0 for "the same as the other".
        image = cv2.GaussianBlur(image, (0, 0), sigmaX=max(horizontal, 1e-3), sigmaY=max(vertical, 1e-3),
                                 borderType=cv2.BORDER_REFLECT)
    return np.clip(bilinear(image, size), 0, 1)
