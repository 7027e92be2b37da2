"""A tiny folder of images for ``FolderDataset``, with the targets of three tasks."""

import cv2
import numpy as np

from lhl.datasets import FolderDataset

from .nyuv2_files import unit_normals

SIZE = 12, 16
TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=5),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'))
TARGETS = dict(
    segmentation=dict(folder='label', invalid=255),
    depth=dict(folder='depth', scale=0.001, invalid=0),
    normal=dict(folder='normal', scale=2 / 255, offset=-1, invalid=[0, 127, 128]))
NAMES = ('a', 'b', 'c', 'd')
ALL = dict(train=1.0)


def write(path, array):
    """Store an array as it is; three channels of a picture are RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.npy':
        np.save(path, array)
    else:
        assert cv2.imwrite(str(path), array if array.ndim == 2 else array[..., ::-1])
    return array


def write_folder(root, names=NAMES, size=SIZE):
    """Write 8-bit images, labels and normals and 16-bit depth in millimetres, all PNG."""
    generator = np.random.default_rng(0)
    for name in names:
        write(root / f'images/{name}.png', generator.integers(0, 256, (*size, 3), np.uint8))
        write(root / f'label/{name}.png', generator.choice(np.array([0, 1, 2, 3, 4, 255], np.uint8), size))
        write(root / f'depth/{name}.png', generator.integers(0, 9000, size, np.uint16))
        write(root / f'normal/{name}.png', ((unit_normals(generator, size) + 1) / 2 * 255).round().astype(np.uint8))
    return root


def folder(root, split='train', tasks=TASKS, targets=TARGETS, splits=ALL, **options):
    return FolderDataset(root, split, tasks, (), targets=targets, splits=splits, **options)


def one(root, task, array, suffix='.png', config=None, name='a', **encoding):
    """Write the target of one image, and give it as it is read."""
    write(root / f'target/{name}{suffix}', array)
    write(root / f'images/{name}.png', np.zeros((*array.shape[:2], 3), np.uint8))
    dataset = folder(root, tasks={task: config or TASKS[task]}, targets={task: dict(folder='target', **encoding)})
    sample = dataset[dataset.samples.index(name)]
    return sample['targets'][task], sample['valid'][task]
