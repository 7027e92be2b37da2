import math

import pytest

from lhl.evaluation import PhaseResults, Results
from lhl.visualization import results_table

STREAM = ('segmentation', 'depth')
HIGHER_IS_BETTER = {'segmentation': {'mIoU': True}, 'depth': {'AbsErr': False, 'RelErr': False},
                    'edges': {'odsF': True}}
UNITS = {'segmentation': {'mIoU': '%'}, 'depth': {'AbsErr': 'm'}, 'edges': {'odsF': '%'}}
AFTER = [{'segmentation': {'mIoU': 41.234}},
         {'segmentation': {'mIoU': 38.1}, 'depth': {'AbsErr': 0.51239, 'RelErr': 0.2}}]


def run(method='HAD', seed=0, after=AFTER, stream=STREAM, units=UNITS):
    results = Results(method, seed, list(stream), 'c.py', 'hash', {}, {task: HIGHER_IS_BETTER[task] for task in stream},
                      {task: units[task] for task in stream if task in units})
    for number, metrics in enumerate(after, start=1):
        results.add_phase(PhaseResults(number, [stream[number - 1]], metrics, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
    return results


def test_a_finished_and_an_unfinished_run_as_text():
    assert results_table([run(), run('EWC', after=AFTER[:1])]).splitlines()[:-2] == [
        '                           |            HAD             |            EWC',
        'task          metric       | learned   final  forgotten | learned  final  forgotten',
        '---------------------------+----------------------------+--------------------------',
        'segmentation  mIoU ↑ (%)   |   41.23   38.10      +3.13 |   41.23      -          -',
        'depth         AbsErr ↓ (m) |  0.5124  0.5124          - |       -      -          -',
        '              RelErr ↓     |  0.2000  0.2000          - |       -      -          -']


def test_the_same_as_markdown():
    assert results_table([run()], format='markdown').splitlines()[:-2] == [
        '| task | metric | HAD: learned | HAD: final | HAD: forgotten |',
        '| --- | --- | ---: | ---: | ---: |',
        '| segmentation | mIoU ↑ (%) | 41.23 | 38.10 | +3.13 |',
        '| depth | AbsErr ↓ (m) | 0.5124 | 0.5124 | - |',
        '| depth | RelErr ↓ | 0.2000 | 0.2000 | - |']


def labels_and_final(runs):
    """The cells ``metric`` and ``final`` of the first run, row by row."""
    rows = [line.split(' | ') for line in results_table(runs, 'markdown').splitlines()[2:-2]]
    return [(row[1], row[3]) for row in rows]


def test_one_metric_of_two_tasks_has_the_unit_of_each():
    directions = {name: {'rmse': False} for name in ('depth', 'normal', 'edge_texture')}
    results = Results('HAD', 0, list(directions), 'c.py', 'hash', {}, directions,
                      {'depth': {'rmse': 'm'}, 'normal': {'rmse': '°'}, 'edge_texture': {}})
    results.add_phase(PhaseResults(1, list(directions), {name: {'rmse': 1.25} for name in directions}, 1, 1, 1, 1, 0, 0,
                                   'hash', 'phase.pth'))
    assert labels_and_final([results]) == [('rmse ↓ (m)', '1.2500'), ('rmse ↓ (°)', '1.25'), ('rmse ↓', '1.2500')]


def test_a_run_that_knows_no_units_is_printed_without():
    assert labels_and_final([run(units={})]) == [('mIoU ↑', '38.1000'), ('AbsErr ↓', '0.5124'), ('RelErr ↓', '0.2000')]


def test_a_run_that_knows_no_units_takes_those_of_the_others():
    both = labels_and_final([run(units={}), run('EWC')])
    assert both == [('mIoU ↑ (%)', '38.10'), ('AbsErr ↓ (m)', '0.5124'), ('RelErr ↓', '0.2000')]


def test_a_unit_on_which_runs_disagree_is_not_printed():
    assert labels_and_final([run(), run('EWC', units={**UNITS, 'depth': {}})])[1] == ('AbsErr ↓', '0.5124')


@pytest.mark.parametrize('format', ['text', 'markdown'])
def test_the_last_line_explains_the_columns(format):
    legend = results_table([run()], format).splitlines()[-1]
    for column in ('learned:', 'final:', 'forgotten:', '-:'):
        assert column in legend


@pytest.mark.parametrize('names', [['HAD', 'HAD'], ['HAD, a method with a long name that is wider than its columns']])
def test_every_line_of_the_text_has_its_columns_in_the_same_place(names):
    lines = results_table([run(name, seed) for seed, name in enumerate(names)]).splitlines()[:-2]
    bars = [[index for index, character in enumerate(line) if character in '|+' and line[index - 1] in ' -'
             and line[index + 1] in ' -'] for line in lines]
    assert all(place == bars[0] for place in bars) and len(bars[0]) == len(names)


def test_runs_of_one_method_are_told_apart_by_seed_and_then_by_number():
    header = results_table([run(), run(seed=1), run('EWC'), run('EWC')]).splitlines()[0]
    assert [name.strip() for name in header.split('|')[1:]] == [
        'HAD, seed 0', 'HAD, seed 1', 'EWC, seed 0, run 3', 'EWC, seed 0, run 4']


def test_tasks_that_only_some_streams_have_get_a_row_each():
    other = run('EWC', stream=('depth', 'edges'), after=[{'depth': {'AbsErr': 1, 'RelErr': 2}}])
    rows = [line.split('|') for line in results_table([run(), other], 'markdown').splitlines()[2:-2]]
    assert [row[1].strip() for row in rows] == ['segmentation', 'depth', 'depth', 'edges']
    assert [cell.strip() for cell in rows[3][3:9]] == ['-'] * 6


def test_a_run_without_any_phase_is_all_dashes():
    rows = results_table([run(after=[])], 'markdown').splitlines()[2:-2]
    assert all(row.endswith('| - | - | - |') for row in rows) and len(rows) == 3


def test_nan_is_shown_as_nan():
    after = [{'segmentation': {'mIoU': math.nan}}, AFTER[1]]
    assert '| nan | 38.10 | nan |' in results_table([run(after=after)], 'markdown')


def test_a_bar_in_a_name_does_not_break_the_markdown():
    header = results_table([run('a|b')], 'markdown').splitlines()[0]
    assert header.count(r'a\|b') == 3


def test_no_run_and_no_such_format_are_refused():
    with pytest.raises(ValueError, match='at least one run'):
        results_table([])
    with pytest.raises(ValueError, match="found format='html', expected 'text' or 'markdown'"):
        results_table([run()], format='html')


def test_accuracies_that_tasks_have_in_common_are_averaged_below():
    # A: (60 + 80) / 2; F: ((90 - 60) + (80 - 80)) / 2
    names, metrics = ('a', 'b', 'c'), {'class_il': True}
    results = Results('HCL', 0, list(names), 'c.py', 'hash', {}, {
        **dict.fromkeys(names, metrics), 'c': {'AbsErr': False}}, {name: {'class_il': '%'} for name in names[:2]})
    for number, values in enumerate([{'a': 70.}, {'a': 90., 'b': 80.}, {'a': 60., 'b': 80.}], start=1):
        scores = {name: {'class_il': value} for name, value in values.items()}
        if number == 3:
            assert 'A and F' in results_table([results]) and '|       -' in results_table([results]).splitlines()[-3]
        results.add_phase(PhaseResults(number, [names[number - 1]], scores, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
    *_, last, _, legend = results_table([results]).splitlines()
    assert last.split() == ['A', 'and', 'F', 'class_il', '↑', '(%)', '|', '-', '70.00', '+15.00']
    assert 'A and F: the mean of all tasks, and that of how far each earlier one is below its highest' in legend


def test_a_task_that_was_not_scored_leaves_no_average():
    results = Results('HCL', 0, ['a', 'b'], 'c.py', 'hash', {}, dict.fromkeys('ab', {'class_il': True}), {})
    for number, name in enumerate('ab', start=1):
        results.add_phase(PhaseResults(number, [name], {'a': {'class_il': 1.}}, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
    assert results_table([results]).splitlines()[-3].split('|')[1].split() == ['-', '-', '-']
