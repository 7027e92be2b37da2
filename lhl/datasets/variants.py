"""In how many variants the images of a data set come, as its transforms declare it."""
from torch.utils.data import Dataset

from .base import DenseDataset
from .transforms import PackSample, RandomHorizontalFlip


def image_variants(dataset: Dataset) -> tuple[int, str]:
    """Count the variants in which each image of a data set may come.

    A transform whose class itself has ``is_random = False`` changes the same image always in the same way. Any other
    one may do anything, but for :class:`~lhl.datasets.transforms.RandomHorizontalFlip`.

    Args:
        dataset: What the training draws from.

    Returns:
        1, 2 where an image may also come mirrored, or 0 where there may be any number; and in this case why, as a
        clause.
    """
    if not isinstance(dataset, DenseDataset):
        return 0, f'the data set {type(dataset).__name__} does not say how images vary'
    count = 1
    for transform in dataset.pipeline.transforms:
        kind = type(transform)
        if kind is not RandomHorizontalFlip and not treats_alike(transform):
            return 0, f'{kind.__name__} may change an image in another way each time'
        if count == 2 and kind is not PackSample:
            return 0, (f'{kind.__name__} comes after RandomHorizontalFlip, and may treat a mirror image unlike; put it '
                       f'before')
        if kind is RandomHorizontalFlip:
            count = 2
    return count, ''


def treats_alike(component: object) -> bool:
    """Say whether the class of a transform, or of a preprocessor, itself declares that it is not random."""
    return vars(type(component)).get('is_random') is False
