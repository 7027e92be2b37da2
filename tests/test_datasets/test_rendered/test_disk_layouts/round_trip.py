"""Rendered scenes written in the layout of a data set come back through its loader as what was rendered.

The truth is the float ground truth of the same view; the bounds are half a step of the data set's own encoding.
"""
from pathlib import Path

import numpy as np
from mmengine.config import Config

from lhl.datasets.rendered import LAYOUTS
from lhl.datasets.rendered.writer import sample_seed
from lhl.registry import DATASETS

BASES = Path(__file__).parents[4] / 'configs' / '_base_' / 'datasets'
SIZE = dict(height=48, width=64)
COUNTS = dict(train=4, val=2)
CONFIG = {'nyuv2': 'nyuv2', 'cityscapes': 'cityscapes', 'taskonomy': 'taskonomy', 'nyud': 'nyud', 'nyud_atrc': 'nyud',
          'nyud_astmt': 'nyud', 'pascal_context': 'pascal_context'}
BUILDINGS = dict(train=['furnished1', 'furnished2', 'furnished3'], val=['unseen1'])


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
