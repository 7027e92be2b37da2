"""Rendered scenes written in the layout of a data set come back through its loader as what was rendered.

The truth is the float ground truth of the same view; the bounds are half a step of the data set's own encoding.
"""
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

import lhl.datasets  # noqa: F401
from lhl.datasets.rendered import LAYOUTS, write_dataset
from lhl.datasets.rendered.writer import sample_seed
from lhl.registry import DATASETS
from lhl.synthetic.rooms.geometry_targets import (
    boundary,
    edge_occlusion,
    euclidean_distance,
    principal_curvature,
    reshading,
    saliency,
)
from lhl.synthetic.rooms.image_targets import edge_texture, keypoints2d
from lhl.synthetic.rooms.keypoints3d import keypoints3d
from lhl.synthetic.rooms.people import human_parts

BASES = Path(__file__).parents[3] / 'configs' / '_base_' / 'datasets'
SIZE = dict(height=48, width=64)
COUNTS = dict(train=4, val=2)
CONFIG = {'nyuv2': 'nyuv2', 'cityscapes': 'cityscapes', 'taskonomy': 'taskonomy', 'nyud': 'nyud', 'nyud_atrc': 'nyud',
          'nyud_astmt': 'nyud', 'pascal_context': 'pascal_context'}
BUILDINGS = dict(train=['furnished1', 'furnished2', 'furnished3'], val=['unseen1'])


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    written = {}

    def write(layout):
        if layout not in written:
            written[layout] = tmp_path_factory.mktemp(layout) / 'data'
            write_dataset(written[layout], **COUNTS, **SIZE, seed=5, processes=1, layout=layout)
        return written[layout]
    return write


def load(layout, folder, split):
    cfg = Config.fromfile(BASES / f'{CONFIG[layout]}.py').to_dict()
    options = dict(cfg['val_dataloader']['dataset'], data_root=folder, split=split, tasks=cfg['tasks'], pipeline=[])
    if layout == 'taskonomy':
        options['buildings'] = BUILDINGS
    return DATASETS.build(options)


def pairs(layout, folder):
    """Every sample with the view that it was made from."""
    for split, count in COUNTS.items():
        data = load(layout, folder, split)
        assert len(data) == count
        # Taskonomy lists its buildings one after the other; all others keep the order of the pictures.
        order = sorted(range(count), key=lambda index: (index % 3, index)) if (layout, split) == (
            'taskonomy', 'train') else range(count)
        for position, index in enumerate(order):
            yield data[position], LAYOUTS[layout]().render(sample_seed(5, split, index), **SIZE)


def assert_target(sample, task, truth, valid, step):
    truth = truth if truth.ndim == 3 or sample['targets'][task].ndim == 2 else truth[..., None]
    np.testing.assert_array_equal(sample['valid'][task], valid)
    assert np.abs(sample['targets'][task][valid] - truth[valid]).max(initial=0) <= step * (1 + 1e-3)


@pytest.mark.parametrize('layout', ['nyud', 'nyud_atrc', 'nyud_astmt'])
def test_nyud(layout, folders):
    for sample, view in pairs(layout, folders(layout)):
        loss = 20 if LAYOUTS[layout].suffixes['images'] == '.jpg' else 0.5
        assert np.abs(sample['image'] - view.image / 255).mean() <= loss / 255
        np.testing.assert_array_equal(sample['valid']['segmentation'], view.labelled)
        assert len(np.unique(sample['targets']['segmentation'][view.labelled])) == len(np.unique(
            view.label[view.labelled]))
        assert_target(sample, 'depth', view.depth, view.measured, 0)
        assert_target(sample, 'boundary', boundary(view).astype(np.float32), np.ones(view.depth.shape, bool), 0)
        assert_normals(sample, view, view.measured, LAYOUTS[layout].suffixes['normals'])


def assert_normals(sample, view, valid, suffix):
    """8 bits turn a normal by at most half a step per component, sqrt(3) / 255; a JPEG by more."""
    known = sample['valid']['normal']
    both = known & valid
    angles = np.degrees(np.arccos(np.clip((sample['targets']['normal'] * view.normal).sum(-1)[both], -1, 1)))
    if suffix == '.jpg':  # which smears over the borders of surfaces
        assert np.median(angles) < 3 and (known != valid).mean() < 0.1
        return
    np.testing.assert_array_equal(known, valid)
    assert angles.max() <= {'.npy': 0.03, '.png': np.degrees(np.sqrt(3) / 255)}[suffix]


def test_taskonomy(folders):
    values = {name: index for index, name in enumerate(LAYOUTS['taskonomy'].classes)}
    for sample, view in pairs('taskonomy', folders('taskonomy')):
        everywhere = np.ones(view.depth.shape, bool)
        np.testing.assert_array_equal(sample['image'], view.image.astype(np.float32) / 255)
        np.testing.assert_array_equal(sample['valid']['segmentation'], view.labelled)
        assert_target(sample, 'depth', view.depth, view.measured, 0.5 / 512)
        assert_target(sample, 'euclidean_distance', euclidean_distance(view), view.measured, 0.5 / 512)
        assert_normals(sample, view, view.measured, '.png')
        assert_target(sample, 'edge_texture', edge_texture(view.image), everywhere, 0.5)
        assert_target(sample, 'keypoints2d', keypoints2d(view.image), everywhere, 0.5)
        assert_target(sample, 'edge_occlusion', edge_occlusion(view.depth, view.measured), view.measured, 0.5)
        assert_target(sample, 'keypoints3d', keypoints3d(view), view.measured, 0.5)
        assert_target(sample, 'reshading', reshading(view), view.measured, 0.5 / 255)
        limit = 1 / 0.03
        assert_target(sample, 'principal_curvature', principal_curvature(view).clip(-limit, limit), view.measured,
                      limit / 254)
    assert values['background'] == 0  # so that the classes are those of the rooms that Taskonomy knows


def test_taskonomys_classes_are_those_of_the_rooms(folders):
    from lhl.datasets.taskonomy.encodings import CLASSES as TASKONOMY
    from lhl.synthetic.rooms import CLASSES
    names = {'chair': 'chair', 'sofa': 'couch', 'bed': 'bed', 'table': 'table', 'tv': 'tv', 'books': 'book',
             'objects': 'vase'}
    for sample, view in pairs('taskonomy', folders('taskonomy')):
        expected = np.array([TASKONOMY.index(names.get(name, 'background')) for name in CLASSES])[view.label]
        found = sample['targets']['segmentation']
        np.testing.assert_array_equal(found[view.labelled], expected[view.labelled])


def test_nyuds_classes_become_those_of_the_rooms_by_the_published_table(folders):
    from lhl.datasets.converters.nyuv2 import CLASS_OF_40
    for sample, view in pairs('nyud', folders('nyud')):
        found = np.asarray(CLASS_OF_40)[sample['targets']['segmentation']]
        np.testing.assert_array_equal(found[view.labelled], view.label[view.labelled])


def test_cityscapes(folders):
    skies = 0
    for sample, view in pairs('cityscapes', folders('cityscapes')):
        np.testing.assert_array_equal(sample['image'], view.image.astype(np.float32) / 255)
        assert_target(sample, 'segmentation', view.label, view.labelled, 0)
        sky = view.label == LAYOUTS['cityscapes'].classes.index('sky')
        valid = view.measured & ~sky
        np.testing.assert_array_equal(sample['valid']['depth'], valid)
        # Back to metres: a disparity of d pixels is 0.22 m x 2262 / d, and d is stored in steps of 1/256.
        pixels = (sample['targets']['depth'][valid, 0] * 65535 - 1) / 256
        assert np.abs(pixels - 0.22 * 2262 / view.depth[valid]).max() <= 0.5 / 256 + 1e-3
        skies += sky.sum()
    assert skies > 0


def test_pascal_context(folders):
    people = 0
    for sample, view in pairs('pascal_context', folders('pascal_context')):
        parts = human_parts(view)
        assert_target(sample, 'human_parts', parts, np.full(parts.shape, parts.any()), 0)
        found = sample['targets']['segmentation']
        np.testing.assert_array_equal((found == 15)[view.labelled], (parts > 0)[view.labelled])  # VOC's person
        np.testing.assert_array_equal(sample['valid']['segmentation'], view.labelled)
        assert_target(sample, 'saliency', saliency(view).astype(np.float32), np.ones(parts.shape, bool), 0)
        assert_normals(sample, view, view.measured, '.png')
        assert np.abs(sample['image'] - view.image / 255).mean() < 20 / 255
        assert 0 < sample['targets']['boundary'].mean() < 0.3
        people += parts.any()
    assert people >= 2


def test_nyuv2(folders):
    for sample, view in pairs('nyuv2', folders('nyuv2')):
        np.testing.assert_array_equal(sample['image'], view.image.astype(np.float32) / 255)
        assert_target(sample, 'segmentation', view.label, view.labelled, 0)
        assert_target(sample, 'depth', view.depth, view.measured, 0)
        assert_normals(sample, view, view.measured, '.npy')


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_is_resumed_extended_and_counted(layout, folders, tmp_path):
    written = folders(layout)
    write_dataset(tmp_path, train=2, val=1, **SIZE, seed=5, processes=1, layout=layout)
    first = LAYOUTS[layout]().paths('train', 1)
    (tmp_path / list(first.values())[0]).unlink()
    manifest = write_dataset(tmp_path, **COUNTS, **SIZE, seed=5, processes=1, layout=layout)
    files = {str(path.relative_to(written)) for path in written.rglob('*') if path.is_file()}
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file()} == files
    assert all((tmp_path / name).read_bytes() == (written / name).read_bytes() for name in files
               if not name.endswith('.mat'))  # which hold the time of writing
    assert sum(manifest.class_shares['train'].values()) == pytest.approx(1, abs=1e-4)
