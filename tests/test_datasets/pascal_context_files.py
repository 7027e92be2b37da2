"""A tiny PASCAL_MT of random content, in its encodings."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from lhl.datasets.pascal_context.dataset import PASCALContext
from lhl.errors import DataError

from .changed_files import folder_digest
from .nyud_files import write_picture
from .nyuv2_files import unit_normals

TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=21),
    human_parts=dict(type='HumanPartSegmentation'),
    saliency=dict(type='SaliencyEstimation'),
    normal=dict(type='SurfaceNormalEstimation'),
    boundary=dict(type='BoundaryDetection'))
#: The images, and whether VOC has segmented them, else PASCAL-Context.
NAMES = dict(train={'2008_000002': True, '2008_000003': False, '2010_006086': True}, val={'2009_005311': False})
SIZES = {'2008_000002': (24, 32), '2008_000003': (40, 16), '2010_006086': (33, 33), '2009_005311': (16, 24)}
BAG, SKY, PERSON, TVMONITOR, UNKNOWN = 9, 360, 284, 427, 431
PLACES = dict(images='JPEGImages', human_parts='human_parts', normals='normals_distill', sal='sal_distill',
              labels='pascal-context/trainval')
SUFFIXES = dict(images='jpg', human_parts='mat', normals='png', sal='png', labels='mat')


def struct(records):
    """A MATLAB struct array of 1 x N; an empty one is, as in the files, 0 x 0 without fields."""
    if not records:
        return np.zeros((0, 0))
    array = np.empty((1, len(records)), [(name, object) for name in records[0]])
    for number, record in enumerate(records):
        array[0, number] = tuple(record.values())
    return array


def write_annotation(path, objects):
    """Write PASCAL-Part's file; an object is its class, its mask, and its parts by name."""
    records = [{'class': kind, 'class_ind': 15.0 if kind == 'person' else 12.0, 'mask': mask.astype(np.uint8),
                'parts': struct([dict(part_name=name, mask=part.astype(np.uint8)) for name, part in parts])}
               for kind, mask, parts in objects]
    savemat(path, dict(anno=dict(imname=path.stem, objects=struct(records))))


def truth(name):
    """What is known about an image."""
    generator = np.random.default_rng(int(name[5:]))
    size = SIZES[name]
    return dict(images=generator.integers(0, 256, (*size, 3), np.uint8),
                semseg=generator.choice([*range(21), 255], size).astype(np.uint8),
                normals=unit_normals(generator, size),
                sal=generator.integers(0, 256, size, np.uint8),
                labels=np.kron(generator.choice([BAG, SKY, PERSON, TVMONITOR, UNKNOWN], (6, 6)),
                               np.ones((7, 7), int))[:size[0], :size[1]])


def people(size):
    """A dog, a person with parts, one of which is drawn over another, and a person without; and their parts."""
    mask = np.zeros((10, *size), bool)
    mask[0, :5, :5] = mask[1, 4:9, 2:8] = mask[2, 6:12, 2:8] = mask[3, 2:5, 2:5] = True
    objects = [('dog', mask[0], [('head', mask[0])]), ('person', mask[1] | mask[2], [('torso', mask[1]),
               ('lhand', mask[2]), ('hair', mask[3])]), ('person', mask[4], [])]
    parts = np.where(mask[1], 2, 0)
    parts[mask[2]], parts[mask[3]] = 4, 1
    return objects, parts


def write_pascal(root):
    """Write a small PASCAL_MT in its encodings; the second image shows no person."""
    for split, names in NAMES.items():
        path = root / f'ImageSets/Context/{split}.txt'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('\n'.join(names))
        for name, segmented in names.items():
            seen = truth(name)
            folder = 'semseg/VOC12' if segmented else 'semseg/pascal-context'
            for place in (folder, *PLACES.values()):
                (root / place).mkdir(parents=True, exist_ok=True)
            write_picture(root / f'JPEGImages/{name}.jpg', seen['images'])
            labels = Image.fromarray(seen['semseg'], 'P')
            labels.putpalette(list(np.random.default_rng(0).integers(0, 256, 768)))
            labels.save(root / folder / f'{name}.png')
            write_picture(root / f'normals_distill/{name}.png', np.rint(127.5 * (seen['normals'] + 1)).astype(np.uint8))
            write_picture(root / f'sal_distill/{name}.png', seen['sal'])
            savemat(root / f'pascal-context/trainval/{name}.mat', dict(LabelMap=seen['labels'].astype(np.uint16)))
            objects, _ = people(SIZES[name])
            write_annotation(root / f'human_parts/{name}.mat', objects[:1] if name == '2008_000003' else objects)
    return root


def pascal(root, split='train', tasks=TASKS, **options):
    return PASCALContext(data_root=root, split=split, tasks=tasks, pipeline=(), **options)


def path_of(root, target, name):
    return root / PLACES[target] / f'{name}.{SUFFIXES[target]}'


def assert_refused(root, task, path, message):
    """The error is one line of text, names the file, and nothing on disk is touched."""
    before = folder_digest(root)
    dataset = pascal(root, tasks={task: TASKS[task]})
    with pytest.raises(DataError, match=message) as caught:
        dataset[2]
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    dataset[0]
    assert folder_digest(root) == before
