import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.evaluation import PhaseResults, Results, forgetting, relative_forgetting

HIGHER_IS_BETTER = {'segmentation': {'mIoU': True}, 'depth': {'AbsErr': False}, 'normal': {'mean': False}}


def run(*after_each_phase, stream=('segmentation', 'depth', 'normal')):
    """Results with one metric per task: ``dict(segmentation=40.0)`` after phase 1, and so on."""
    results = Results('HAD', 0, list(stream), 'had.py', 'hash', {}, {task: HIGHER_IS_BETTER[task] for task in stream})
    for number, values in enumerate(after_each_phase, start=1):
        metrics = {task: {next(iter(HIGHER_IS_BETTER[task])): value} for task, value in values.items()}
        results.add_phase(PhaseResults(number, stream[number - 1], metrics, 1, 1, 'hash', 'phase.pth'))
    return results


def test_forgetting_is_positive_where_the_end_is_worse_in_either_direction():
    results = run(dict(segmentation=40), dict(segmentation=50, depth=0.5), dict(segmentation=30, depth=0.6, normal=20))
    assert forgetting(results) == {'segmentation': {'mIoU': 10}, 'depth': {'AbsErr': pytest.approx(0.1)}}
    assert relative_forgetting(results) == {'segmentation': {'mIoU': 25}, 'depth': {'AbsErr': pytest.approx(20)}}


def test_a_task_that_got_better_has_negative_forgetting():
    results = run(dict(segmentation=40), dict(segmentation=42, depth=0.5), dict(segmentation=44, depth=0.4, normal=20))
    assert forgetting(results)['segmentation']['mIoU'] == -4
    assert relative_forgetting(results)['depth']['AbsErr'] == pytest.approx(-20)


def test_it_is_measured_from_when_the_task_was_learned_and_not_from_its_best():
    results = run(dict(segmentation=40), dict(segmentation=90, depth=0.5), dict(segmentation=40, depth=0.5, normal=20))
    assert forgetting(results)['segmentation']['mIoU'] == 0


def test_an_unfinished_run_has_none_yet():
    results = run(dict(segmentation=40), dict(segmentation=30, depth=0.5))
    assert forgetting(results) == relative_forgetting(results) == {}


def test_a_stream_of_one_task_forgets_nothing():
    assert forgetting(run(dict(segmentation=40), stream=('segmentation',))) == {}


def test_a_task_that_was_not_scored_at_the_end_is_left_out():
    results = run(dict(segmentation=40), dict(depth=0.5), dict(depth=0.75, normal=20))
    assert forgetting(results) == {'depth': {'AbsErr': 0.25}}


def test_a_value_of_zero_has_no_relative_forgetting():
    results = run(dict(segmentation=0), dict(segmentation=1, depth=0.5), stream=('segmentation', 'depth'))
    assert forgetting(results)['segmentation']['mIoU'] == -1
    assert math.isnan(relative_forgetting(results)['segmentation']['mIoU'])


def test_nan_stays_nan():
    results = run(dict(segmentation=math.nan), dict(segmentation=1, depth=0.5), stream=('segmentation', 'depth'))
    assert math.isnan(forgetting(results)['segmentation']['mIoU'])
    assert math.isnan(relative_forgetting(results)['segmentation']['mIoU'])


@given(learned=st.floats(1, 100), final=st.floats(1, 100), scale=st.floats(0.01, 100))
def test_relative_forgetting_does_not_depend_on_the_unit(learned, final, scale):
    def relative(unit):
        results = run(dict(depth=learned * unit), dict(depth=final * unit, normal=20), stream=('depth', 'normal'))
        return relative_forgetting(results)['depth']['AbsErr']

    assert relative(scale) == pytest.approx(relative(1), rel=1e-9, abs=1e-9)
    assert (relative(1) > 0) == (final > learned)
