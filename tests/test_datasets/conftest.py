"""A tiny NYUv2 folder, written afresh for every test that asks for one."""
import numpy as np
import pytest
from hypothesis import settings

settings.register_profile('untimed', deadline=None)  # the first example of a test also pays for what torch loads lazily
settings.load_profile('untimed')

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


@pytest.fixture
def nyuv2_root(tmp_path):
    return write_nyuv2(tmp_path / 'nyuv2')
