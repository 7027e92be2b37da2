import math

import pytest

from lhl.evaluation import Results
from lhl.visualization.labels import (
    all_metrics,
    all_tasks,
    all_units,
    decimals,
    method_names,
    metric_label,
    number,
    run_names,
    with_unit,
)


def run(method='HAD', seed=0, stream=('depth', ), directions=None, units=None):
    return Results(method, seed, list(stream), 'c.py', 'hash', {}, directions or {}, units or {})


def test_a_run_is_named_by_its_method_then_its_seed_then_its_number():
    assert run_names([run('HAD'), run('EWC')]) == ['HAD', 'EWC']
    assert run_names([run('HAD', 0), run('HAD', 1), run('EWC')]) == ['HAD, seed 0', 'HAD, seed 1', 'EWC']
    assert run_names([run('HAD', 7), run('HAD', 7)]) == ['HAD, seed 7, run 1', 'HAD, seed 7, run 2']


def test_a_given_name_takes_the_place_of_the_method_and_is_told_apart_likewise():
    runs = [run('HAD', 0), run('HAD', 1), run('HAD', 0)]
    assert run_names(runs, ['mine', 'mine', None]) == ['mine, seed 0', 'mine, seed 1', 'HAD']
    assert method_names(runs, ['mine', None, None]) == ['mine', 'HAD', 'HAD']


def test_tasks_and_metrics_are_those_of_any_run_in_the_order_of_the_first_that_has_them():
    first = run(stream=['depth', 'normal'], directions={'depth': {'AbsErr': False}})
    second = run(stream=['edges', 'depth'], directions={'depth': {'rmse': False, 'AbsErr': False}})
    assert all_tasks([first, second]) == ['depth', 'normal', 'edges']
    assert list(all_metrics([first, second], 'depth')) == ['AbsErr', 'rmse']
    assert all_metrics([first, second], 'normal') == {}


def test_a_unit_on_which_runs_disagree_is_not_printed_and_a_run_that_knows_none_has_no_say():
    directions = {'depth': {'AbsErr': False, 'RelErr': False}}
    metres, feet, unknown = (run(directions=directions, units=units) for units in (
        {'depth': {'AbsErr': 'm'}}, {'depth': {'AbsErr': 'ft'}}, {}))
    assert all_units([metres, unknown], 'depth') == {'AbsErr': 'm'}
    assert all_units([metres, feet], 'depth') == {}


def test_a_label_has_the_arrow_to_where_it_is_better_and_its_unit():
    assert metric_label('mIoU', True, '%') == 'mIoU ↑ (%)' and metric_label('RelErr', False, '') == 'RelErr ↓'
    assert with_unit('AbsErr', 'm') == 'AbsErr (m)'


@pytest.mark.parametrize('unit, places', [('%', 2), ('°', 2), ('m', 4), ('', 4)])
def test_percentages_and_degrees_have_two_decimals_and_all_else_four(unit, places):
    assert decimals(unit) == places


@pytest.mark.parametrize('value, sign, text', [
    (1.25, '', '1.2'), (1.25, '+', '+1.2'), (-0.5, '+', '-0.5'), (None, '+', '-'), (math.nan, '+', 'nan')])
def test_a_number_that_was_not_measured_is_a_dash(value, sign, text):
    assert number(value, 1, sign) == text
