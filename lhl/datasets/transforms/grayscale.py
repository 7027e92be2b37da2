"""Convert an image to grey at random; its targets stay."""
import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Fraction
from lhl.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomGrayscale(BaseTransform):
    """Replace the three channels by the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B.

    Args:
        probability: That it happens to a sample, from 0 to 1.
    """

    is_random, moves_pixels = True, False

    def __init__(self, probability: Fraction = 0.2) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f'RandomGrayscale got probability={probability}, expected a number from 0 to 1')
        self.probability = probability

    def transform(self, sample: dict) -> dict:
        """Convert the image to grey with the given probability."""
        if np.random.rand() >= self.probability:
            return sample
        grey = cv2.cvtColor(sample['image'], cv2.COLOR_RGB2GRAY)
        return dict(sample, image=np.repeat(np.clip(grey, 0, 1)[..., None], 3, axis=2))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(probability={self.probability})'
