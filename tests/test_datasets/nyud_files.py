"""A tiny NYUD_MT of random content, in the encodings of each of its releases."""

import cv2
import numpy as np
from scipy.io import savemat

from lhl.datasets.nyud import NYUDv2

from .nyuv2_files import unit_normals

TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=40),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'),
    boundary=dict(type='BoundaryDetection'))
NAMES = dict(train=['0003', '0005', '0041'], val=['0001', '1449'])
SIZE = 24, 32
RELEASES = dict(
    astmt=dict(images='jpg', segmentation='mat', depth='mat', normals='jpg', edge='png'),
    atrc=dict(images='jpg', segmentation='png', depth='npy', normals='npy', edge='npy'),
    invpt=dict(images='png', segmentation='png', depth='npy', normals='png', edge='png'))


def truth(name):
    """What a camera and an annotator have seen: labels 0 to 40, metres, unit vectors and edges, with holes."""
    generator = np.random.default_rng(int(name))
    unknown = np.zeros(SIZE, bool)
    unknown[8:16, 8:16] = True
    normals = np.repeat(np.repeat(unit_normals(generator, (3, 4)), 8, 0), 8, 1)  # JPEG keeps blocks of 8 x 8
    return dict(images=np.repeat(np.repeat(generator.integers(0, 256, (3, 4, 3), np.uint8), 8, 0), 8, 1),
                segmentation=generator.integers(0, 41, SIZE),
                depth=np.where(unknown, 0, generator.uniform(0.7, 9.9, SIZE)),
                normals=np.where(unknown[..., None], 0, normals),
                edge=generator.random(SIZE) < 0.2)


JPEG = [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


def write_picture(path, array):
    options = JPEG if path.suffix == '.jpg' else []
    assert cv2.imwrite(str(path), array if array.ndim == 2 else array[..., ::-1], options)


def write_file(path, array):
    """Write an array in the encoding of its folder and suffix."""
    folder = path.parent.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.mat':
        savemat(path, {folder: array.astype(np.uint8 if folder == 'segmentation' else np.float64)})
    elif path.suffix == '.npy':
        np.save(path, array.astype(np.float32))
    elif folder == 'normals':
        write_picture(path, np.rint((array + 1) * 127.5).astype(np.uint8))
    else:
        write_picture(path, array.astype(np.uint8) * np.uint8(255 if folder == 'edge' else 1))


def write_nyud(root, release='atrc'):
    """Write a small NYUD_MT in the encodings of a release."""
    (root / 'gt_sets').mkdir(parents=True)
    for split, names in NAMES.items():
        (root / f'gt_sets/{split}.txt').write_text(''.join(f'{name}\n' for name in names))
        for name in names:
            for folder, array in truth(name).items():
                write_file(root / folder / f'{name}.{RELEASES[release][folder]}', array)
    return root


def nyud(root, split='train', tasks=TASKS, **options):
    return NYUDv2(data_root=root, split=split, tasks=tasks, pipeline=(), **options)
