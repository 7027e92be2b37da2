"""Mirror a sample left to right."""
import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Fraction
from lhl.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomHorizontalFlip(BaseTransform):
    """Mirror image, validity and targets; the task corrects values that have a direction, such as normals.

    Args:
        probability: That it happens to a sample, from 0 to 1.
    """

    def __init__(self, probability: Fraction = 0.5) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f'RandomHorizontalFlip got probability={probability}, expected a number from 0 to 1')
        self.probability = probability

    def transform(self, sample: dict) -> dict:
        """Mirror the sample with the given probability."""
        return flip(sample) if np.random.rand() < self.probability else sample

    def __repr__(self) -> str:
        return f'{type(self).__name__}(probability={self.probability})'


def flip(sample: dict) -> dict:
    """Mirror a sample left to right."""
    return dict(
        sample,
        image=sample['image'][:, ::-1].copy(),
        targets={name: sample['tasks'][name].flip_target(target) for name, target in sample['targets'].items()},
        valid={name: valid[:, ::-1].copy() for name, valid in sample['valid'].items()})
