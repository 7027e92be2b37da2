import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix

from lhl.evaluation.metrics.matching import neighbours, num_matched


@settings(deadline=None)
@given(st.data(), st.floats(0, 20))
def test_neighbours_are_all_pairs_within_the_radius_and_no_others(data, radius):
    shape = data.draw(arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
    candidates, truth = (data.draw(arrays.arrays(bool, shape)) for _ in range(2))
    pairs = neighbours(candidates, truth, radius).toarray()[candidates.ravel()]
    near = np.square(np.argwhere(candidates)[:, None] - np.argwhere(truth)).sum(-1) <= radius**2
    np.testing.assert_array_equal(pairs, near)


@settings(deadline=None)
@given(arrays.arrays(bool, st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_as_many_are_matched_as_the_hungarian_algorithm_matches(near):
    assert num_matched(csr_matrix(near)) == near[linear_sum_assignment(near, maximize=True)].sum()
