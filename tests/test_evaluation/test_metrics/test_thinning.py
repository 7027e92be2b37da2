import numpy as np
import pytest
import skimage.measure
import skimage.morphology
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from lhl.evaluation.metrics.thinning import thin

MASKS = arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


@settings(deadline=None)
@given(MASKS)
def test_thinning_is_that_of_scikit_image(mask):
    np.testing.assert_array_equal(thin(mask), skimage.morphology.thin(mask))


@settings(deadline=None)
@given(MASKS)
def test_thinning_keeps_the_pieces_and_the_holes_and_adds_nothing(mask):
    thinned = thin(mask)
    assert not (thinned & ~mask).any()
    # A margin, as a region that is cut by the border of the image has no hole there.
    assert skimage.measure.euler_number(np.pad(thinned, 1)) == skimage.measure.euler_number(np.pad(mask, 1))
    assert skimage.measure.label(thinned).max() == skimage.measure.label(mask).max()


@pytest.mark.parametrize('fill', [False, True])
def test_thinning_a_large_image_of_one_value_agrees_too(fill):
    mask = np.full((61, 83), fill)
    np.testing.assert_array_equal(thin(mask), skimage.morphology.thin(mask))
