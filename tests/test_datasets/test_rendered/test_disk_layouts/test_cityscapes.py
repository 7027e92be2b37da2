
import numpy as np

from lhl.datasets.rendered import LAYOUTS

from .round_trip import assert_target, pairs


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
