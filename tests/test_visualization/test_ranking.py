import math

import pytest

from lhl.visualization import Cost
from lhl.visualization.ranking import shared_seeds, standings

from .contestants import board, run


def by_name(contestants):
    return {row.name: row for row in standings(contestants)}


def test_costs_are_those_from_phase_2_on():
    cost = Cost.of(run(seconds=(1000, 30), iterations=(1, 20), memory=(9000, 100), state=(8, 2), images=(50, 7)))
    assert cost == (1.5, 100, 8, 50)


def test_the_cost_of_a_single_phase_is_its_own():
    assert Cost.of(run(seconds=(10, 0), iterations=(40, 0), memory=(70, 0), at_once=True)) == (0.25, 70, 0, 0)


def test_without_iterations_there_is_no_time_per_iteration():
    assert math.isnan(Cost.of(run(iterations=(10, 0))).seconds_per_iteration)


def test_a_standing_by_hand():
    had = by_name(board(had={0: run(30, 0.4, seconds=(10, 45), memory=(900, 250), state=(0, 3), images=(0, 5),
                                    parameters=150)}))['had']
    # mIoU 20 to 30 is +50 %, AbsErr 0.5 to 0.4 is +20 %
    assert {task: spread.mean for task, spread in had.tasks.items()} == pytest.approx(
        {'segmentation': 50, 'depth': 20})
    assert had.improvements == {0: pytest.approx(35)} and had.improvement.std is None
    assert had.time.mean == pytest.approx(2.25 / 1.5) and had.memory.mean == pytest.approx(2.5)
    assert (had.state_mib.mean, had.stored_images.mean) == (3, 5) and had.parameters.mean == pytest.approx(50)


def test_improvements_are_over_the_mean_of_the_reference_over_the_same_seeds():
    contestants = board(had={0: run(30), 1: run(20, seed=1), 7: run(99, seed=7)})
    contestants[0].runs[1] = run(10, seed=1)
    rows = by_name(contestants)  # vanilla's mIoU of 20 and 10 is 15 on average; AbsErr is 0.5 throughout
    had, vanilla = rows['had'], rows['vanilla']
    assert had.improvements == {0: pytest.approx(50), 1: pytest.approx(50 / 3)}  # half of +100 % and of +33.3 %
    assert had.improvement.mean == pytest.approx(100 / 3)
    assert had.improvement.std == pytest.approx(100 / 3 / math.sqrt(2))
    assert vanilla.improvements == {0: pytest.approx(50 / 3), 1: pytest.approx(-50 / 3)}  # it has a spread, too
    assert had.by_task == {'segmentation': {0: pytest.approx(100), 1: pytest.approx(100 / 3)}, 'depth': {0: 0, 1: 0}}


def test_ranks_leave_upper_bounds_out_and_put_nan_last():
    rows = standings(board(joint_={0: run(50, at_once=True)}, worse={0: run(10)}, same={0: run(30)}, had={0: run(30)},
                           broken={0: run(math.nan)}, absent={5: run(seed=5)}))
    assert [(row.name, row.rank) for row in rows] == [
        ('joint', None), ('same', 1), ('had', 1), ('vanilla', 3), ('worse', 4), ('broken', 5)]


def test_methods_are_ranked_over_the_seeds_that_all_of_them_have_finished():
    contestants = board(late={0: run(24)}, had={0: run(22), 1: run(40)}, joint_={1: run(50)}, absent={})
    assert shared_seeds(contestants) == {0}
    assert [(row.name, row.rank, sorted(row.improvements)) for row in standings(contestants)] == [
        ('joint', None, [1]), ('late', 1, [0]), ('had', 2, [0]), ('vanilla', 3, [0])]


def test_methods_without_a_common_seed_are_not_ranked():
    rows = standings(board(early={0: run(22)}, late={1: run(24)}))
    assert [(row.name, row.rank) for row in rows] == [('late', None), ('early', None), ('vanilla', None)]
