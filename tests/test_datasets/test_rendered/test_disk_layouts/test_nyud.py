import numpy as np
import pytest

from lhl.datasets.rendered import LAYOUTS
from lhl.synthetic.rooms.geometry_targets import boundary

from .round_trip import assert_normals, assert_target, pairs


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


def test_nyuds_classes_become_those_of_the_rooms_by_the_published_table(folders):
    from lhl.datasets.converters.nyuv2 import CLASS_OF_40
    for sample, view in pairs('nyud', folders('nyud')):
        found = np.asarray(CLASS_OF_40)[sample['targets']['segmentation']]
        np.testing.assert_array_equal(found[view.labelled], view.label[view.labelled])
