import math

import pytest

from lhl.errors import RunError
from lhl.evaluation.directions import badness, gain, look_up, mean, percent


def test_a_gain_is_positive_where_it_is_better_and_no_change_is_plus_zero():
    assert (gain(40, 50, True), gain(0.5, 0.25, False)) == (10, 0.25)
    assert [math.copysign(1, gain(3, 3, better)) for better in (True, False)] == [1, 1]


def test_a_percentage_of_a_negative_number_keeps_the_sign_and_one_of_0_does_not_exist():
    assert percent(1, -2) == 50 and percent(-1, 4) == -25
    assert math.isnan(percent(1, 0))


def test_the_best_comes_first_and_nan_last():
    values = [2.0, math.nan, math.inf, 1.0, -math.inf]
    for better, expected in ((True, [math.inf, 2, 1, -math.inf]), (False, [-math.inf, 1, 2, math.inf])):
        ordered = sorted(values, key=lambda value, better=better: badness(value, better))
        assert ordered[:-1] == expected and math.isnan(ordered[-1])


def test_a_mean_by_hand():
    assert mean([1, 2, 6]) == 3


def test_what_is_missing_is_named_with_what_is_there():
    metrics = {'depth': {'AbsErr': 0.5}}
    assert look_up(metrics, 'depth', 'AbsErr', 'HAD') == 0.5
    with pytest.raises(RunError, match="HAD has no task 'normal', only depth; score it on every task"):
        look_up(metrics, 'normal', 'mean', 'HAD')
    with pytest.raises(RunError, match="HAD has no 'rmse' of task 'depth', only AbsErr; score it by every metric"):
        look_up(metrics, 'depth', 'rmse', 'HAD')
    with pytest.raises(RunError, match="HAD has no task 'depth', only nothing"):
        look_up({}, 'depth', 'rmse', 'HAD')
