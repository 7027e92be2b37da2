"""In how many variants the images of a data set come, as its transforms declare it."""
from torch.utils.data import Dataset

from .base import DenseDataset
from .transforms import PackSample


def image_variants(dataset: Dataset) -> tuple[int, str]:
    """Count the variants in which each image of a data set may come.

    A transform declares with ``variants = 'one'`` that it changes the same image always in the same way, and with
    ``variants = 'mirrored'`` that it gives the image or its mirror image, as the ``meta`` of the sample then says. One
    that declares nothing is taken for random.

    Args:
        dataset: What the training draws from.

    Returns:
        1, 2 (the image and, in the last place, its mirror image), or 0 where there may be any number; and in this case
        why, as a clause.
    """
    if not isinstance(dataset, DenseDataset):
        return 0, f'the data set {type(dataset).__name__} does not say how images vary'
    count, mirrors = 1, ''
    for transform in dataset.pipeline.transforms:
        name, declared = type(transform).__name__, getattr(transform, 'variants', None)
        if declared not in ('one', 'mirrored'):
            return 0, f'{name} may change an image in another way each time'
        if mirrors and not isinstance(transform, PackSample):
            return 0, f'{name} comes after {mirrors}, so what is mirrored differs; put it before'
        if declared == 'mirrored':
            count, mirrors = 2, name
    return count, ''
