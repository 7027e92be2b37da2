import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lhl.datasets.converters.resizing import resize_mean, resize_nearest


def test_nearest_takes_the_pixel_at_the_centre():
    assert resize_nearest(np.arange(9)[None], 1, 3).tolist() == [[1, 4, 7]]
    # A centre between two pixels takes the second.
    assert resize_nearest(np.arange(8)[None], 1, 2).tolist() == [[2, 6]]


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(1, 12), st.integers(1, 12))
def test_nearest_mixes_nothing(array, height, width):
    resized = resize_nearest(array, height, width)
    assert resized.shape == (height, width) and np.isin(resized, array).all()


def test_the_mean_is_over_the_area():
    array = np.array([[0, 2, 10, 10], [4, 6, 10, 30]])
    assert resize_mean(array, 1, 2).tolist() == [[3, 15]]
    assert resize_mean(np.stack([array, -array], axis=-1), 1, 2).tolist() == [[[3, -3], [15, -15]]]


def test_invalid_pixels_have_no_share_in_a_mean():
    array = np.array([[0, 2, 65535, 10], [4, 65535, 65535, 30]])
    means = resize_mean(array, 1, 2, array != 65535)
    np.testing.assert_allclose(means, [[2, 20]], rtol=1e-6)
    assert np.isnan(resize_mean(array[:, 1:3], 1, 1, np.zeros((2, 2), bool))).all()
