import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.visualization import differences_table
from lhl.visualization.differences import Difference, ties
from lhl.visualization.ranking import standings

from .contestants import board, run


def seeds(*mious):
    return {seed: run(miou, seed=seed) for seed, miou in enumerate(mious)}


def three_seeds(**methods):
    contestants = board(**methods)
    contestants[0].runs = seeds(10, 20, 30)
    return contestants


def test_a_difference_by_hand():
    found = Difference.of({0: 3.0, 1: 5.0, 2: 7.0}, {0: 2.0, 1: 2.0, 2: 2.0})  # 1, 3 and 5
    assert found.mean == pytest.approx(3) and found.standard_error == pytest.approx(2 / math.sqrt(3))
    assert not found.is_tie  # two standard errors are 2.31


def test_what_all_methods_owe_to_a_seed_does_not_count():
    ours, theirs = {0: 10.0, 1: 50.0, 2: 90.0}, {0: 9.0, 1: 49.0, 2: 89.0}
    assert Difference.of(ours, theirs) == (1, 0)


@pytest.mark.parametrize('mean, error, is_tie', [
    (1.99, 1, True), (-1.99, 1, True), (2, 1, False), (-2, 1, False), (0, 0, True), (0.1, 0, False),
    (math.nan, 1, False)])
def test_less_than_two_standard_errors_are_a_tie(mean, error, is_tie):
    assert Difference(mean, error).is_tie == is_tie


values = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=2, max_size=6)


@given(values)
def test_turned_around_a_difference_has_the_other_sign_and_the_same_error(pairs):
    ours = {seed: own for seed, (own, _) in enumerate(pairs)}
    theirs = {seed: other for seed, (_, other) in enumerate(pairs)}
    there, back = Difference.of(ours, theirs), Difference.of(theirs, ours)
    assert back == (pytest.approx(-there.mean), pytest.approx(there.standard_error))
    assert there.is_tie == back.is_tie


def test_the_table_by_hand():
    # Vanilla's mean mIoU is 20, so that 2 points of mIoU are 10 % of segmentation and 5 % of Delta.
    table = differences_table(three_seeds(best=seeds(30, 40, 50), near=seeds(31, 38, 50), far=seeds(24, 34, 42),
                                          joint_={seed: run(60, at_once=True, seed=seed) for seed in range(3)}))
    assert table.splitlines()[:-2] == [
        '| rank | method | Δ ↑ (%) | segmentation: mIoU ↑ | depth: AbsErr ↓ | tied with |',
        '| ---: | --- | ---: | ---: | ---: | --- |',
        # 30, 20 and 10 more: 20 ± 10 / sqrt(3)
        '|  | joint † | +50.00 ± 14.43 | +20.0000 ± 5.7735 | +0.0000 ± 0.0000 = |  |',
        '| 1 | best |  |  |  | near |',
        # 1, -2 and 0: -1/3 with deviations 4/3, -5/3 and 1/3 around it, sqrt(14/6) / sqrt(3)
        '| 2 | near | -0.83 ± 2.20 = | -0.3333 ± 0.8819 = | +0.0000 ± 0.0000 = | best |',
        # -6, -6 and -8: -20/3 ± 2/3
        '| 3 | far | -16.67 ± 1.67 | -6.6667 ± 0.6667 | +0.0000 ± 0.0000 = |  |',
        '| 4 | vanilla | -50.00 ± 0.00 | -20.0000 ± 0.0000 | +0.0000 ± 0.0000 = |  |']
    assert table.splitlines()[-1].startswith('Differences to best with the same seed')


def test_a_tie_need_not_pass_from_one_to_the_next():
    rows = standings(three_seeds(a=seeds(40, 44, 48), b=seeds(38, 45, 46), c=seeds(36.5, 42.5, 45.5)))
    a, b, c = rows[:3]  # a - b: 2, -1 and 2; b - c: 1.5, 2.5 and 0.5; a - c: 3.5, 1.5 and 2.5, a mean of 2.5 ± 0.58
    assert (ties(a, rows), ties(b, rows), ties(c, rows)) == (['b'], ['a'], [])
    assert ties(b, [b, c]) == []  # 1.5 ± 0.58


@pytest.mark.parametrize('methods', [dict(had={0: run(30)}), dict(had={7: run(30, seed=7)}), dict(had={})])
def test_with_one_seed_or_one_method_there_is_no_table(methods):
    contestants = board(**methods)
    if not methods['had']:
        contestants = contestants[:1]
    assert differences_table(contestants) == ''
