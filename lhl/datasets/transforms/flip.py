"""Mirror a sample left to right."""
import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Fraction
from lhl.registry import TRANSFORMS
from lhl.tasks.mirroring import mirrored


@TRANSFORMS.register_module()
class RandomHorizontalFlip(BaseTransform):
    """Mirror image, validity and targets; the task corrects values that have a direction, such as normals.

    ``meta['flip']`` says whether it happened.

    Args:
        probability: That it happens to a sample, from 0 to 1.
    """

    is_random, moves_pixels = True, True

    def __init__(self, probability: Fraction = 0.5) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f'RandomHorizontalFlip got probability={probability}, expected a number from 0 to 1')
        self.probability = probability

    def transform(self, sample: dict) -> dict:
        """Mirror the sample with the given probability."""
        is_flipped = bool(np.random.rand() < self.probability)
        sample = dict(sample, meta=dict(sample['meta'], flip=is_flipped))
        return flip(sample) if is_flipped else sample

    def __repr__(self) -> str:
        return f'{type(self).__name__}(probability={self.probability})'


def flip(sample: dict) -> dict:
    """Mirror a sample left to right."""
    return dict(
        sample,
        image=mirrored(sample['image']),
        targets={name: sample['tasks'][name].flip_target(target) for name, target in sample['targets'].items()},
        valid={name: mirrored(valid) for name, valid in sample['valid'].items()})
