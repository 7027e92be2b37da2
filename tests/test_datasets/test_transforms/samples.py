"""Random samples with three tasks."""
import numpy as np
from hypothesis import strategies as st

from lhl.datasets.transforms.scale_crop import crop_size, zoom
from lhl.tasks import build_tasks

from ..nyuv2_files import TASKS, unit_normals


def random_sample(seed=0, size=(13, 17), known=0.8):
    """A random sample with three tasks, ``known`` of whose pixels are valid."""
    generator = np.random.default_rng(seed)
    valid = {name: generator.random(size) < known for name in TASKS}
    targets = dict(
        segmentation=generator.integers(0, 13, size),
        depth=generator.uniform(1, 9, (*size, 1)).astype(np.float32),
        normal=unit_normals(generator, size).astype(np.float32))
    for name, target in targets.items():
        target[~valid[name]] = 0
    return dict(image=generator.random((*size, 3), np.float32), targets=targets, valid=valid,
                tasks=build_tasks(TASKS), meta=dict(index=0, image_path='0.npy'))


def assert_same(first, second):
    np.testing.assert_array_equal(first['image'], second['image'])
    for name in TASKS:
        np.testing.assert_array_equal(first['targets'][name], second['targets'][name])
        np.testing.assert_array_equal(first['valid'][name], second['valid'][name])


seeds = st.integers(0, 2**32 - 1)
zooms = st.tuples(st.sampled_from([1.2, 1.5, 2.0]), st.floats(0, 1), st.floats(0, 1))


def random_zoom(sample, chosen):
    """Zoom by a scale into the place given by fractions of the free rows and columns."""
    scale, vertical, horizontal = chosen
    (height, width), size = crop_size(sample['image'].shape[:2], scale), sample['image'].shape
    return zoom(sample, scale, round(vertical * (size[0] - height)), round(horizontal * (size[1] - width)))
