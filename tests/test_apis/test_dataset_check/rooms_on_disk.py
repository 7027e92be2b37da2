"""Rendered rooms as pictures in folders, configs that read them, and damage to plant in them."""
import copy
import shutil

import cv2
import numpy as np
from mmengine.config import Config

from lhl.synthetic.rooms import CLASSES

SIZE = 48, 64
TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=13, classes=list(CLASSES)),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'))
TARGETS = dict(
    segmentation=dict(folder='label', invalid=255),
    depth=dict(folder='depth', scale=0.001, invalid=0),
    normal=dict(folder='normal', scale=2 / 255, offset=-1, invalid=0))
PIPELINE = [dict(type='RandomScaleCrop'), dict(type='RandomHorizontalFlip'), dict(type='PackSample')]


def write_rooms(root, rooms):
    """Write rooms as pictures of their own encodings, four to train on and two to validate on."""
    for folder in ('images', 'label', 'depth', 'normal'):
        (root / folder).mkdir(parents=True)
    for number, view in enumerate(rooms):
        normals = np.where(view.measured[..., None], ((view.normal + 1) / 2 * 255).round(), 0).astype(np.uint8)
        pictures = dict(images=view.image[..., ::-1], label=np.where(view.labelled, view.label, 255).astype(np.uint8),
                        depth=(view.depth * view.measured * 1000).round().astype(np.uint16), normal=normals[..., ::-1])
        for folder, picture in pictures.items():
            assert cv2.imwrite(str(root / folder / f'{number}.png'), picture)
    (root / 'train.txt').write_text('0\n1\n2\n3\n')
    (root / 'val.txt').write_text('4\n5\n')
    return root


def config(root, targets=TARGETS, tasks=TASKS, **options):
    loader = dict(dataset=dict(type='FolderDataset', data_root=str(root), targets=targets, pipeline=PIPELINE,
                               splits=dict(train='train.txt', val='val.txt'), **options))
    cfg = Config(dict(tasks=tasks, phases=[dict(task=name) for name in tasks], train_dataloader=loader,
                      val_dataloader=copy.deepcopy(loader)))
    cfg.train_dataloader.dataset.split, cfg.val_dataloader.dataset.split = 'train', 'val'
    return cfg


def picture(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def kinds(report):
    return [problem.kind for problem in report.problems]


def damage(root):
    """Plant problems of all kinds, and give the words that name each."""
    (root / 'depth/0.png').write_bytes((root / 'depth/0.png').read_bytes()[:-30])
    label = picture(root / 'label/0.png')
    label[3, 4] = 77
    cv2.imwrite(str(root / 'label/0.png'), label)
    (root / 'images/1.png').write_bytes(b'not a picture')
    cv2.imwrite(str(root / 'normal/2.png'), picture(root / 'normal/2.png')[1:])
    np.save(root / 'depth/5.npy', np.array([dict()], dtype=object), allow_pickle=True)
    (root / 'depth/5.png').unlink()
    shutil.copy(root / 'images/3.png', root / 'images/4.png')
    return [('target', 'depth/0.png', 'truncated'), ('target', 'label/0.png', 'label 77'),
            ('image', 'images/1.png', 'not an image'), ('target', 'normal/2.png', r'\(47, 64, 3\)'),
            ('target', 'depth/5.npy', 'pickled'), ('in two splits', 'images/4.png', 'images/3.png.*the same pixels')]


def objects_config(tasks, **options):
    loader = dict(dataset=dict(dict(type='SynthObjects', images_per_class=3, part=None, pipeline=PIPELINE), **options))
    cfg = Config(dict(tasks=tasks, phases=[dict(task=name) for name in tasks], train_dataloader=loader,
                      val_dataloader=copy.deepcopy(loader)))
    cfg.train_dataloader.dataset.split, cfg.val_dataloader.dataset.split = 'train', 'val'
    return cfg
