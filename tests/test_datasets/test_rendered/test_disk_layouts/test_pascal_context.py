import numpy as np

from lhl.synthetic.rooms.geometry_targets import saliency
from lhl.synthetic.rooms.people import human_parts

from .round_trip import assert_normals, assert_target, pairs


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
