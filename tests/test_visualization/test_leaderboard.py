import csv
import io
import math

import cv2
import pytest

from lhl.evaluation import PhaseResults, Results
from lhl.visualization import Contestant, Cost, draw_leaderboard, leaderboard_csv, leaderboard_figure, leaderboard_table
from lhl.visualization.leaderboard import shared_seeds, standings

STREAM = ('segmentation', 'depth')
DIRECTIONS = {'segmentation': {'mIoU': True}, 'depth': {'AbsErr': False}}


def run(miou=20.0, error=0.5, seconds=(10, 30), iterations=(10, 20), memory=(900, 100), state=(0, 0), images=(0, 0),
        parameters=100, seed=0, at_once=False):
    results = Results('Method', seed, list(STREAM), 'c.py', 'hash', {}, DIRECTIONS)
    phases = [list(STREAM)] if at_once else [[task] for task in STREAM]
    for index, tasks in enumerate(phases):
        metrics = {'segmentation': {'mIoU': miou}, 'depth': {'AbsErr': error}}
        results.add_phase(PhaseResults(
            index + 1, tasks, {task: metrics[task] for task in (STREAM if at_once else STREAM[:index + 1])},
            seconds[index], iterations[index], memory[index], parameters, state[index], images[index], 'w', 'c'))
    return results


def board(**others):
    """The reference, and methods given by the name of their role: a trailing underscore marks an upper bound."""
    return [Contestant('vanilla', 'reference', {0: run(), 1: run(seed=1)}),
            *(Contestant(name.rstrip('_'), 'upper bound' if name.endswith('_') else 'method', runs)
              for name, runs in others.items())]


def by_name(contestants):
    return {row.name: row for row in standings(contestants)}


# ---- numbers -------------------------------------------------------------------------------------------------------

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


def test_seeds_are_paired_and_then_averaged():
    contestants = board(had={0: run(30), 1: run(20, seed=1), 7: run(99, seed=7)})
    contestants[0].runs[1] = run(10, seed=1)
    had = by_name(contestants)['had']
    assert had.improvements == {0: pytest.approx(25), 1: pytest.approx(50)}  # half of +50 % and of +100 %
    assert had.improvement.mean == pytest.approx(37.5)
    assert had.improvement.std == pytest.approx(25 / math.sqrt(2))


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


# ---- the table and the numbers -------------------------------------------------------------------------------------

def test_the_table():
    lines = leaderboard_table(board(joint_={0: run(40, at_once=True, seconds=(60, ), iterations=(20, ))},
                                    had={0: run(30, seconds=(10, 45)), 1: run(20, seed=1)})).splitlines()
    assert lines[:-2] == [
        '| rank | method | seeds | Δ ↑ (%) | segmentation ↑ (%) | depth ↑ (%) | time ↓ | memory ↓ | state ↓ (MiB) | '
        'images ↓ | parameters ↓ (%) |',
        '| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
        '|  | joint † | 1 | +50.00 | +100.00 | +0.00 | 2.00 x | 9.00 x | 0.0 | 0 | +0.0 |',
        '| 1 | had | 2 | +12.50 ± 17.68 | +25.00 ± 35.36 | +0.00 ± 0.00 | 1.25 ± 0.35 x | 1.00 ± 0.00 x | 0.0 | 0 | '
        '+0.0 |',
        '| 2 | vanilla | 2 | +0.00 ± 0.00 | +0.00 ± 0.00 | +0.00 ± 0.00 | 1.00 ± 0.00 x | 1.00 ± 0.00 x | 0.0 | 0 | '
        '+0.0 |']
    assert 'improvement over vanilla' in lines[-1]


def test_without_the_reference_there_is_no_table():
    contestants = [Contestant('vanilla', 'reference'), Contestant('had', 'method', {0: run()})]
    assert leaderboard_table(contestants) == 'No run can be compared with the reference yet.'


def test_the_bare_numbers_have_a_line_per_run():
    text = leaderboard_csv({'r18': board(had={0: run(30), 5: run(31, seed=5)})})
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row['group'], row['method'], row['role'], row['seed']) for row in rows] == [
        ('r18', 'vanilla', 'reference', '0'), ('r18', 'vanilla', 'reference', '1'), ('r18', 'had', 'method', '0'),
        ('r18', 'had', 'method', '5')]
    had, unpaired = rows[2:]
    assert float(had['Delta']) == pytest.approx(25) and float(had['Delta segmentation']) == pytest.approx(50)
    assert (float(had['segmentation/mIoU']), float(had['depth/AbsErr'])) == (30, 0.5)
    assert (float(had['seconds per iteration']), float(had['time'])) == (1.5, 1)
    assert (unpaired['Delta'], unpaired['time'], unpaired['segmentation/mIoU']) == ('', '', '31.0')


def test_nothing_finished_is_a_header():
    assert len(leaderboard_csv({'': [Contestant('vanilla', 'reference')]}).splitlines()) == 1


# ---- the picture ---------------------------------------------------------------------------------------------------

def bars(panel):
    return [patch.get_width() for patch in panel.patches]


def dots(panel):
    return sorted((round(line.get_ydata()[0]), round(float(value), 6)) for line in panel.lines
                  if line.get_marker() not in (None, 'None', '') for value in line.get_xdata())


def test_bars_are_means_and_dots_are_seeds_in_the_order_of_the_ranks():
    figure = leaderboard_figure({'': board(worse={0: run(10), 1: run(10)}, had={0: run(30), 1: run(22, seed=1)})})
    overall, by_task = figure.axes
    assert [label.get_text().split() for label in overall.get_yticklabels()] == [
        ['had', '1'], ['vanilla', '2'], ['worse', '3']]
    assert bars(overall) == pytest.approx([15, 0, -25])
    assert dots(overall) == [(0, 5.0), (0, 25.0), (1, 0.0), (1, 0.0), (2, -25.0), (2, -25.0)]
    assert dots(by_task) == [(0, 0.0), (0, 30.0), (1, 0.0), (1, 0.0), (2, -50.0), (2, 0.0)]
    assert overall.get_ylim()[0] > overall.get_ylim()[1]  # the best on top
    assert [text.get_text() for text in overall.texts] == ['+15.0', '+0.0', '-25.0']


def test_what_is_far_below_zero_is_cut_off_but_written():
    overall, by_task = leaderboard_figure({'': board(worse={0: run(20, 3.0)})}).axes
    assert bars(overall) == pytest.approx([0, -100]) and overall.texts[-1].get_text() == '-250.0'
    assert min(value for _, value in dots(by_task)) == -100
    assert by_task.get_xscale() == 'linear'


def test_large_improvements_of_a_task_make_its_axis_logarithmic_and_say_so():
    _, by_task = leaderboard_figure({'': board(had={0: run(80)})}).axes
    assert by_task.get_xscale() == 'symlog' and 'logarithmic beyond ±10' in by_task.get_xlabel()


def test_every_group_has_a_row_of_panels_and_there_is_one_legend():
    figure = leaderboard_figure({'r18': board(had={0: run(30), 1: run(31)}),
                                 'r50': board(joint_={0: run(30, at_once=True)}),
                                 'later': [Contestant('vanilla', 'reference')]})
    assert len(figure.axes) == 4 and len(figure.legends) == 1
    assert [part.get_suptitle() for part in figure.subfigs] == ['r18', 'r50']
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        'method', 'upper bound †, not ranked', 'one seed', 'segmentation', 'depth']


def test_nan_and_no_results_can_be_drawn(tmp_path):
    for name, contestants in (('nan', board(broken={0: run(math.nan)})), ('none', [Contestant('v', 'reference')])):
        draw_leaderboard({'': contestants}, tmp_path / f'{name}.png')
        assert cv2.imread(str(tmp_path / f'{name}.png')).std() > 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ['nan.png', 'none.png']
