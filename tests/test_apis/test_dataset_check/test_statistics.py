import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lhl.apis.dataset_check.statistics import Moments, merge


@given(st.lists(st.lists(st.floats(-1e3, 1e3), max_size=30), min_size=1, max_size=6))
def test_moments_of_parts_add_up_to_those_of_the_whole(parts):
    total = None
    for part in parts:
        total = merge(total, Moments.of(np.array(part).reshape(-1, 1) + 1e6))
    values = np.concatenate([np.array(part) for part in parts]) + 1e6
    if not values.size:
        assert total is None
        return
    np.testing.assert_allclose(total.mean, values.mean(), rtol=1e-12)
    np.testing.assert_allclose(total.std, values.std(), atol=1e-6)
    assert (total.count, total.low[0], total.high[0]) == (values.size, values.min(), values.max())
