"""A tiny CityScapes of random content, in the layout and encodings of the release."""
import numpy as np

from lhl.datasets.cityscapes import CityScapes

TASKS = dict(segmentation=dict(type='SemanticSegmentation', num_classes=7), depth=dict(type='DisparityEstimation'))


def write_cityscapes(root, count=4, size=(8, 16), splits=('train', 'val'), label='label_7'):
    """Write ``count`` random images per split in the layout and encodings of the release."""
    generator = np.random.default_rng(0)
    for split in splits:
        for number in range(count):
            counts = generator.integers(1, 32258, size) * (generator.random(size) > 0.2)
            arrays = {'image': generator.random((*size, 3), np.float32),
                      label: generator.integers(-1, 7, size).astype(np.float32),
                      'depth': (counts / 65535).astype(np.float32)[..., None]}
            for folder, array in arrays.items():
                (root / split / folder).mkdir(parents=True, exist_ok=True)
                np.save(root / split / folder / f'{number}.npy', array)
    return root


def cityscapes(root, split='train', tasks=TASKS, pipeline=(), **options):
    return CityScapes(data_root=root, split=split, tasks=tasks, pipeline=pipeline, **options)
