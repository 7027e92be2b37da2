"""A tiny Taskonomy of random content, in each of the shapes that people have it in."""

import cv2
import numpy as np

from lhl.datasets.taskonomy.dataset import Taskonomy
from lhl.datasets.taskonomy.encodings import ENCODINGS

from .nyuv2_files import unit_normals

TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=17),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'),
    edge_occlusion=dict(type='EdgeEstimation'),
    reshading=dict(type='ReshadingEstimation'),
    keypoints2d=dict(type='KeypointEstimation'),
    edge_texture=dict(type='EdgeEstimation'),
    euclidean_distance=dict(type='EuclideanDistanceEstimation'),
    principal_curvature=dict(type='PrincipalCurvatureEstimation'),
    keypoints3d=dict(type='KeypointEstimation'))
MASKED = ['depth', 'normal', 'edge_occlusion', 'reshading', 'euclidean_distance', 'principal_curvature', 'keypoints3d']
#: Where the file of a domain lies, in each of the shapes that are in use.
SHAPES = dict(
    omnidata='{domain}/taskonomy/{building}/point_{point}_view_{view}_domain_{token}.png',
    archives='{building}_{domain}/{domain}/point_{point}_view_{view}_domain_{token}.png',
    buildings='{building}/{domain}/point_{point}_view_{view}_domain_{token}.png',
    taskgrouping='{domain}/{building}/point_{point}_view_{view}_domain_{token}.png',
    flat='{domain}/{building}_point_{point}_view_{view}_domain_{token}.png')
BUILDINGS = dict(train=['allensville', 'merom'], val=['darden'])
SIZE = (12, 16)


def file_of(root, domain, building='allensville', point=0, view=1, shape='omnidata'):
    token = domain.replace('segment_semantic', 'segmentsemantic')
    return root / SHAPES[shape].format(domain=domain, building=building, point=point, view=view, token=token)


def encoded(domain, generator, size):
    """Random values of a domain as they are stored, with channels in OpenCV's order: blue, green, red."""
    if domain == 'rgb':
        return generator.integers(0, 256, (*size, 3), np.uint8)
    if domain == 'segment_semantic':
        return generator.integers(0, 18, size).astype(np.uint8)
    if domain == 'normal':
        towards = np.rint((1 - unit_normals(generator, size)) / 2 * 255)  # x left, y up, z toward the camera
        return towards[..., ::-1].astype(np.uint8)
    if domain == 'reshading':
        return generator.integers(0, 256, size).astype(np.uint8)
    if domain == 'principal_curvature':
        return generator.integers(0, 255, (*size, 3)).astype(np.uint8)
    values = generator.integers(1, 65535, size).astype(np.uint16)
    if domain == 'depth_zbuffer':
        values[generator.random(size) < 0.2] = 65535
    return values


def write_taskonomy(root, shape='omnidata', buildings=('allensville', 'merom', 'darden'), points=2, views=(1, 4),
                    size=SIZE, domains=(*ENCODINGS, 'rgb')):
    """Write random views of some buildings."""
    generator = np.random.default_rng(0)
    for building in buildings:
        for point in range(points):
            for view in views:
                for domain in domains:
                    save(file_of(root, domain, building, point, view, shape), encoded(domain, generator, size))
    return root


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def taskonomy(root, split='train', tasks=TASKS, pipeline=(), buildings=BUILDINGS, **options):
    return Taskonomy(data_root=root, split=split, tasks=tasks, pipeline=pipeline, buildings=buildings, **options)


def only(*names):
    return {name: TASKS[name] for name in names}


def target_of(root, name, **options):
    """The target and the validity of one task in the first view."""
    sample = taskonomy(root, tasks=only(name), **options)[0]
    return sample['targets'][name], sample['valid'][name]


def fill_holes(root):
    """Make the scan of the first view whole."""
    save(file_of(root, 'depth_zbuffer'), np.full(SIZE, 1000, np.uint16))
