"""Show a sample nearer or farther, in a frame of one size."""

import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Count, Fraction, Positive
from lhl.registry import TRANSFORMS

from .resize import checked_size, resize

ATTEMPTS = 10  # at a crop that is not dominated by one class


@TRANSFORMS.register_module()
class RandomResizedCropPad(BaseTransform):
    """Resize by a random scale, crop at a random place, and pad what is too small: the augmentation of ATRC and InvPT.

    Each task corrects its values for the scale: depth is divided by it, and normals turn with it. As in
    :class:`~lhl.datasets.transforms.RandomScaleCrop` that is exact around the camera's axis. A scale below 1 shows
    everything smaller and farther. Padding, to the right and below, is black and invalid for every task.

    Args:
        size: Height and width of the result.
        scale: The smallest and the largest scale; all between are equally likely.
        cat_max_ratio: Another place is tried, 10 times at most, while one class covers more of the labelled pixels of
            the crop than this. 1 takes the first; samples without classes always do.
    """

    is_random, moves_pixels = True, False

    def __init__(self, size: tuple[Count, Count], scale: tuple[Positive, Positive] = (0.5, 2.0),
                 cat_max_ratio: Fraction = 0.75) -> None:
        self.size = checked_size('RandomResizedCropPad', size)
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ConfigError(f'RandomResizedCropPad got scale={scale}, expected the smallest and the largest, '
                              f'more than 0')
        if not 0 < cat_max_ratio <= 1:
            raise ConfigError(f'RandomResizedCropPad got cat_max_ratio={cat_max_ratio}, expected a number from 0 to 1')
        self.scale = scale[0], scale[1]
        self.cat_max_ratio = cat_max_ratio

    def transform(self, sample: dict) -> dict:
        """Return a random view of the sample."""
        sample = rescale(sample, np.random.uniform(*self.scale))
        height, width = sample['image'].shape[:2]
        for _ in range(ATTEMPTS):
            top = np.random.randint(max(height - self.size[0], 0) + 1)
            left = np.random.randint(max(width - self.size[1], 0) + 1)
            window = slice(top, top + self.size[0]), slice(left, left + self.size[1])
            if self.cat_max_ratio == 1 or largest_share(sample, window) <= self.cat_max_ratio:
                break
        return crop_and_pad(sample, window, self.size)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, scale={self.scale}, cat_max_ratio={self.cat_max_ratio})'


def rescale(sample: dict, scale: float) -> dict:
    """Resize a sample by a scale and correct the values of its targets for it; 1 gives the sample back."""
    if scale == 1:
        return sample
    height, width = sample['image'].shape[:2]
    sample = resize(sample, (max(round(height * scale), 1), max(round(width * scale), 1)))
    return dict(sample, targets={name: sample['tasks'][name].zoom_target(target, scale)
                                 for name, target in sample['targets'].items()})


def largest_share(sample: dict, window: tuple[slice, slice]) -> float:
    """Return the largest share of a class among the labelled pixels of a window.

    It is 1 if no pixel is labelled, and 0 if no dense task has classes.
    """
    shares = [0.0]
    for name, target in sample['targets'].items():
        if target.ndim == 2 and not sample['tasks'][name].image_level:
            counts = np.bincount(target[window][sample['valid'][name][window]])
            shares.append(counts.max() / counts.sum() if counts.any() else 1.0)
    return float(max(shares))


def crop_and_pad(sample: dict, window: tuple[slice, slice], size: tuple[int, int]) -> dict:
    """Take a window of a sample, and pad it to the right and below where it is smaller than ``size``."""
    def place(array: np.ndarray) -> np.ndarray:
        cropped = array[window]
        padding = [(0, wanted - side) for wanted, side in zip(size, cropped.shape, strict=False)]
        return np.pad(cropped, padding + [(0, 0)] * (array.ndim - 2))
    dense = [name for name, task in sample['tasks'].items() if not task.image_level]
    return dict(
        sample, image=place(sample['image']),
        targets={**sample['targets'], **{name: place(sample['targets'][name]) for name in dense}},
        valid={**sample['valid'], **{name: place(sample['valid'][name]) for name in dense}})
