"""Shift a sample at random: the usual augmentation of small images."""
import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Count
from lhl.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomPaddedCrop(BaseTransform):
    """Pad an image on all sides and crop it back to its size at a random place.

    What comes in at the border is black, and invalid for tasks with a target per pixel. The target of a task about
    the whole image stays.

    Args:
        padding: Pixels on each side, at least 1.
    """

    is_random, moves_pixels = True, True

    def __init__(self, padding: Count = 4) -> None:
        if not isinstance(padding, int) or padding < 1:
            raise ConfigError(f'RandomPaddedCrop got padding={padding}, expected a whole number of at least 1')
        self.padding = padding

    def transform(self, sample: dict) -> dict:
        """Shift the sample by up to the padding in both directions."""
        down, right = np.random.randint(-self.padding, self.padding + 1, 2).tolist()
        return shift(sample, down, right)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(padding={self.padding})'


def shift(sample: dict, down: int, right: int) -> dict:
    """Move a sample by whole pixels; negative numbers move it up and to the left."""
    dense = [name for name, task in sample['tasks'].items() if not task.image_level]
    targets, valid = dict(sample['targets']), dict(sample['valid'])
    for name in dense:
        targets[name], valid[name] = _shifted(targets[name], down, right), _shifted(valid[name], down, right)
    return dict(sample, image=_shifted(sample['image'], down, right), targets=targets, valid=valid)


def _shifted(array: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move ``(H, W, ...)``; zeros come in."""
    height, width = array.shape[:2]
    moved = np.zeros_like(array)
    (to_rows, from_rows), (to_columns, from_columns) = _windows(height, down), _windows(width, right)
    moved[to_rows, to_columns] = array[from_rows, from_columns]
    return moved


def _windows(length: int, by: int) -> tuple[slice, slice]:
    """Where to and where from an axis is copied."""
    return slice(max(by, 0), max(length + by, 0)), slice(max(-by, 0), max(length - by, 0))
