"""A tiny NYUv2 folder of random content, in the layout and encodings of the release."""
import numpy as np
import torch

from lhl.datasets import NYUv2

TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=13),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'))


def unit_normals(generator, shape):
    """Random unit vectors that face the camera, which looks along z."""
    normals = generator.normal(size=(*shape, 3))
    normals[..., 2] = -1 - np.abs(normals[..., 2])
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def write_nyuv2(root, count=6, size=(12, 16), splits=('train', 'val')):
    """Write ``count`` random images per split in the layout and encodings of the release."""
    generator = np.random.default_rng(0)
    for split in splits:
        for number in range(count):
            unknown = generator.random(size) < 0.1
            arrays = dict(
                image=generator.random((*size, 3), np.float32),
                label=generator.integers(-1, 13, size).astype(np.float32),
                depth=(generator.uniform(0.5, 9, size) * ~unknown)[..., None].astype(np.float32),
                normal=(unit_normals(generator, size) * ~unknown[..., None]).astype(np.float16))
            for folder, array in arrays.items():
                (root / split / folder).mkdir(parents=True, exist_ok=True)
                np.save(root / split / folder / f'{number}.npy', array)
    return root


RANDOM_PIPELINE = [dict(type='RandomScaleCrop'), dict(type='RandomHorizontalFlip'), dict(type='PackSample')]


def nyuv2(root, split='train', tasks=TASKS, pipeline=(), **options):
    return NYUv2(data_root=root, split=split, tasks=tasks, pipeline=pipeline, **options)


def equal(first, second):
    return all(torch.equal(first[field][name], second[field][name])
               for field in ('targets', 'valid') for name in TASKS) and torch.equal(first['inputs'], second['inputs'])
