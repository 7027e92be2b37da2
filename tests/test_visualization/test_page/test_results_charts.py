"""Charts that are made of results: their numbers by hand, and their colours as the colour-blind see them."""
import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from lhl.evaluation import PhaseResults, Results
from lhl.visualization.page import (
    cost_chart,
    curves_chart,
    forgetting_chart,
    headline,
    improvement_chart,
    matrix_chart,
    separate_chart,
)
from lhl.visualization.page.results_charts import _WORSE_TO_BETTER

DIRECTIONS = {'rooms': {'mIoU': True}, 'depth': {'AbsErr': False}}
UNITS = {'rooms': {'mIoU': '%'}, 'depth': {'AbsErr': 'm'}}


def run(method, *metrics, seed=0):
    """A run of rooms, then depth: the metrics after each phase."""
    results = Results(method, seed, ['rooms', 'depth'], 'c.py', 'hash', {}, DIRECTIONS, UNITS)
    for number, values in enumerate(metrics, start=1):
        results.add_phase(PhaseResults(number, [('rooms', 'depth')[number - 1]], {
            task: {metric: value} for (task, metric), value in zip(
                (('rooms', 'mIoU'), ('depth', 'AbsErr')), values, strict=False)},
            10.0 * number, 5, 100, 7, 0, 0, 'hash', 'c'))
    return results


VANILLA = run('Vanilla', (40.0,), (10.0, 2.0))
HAD = run('HAD', (40.0,), (30.0, 2.2))


def rows_of(chart):
    head, *rows = chart.table
    return [dict(zip(head, row, strict=True)) for row in rows]


def drawn(panel):
    axes = Figure().add_subplot()
    panel.draw(axes)
    return axes


def test_the_matrix_has_the_change_since_each_task_was_learned():
    chart = matrix_chart([VANILLA], ['Vanilla'])
    changes = {(row['task'], row['after phase']): row['change since learned (%, positive is better)']
               for row in rows_of(chart)}
    assert changes == {('rooms', 1): 0, ('rooms', 2): -75, ('depth', 2): 0}
    axes = drawn(chart.panels[0])
    assert [text.get_text() for text in axes.texts] == ['40.00', '10.00', '2.0000']
    assert [label.get_text() for label in axes.get_yticklabels()] == ['rooms  mIoU ↑ (%)', 'depth  AbsErr ↓ (m)']
    colours = [patch.get_facecolor() for patch in axes.patches if patch.get_fill()]
    assert colours == [_WORSE_TO_BETTER(0.5), _WORSE_TO_BETTER(0.0), _WORSE_TO_BETTER(0.5)]
    assert sum(not patch.get_fill() for patch in axes.patches) == 2  # where each task was learned


def test_delta_and_rank_by_phase_are_over_the_tasks_learned_by_then():
    chart = improvement_chart([VANILLA, HAD], ['Vanilla', 'HAD'], [VANILLA])
    found = {(row['run'], row['after phase']): (row['Delta (%)'], row['MR']) for row in rows_of(chart)}
    # At the end rooms is 200 % better and depth 10 % worse; each is first once.
    assert found == {('Vanilla', 1): (0, 1), ('HAD', 1): (0, 1), ('Vanilla', 2): (0, 1.5),
                     ('HAD', 2): (pytest.approx(95), 1.5)}


def test_without_a_reference_of_the_seed_there_is_no_improvement():
    other = run('HAD', (40.0,), (30.0, 2.2), seed=1)
    assert improvement_chart([HAD], ['HAD'], []) is None
    assert improvement_chart([VANILLA], ['Vanilla'], [VANILLA]) is None
    assert improvement_chart([VANILLA, other], ['Vanilla', 'HAD'], [VANILLA]) is None


def test_forgetting_is_positive_where_a_task_is_worse():
    chart = forgetting_chart([VANILLA, HAD], ['Vanilla', 'HAD'])
    assert [row[:] for row in chart.table[1:]] == [['Vanilla', 'rooms', 75], ['HAD', 'rooms', 25]]
    assert [bar.get_width() for bar in drawn(chart.panels[0]).patches] == [75, 25]
    assert forgetting_chart([run('HAD', (40.0,))], ['HAD']) is None


def test_a_small_change_does_not_fill_the_axis():
    small = run('HAD', (40.0,), (39.9, 2.2))
    low, high = drawn(forgetting_chart([small], ['HAD']).panels[0]).get_xlim()
    assert low <= -10 and high >= 10
    low, high = drawn(curves_chart([small], ['HAD']).panels[0]).get_ylim()
    assert high - low >= 40 / 3 and low < 39.9 < 40 < high


def test_separate_models_are_the_base_of_both_panels():
    separate = run('SingleTask', (50.0,), (50.0, 2.0))
    chart = separate_chart([VANILLA, separate], ['Vanilla', 'SingleTask'], [separate])
    assert [row for row in chart.table[1:]] == [['Vanilla', 'rooms', -20, -80], ['Vanilla', 'depth', 0, 0]]
    assert separate_chart([VANILLA], ['Vanilla'], []) is None


def test_cost_is_per_iteration_and_phase():
    assert [(row['phase'], row['ms per iteration']) for row in rows_of(cost_chart([HAD], ['HAD']))] == [
        (1, 2000), (2, 4000)]


def test_the_sentence_has_what_was_lost_and_delta():
    assert headline([VANILLA, HAD], ['Vanilla', 'HAD'], [VANILLA], []) == (
        'rooms and depth were learned one after the other: Vanilla has lost 75.0 % of rooms (mIoU 40.0 % → 10.0 %) at '
        'the end; HAD has lost 25.0 % of rooms (mIoU 40.0 % → 30.0 %) at the end and is 95.0 % better than Vanilla '
        'over all tasks (Δ).')
    gained = run('HAD', (40.0,), (50.0, 2.2))
    assert 'HAD has gained 25.0 % of rooms (mIoU 40.0 % → 50.0 %)' in headline([gained], ['HAD'], [], [])
    assert headline([run('HAD', (40.0,))], ['HAD'], [], []).endswith('HAD has learned 1 of 2 tasks so far.')
    # mIoU gains 2.5 % and PixAcc loses 10 %: what is shown is what was lost.
    mixed = Results('HAD', 0, ['rooms', 'depth'], 'c.py', 'hash', {}, {
        'rooms': {'mIoU': True, 'PixAcc': True}, 'depth': {'AbsErr': False}})
    for number, metrics in enumerate([{'rooms': {'mIoU': 40.0, 'PixAcc': 60.0}},
                                      {'rooms': {'mIoU': 41.0, 'PixAcc': 54.0}, 'depth': {'AbsErr': 1.0}}], start=1):
        mixed.add_phase(PhaseResults(number, [['rooms', 'depth'][number - 1]], metrics, 1, 1, 1, 1, 0, 0, 'hash', 'c'))
    assert 'HAD has lost 3.8 % of rooms (PixAcc 60.0 → 54.0) at the end' in headline([mixed], ['HAD'], [], [])
    stream = [f'task{number}' for number in range(1, 8)]
    long = Results('HAD', 0, stream, 'c.py', 'hash', {}, {task: {'mIoU': True} for task in stream})
    for number, task in enumerate(stream, start=1):
        long.add_phase(PhaseResults(number, [task], {old: {'mIoU': 50.0 - 10 * (old == 'task3') * (number == 7)}
                                                     for old in stream[:number]}, 1, 1, 1, 1, 0, 0, 'hash', 'c'))
    assert headline([long], ['HAD'], [], []) == (
        '7 tasks were learned one after the other: HAD has on average lost 3.3 % of its 6 earlier tasks at the end, at '
        'worst lost 20.0 % of task3 (mIoU 50.0 → 40.0).')
    null = run('HAD', (40.0,), (math.nan, 2.2))
    assert headline([null], ['HAD'], [], []).endswith('HAD was not scored on its earlier tasks.')


# Machado et al. (2009), for linear RGB: what remains of the colours without the cones for red, for green, for blue.
_BLIND = {
    'protanopia': [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    'deuteranopia': [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    'tritanopia': [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]}


@pytest.mark.parametrize('kind', _BLIND)
def test_the_colour_blind_can_tell_worse_from_better_and_both_from_unchanged(kind):
    """In CIELAB a distance of 10 is seen at a glance; these are at least three times as far apart."""
    shown = [np.array(_WORSE_TO_BETTER(place)[:3]) for place in (0.0, 0.5, 1.0)]
    colours = [_lab(np.array(_BLIND[kind]) @ _linear(colour)) for colour in shown]
    distances = [np.linalg.norm(colours[first] - colours[second]) for first, second in ((0, 1), (1, 2), (0, 2))]
    assert min(distances) > 30


def _linear(colour):
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def _lab(linear):
    """Convert linear RGB to CIELAB for the white of D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear.clip(0, 1)
    x, y, z = np.cbrt((xyz / np.array([0.9505, 1.0, 1.089])).clip(1e-6))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
