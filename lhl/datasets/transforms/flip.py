"""Mirror a sample left to right."""
import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomHorizontalFlip(BaseTransform):
    """Mirror image, validity and targets; the task corrects values that have a direction, such as normals.

    Args:
        probability: How often, from 0 to 1.
    """

    def __init__(self, probability: float = 0.5) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f'RandomHorizontalFlip got probability={probability}, expected a number from 0 to 1')
        self.probability = probability

    def transform(self, sample: dict) -> dict:
        """Mirror the sample with the given probability."""
        return flip(sample) if np.random.rand() < self.probability else sample

    def __repr__(self) -> str:
        return f'{type(self).__name__}(probability={self.probability})'


def flip(sample: dict) -> dict:
    """Mirror a sample left to right; what is said about the whole image stays."""
    dense = {name: task for name, task in sample['tasks'].items() if not task.image_level}
    return dict(
        sample,
        image=np.ascontiguousarray(sample['image'][:, ::-1]),
        targets={**sample['targets'], **{name: task.flip_target(sample['targets'][name])
                                         for name, task in dense.items()}},
        valid={**sample['valid'], **{name: np.ascontiguousarray(sample['valid'][name][:, ::-1]) for name in dense}})
