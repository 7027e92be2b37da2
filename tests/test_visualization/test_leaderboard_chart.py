import math

import cv2
import pytest

from lhl.visualization import Contestant, draw_leaderboard, leaderboard_figure

from .contestants import board, run


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
