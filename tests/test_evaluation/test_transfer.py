import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.errors import ConfigError, RunError
from lhl.evaluation import (
    PhaseResults,
    Results,
    backward_transfer,
    forgetting,
    parameter_overhead,
    plasticity,
    relative_forgetting,
)

HIGHER_IS_BETTER = {'segmentation': {'mIoU': True}, 'depth': {'AbsErr': False}, 'normal': {'mean': False}}
VALUES = st.floats(0.01, 1000)


def run(*after_each_phase, stream=('segmentation', 'depth', 'normal'), tasks=None, method='HAD', parameters=100):
    """Results with one metric per task: ``dict(segmentation=40.0)`` after phase 1, and so on.

    ``tasks`` are those of each phase, one after the other unless given; every phase adds ``parameters`` per task.
    """
    tasks = tasks or [[task] for task in stream]
    results = Results(method, 0, list(stream), 'had.py', 'hash', {}, {task: HIGHER_IS_BETTER[task] for task in stream})
    for number, values in enumerate(after_each_phase, start=1):
        metrics = {task: {next(iter(HIGHER_IS_BETTER[task])): value} for task, value in values.items()}
        learned = len(results.learned_tasks) + len(tasks[number - 1])
        results.add_phase(PhaseResults(
            phase=number, tasks=tasks[number - 1], metrics=metrics, seconds=1, iterations=1, peak_memory_mib=1,
            parameters=parameters * learned, method_state_mib=0, stored_images=0, weights_sha256='hash',
            checkpoint='phase.pth'))
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


def test_tasks_that_were_learned_together_all_count_as_old_afterwards():
    results = run(dict(segmentation=40, depth=0.5), dict(segmentation=30, depth=0.4, normal=20),
                  tasks=[['segmentation', 'depth'], ['normal']])
    assert forgetting(results) == {'segmentation': {'mIoU': 10}, 'depth': {'AbsErr': pytest.approx(-0.1)}}


def test_joint_training_of_all_tasks_forgets_nothing():
    results = run(dict(segmentation=40, depth=0.5, normal=20), tasks=[['segmentation', 'depth', 'normal']])
    assert results.finished
    assert forgetting(results) == forgetting(results, 'best') == backward_transfer(results) == {}


def test_against_the_best_it_is_measured_from_the_best_earlier_phase_in_either_direction():
    results = run(dict(segmentation=40), dict(segmentation=50, depth=0.5), dict(segmentation=30, depth=0.6, normal=20))
    assert forgetting(results, against='best') == {'segmentation': {'mIoU': 20},
                                                   'depth': {'AbsErr': pytest.approx(0.1)}}
    assert relative_forgetting(results, against='best')['segmentation']['mIoU'] == 40

    lower = run(dict(depth=0.5), dict(depth=0.25, segmentation=1), dict(depth=0.75, segmentation=1, normal=20),
                stream=('depth', 'segmentation', 'normal'))
    assert forgetting(lower, against='best')['depth']['AbsErr'] == 0.5
    assert relative_forgetting(lower, against='best')['depth']['AbsErr'] == 200


def test_the_last_phase_is_not_among_the_best():
    results = run(dict(segmentation=40), dict(segmentation=45, depth=1), dict(segmentation=50, depth=1, normal=20))
    assert forgetting(results, against='best')['segmentation']['mIoU'] == -5


def test_a_phase_that_gave_nan_is_not_the_best_unless_all_did():
    results = run(dict(segmentation=math.nan), dict(segmentation=40, depth=math.nan),
                  dict(segmentation=30, depth=0.6, normal=20))
    assert forgetting(results, against='best')['segmentation']['mIoU'] == 10
    assert math.isnan(forgetting(results, against='best')['depth']['AbsErr'])
    assert math.isnan(forgetting(results)['segmentation']['mIoU'])


@given(st.lists(VALUES, min_size=3, max_size=3), st.lists(VALUES, min_size=2, max_size=2))
def test_forgetting_from_the_best_is_never_smaller(miou, abserr):
    results = run(dict(segmentation=miou[0]), dict(segmentation=miou[1], depth=abserr[0]),
                  dict(segmentation=miou[2], depth=abserr[1], normal=20))
    learned, best = forgetting(results), forgetting(results, against='best')
    assert best['segmentation']['mIoU'] == max(learned['segmentation']['mIoU'], miou[1] - miou[2])
    assert best['depth'] == learned['depth']


def test_an_unknown_kind_of_forgetting_is_refused():
    for measure in (forgetting, relative_forgetting):
        with pytest.raises(ConfigError, match="against='max', expected 'learned' or 'best'"):
            measure(run(dict(segmentation=40)), against='max')


def test_backward_transfer_is_positive_where_later_tasks_helped():
    results = run(dict(segmentation=40), dict(segmentation=42, depth=0.5), dict(segmentation=44, depth=0.75, normal=20))
    assert backward_transfer(results) == {'segmentation': {'mIoU': 4}, 'depth': {'AbsErr': -0.25}}


def test_no_change_is_plus_zero_in_every_direction_so_that_it_prints_without_a_minus():
    results = run(dict(segmentation=40), dict(segmentation=40, depth=0.5), dict(segmentation=40, depth=0.5, normal=20))
    for measure in (forgetting, relative_forgetting, backward_transfer):
        for task in ('segmentation', 'depth'):
            assert [f'{value:+.1f}' for value in measure(results)[task].values()] == ['+0.0']


def test_plasticity_compares_each_task_when_learned_with_a_model_of_its_own():
    results = run(dict(segmentation=44), dict(segmentation=1, depth=0.5), dict(segmentation=1, depth=9, normal=30))
    separate = run(dict(segmentation=40), dict(segmentation=40, depth=0.4), dict(segmentation=40, depth=0.4, normal=40))
    assert plasticity(results, separate) == {'segmentation': {'mIoU': pytest.approx(10)},
                                             'depth': {'AbsErr': pytest.approx(-25)}, 'normal': {'mean': 25}}


def test_plasticity_is_there_for_the_tasks_that_are_learned_already():
    separate = run(dict(segmentation=40), dict(depth=0.4), dict(normal=40))
    assert plasticity(run(dict(segmentation=50)), separate) == {'segmentation': {'mIoU': 25}}


def test_the_order_of_the_separate_models_does_not_matter():
    separate = run(dict(depth=0.5), dict(segmentation=40), stream=('depth', 'segmentation'))
    results = run(dict(segmentation=30), dict(depth=0.25), stream=('segmentation', 'depth'))
    assert plasticity(results, separate) == {'segmentation': {'mIoU': -25}, 'depth': {'AbsErr': 50}}


def test_plasticity_against_a_failed_model_is_nan():
    results = run(dict(segmentation=30), dict(depth=0.25), stream=('segmentation', 'depth'))
    separate = run(dict(segmentation=0), dict(depth=math.nan), stream=('segmentation', 'depth'))
    assert all(math.isnan(value) for values in plasticity(results, separate).values() for value in values.values())


def test_plasticity_names_the_run_and_the_task_that_was_not_scored():
    results = run(dict(segmentation=30), dict(segmentation=30, depth=0.25))
    with pytest.raises(RunError, match="the run of Single has no task 'depth', only segmentation"):
        plasticity(results, run(dict(segmentation=40), method='Single'))
    with pytest.raises(RunError, match="the run of HAD has no task 'depth'"):
        plasticity(run(dict(segmentation=40), dict(segmentation=40)), results)


def test_parameter_overhead_counts_from_the_reference():
    one, other = (run(dict(depth=1), stream=('depth',), parameters=parameters) for parameters in (150, 200))
    assert parameter_overhead(one, other) == -25
    assert parameter_overhead(other, one) == pytest.approx(100 / 3)
    assert parameter_overhead(one, one) == 0


def test_ten_separate_resnets_have_the_overhead_that_the_paper_gives():
    backbone = 11_176_512  # ResNet-18 without its classifier
    heads = 10 * 4_722_176 + 257 * (8 + 1 + 3 + 1 + 1 + 1 + 1 + 1 + 2 + 1)  # ASPP, and output channels of Table 5
    separate, shared = (run(dict(depth=1), stream=('depth',), parameters=backbones * backbone + heads)
                        for backbones in (10, 1))
    assert parameter_overhead(separate, shared) == pytest.approx(172.23, abs=0.005)


def test_parameters_are_compared_at_the_end_of_the_stream():
    one = run(dict(segmentation=40), dict(depth=1), stream=('segmentation', 'depth'), parameters=1)
    two = run(dict(segmentation=40, depth=1), stream=('depth', 'segmentation'), tasks=[['depth', 'segmentation']],
              parameters=2)
    assert parameter_overhead(two, one) == 100


def test_a_reference_without_parameters_has_no_overhead():
    one, none = (run(dict(depth=1), stream=('depth',), parameters=parameters) for parameters in (150, 0))
    assert math.isnan(parameter_overhead(one, none))


def test_parameters_of_an_unfinished_run_are_not_compared():
    finished = run(dict(segmentation=40), dict(depth=1), stream=('segmentation', 'depth'))
    unfinished = run(dict(segmentation=40), stream=('segmentation', 'depth'), method='EWC')
    for pair in ((finished, unfinished), (unfinished, finished)):
        with pytest.raises(RunError, match='the run of EWC has learned 1 of 2 tasks.*resume=True'):
            parameter_overhead(*pair)


def test_parameters_of_different_tasks_are_not_compared():
    with pytest.raises(RunError, match='HAD serves depth, but that of EWC normal'):
        parameter_overhead(run(dict(depth=1), stream=('depth',)), run(dict(normal=1), stream=('normal',), method='EWC'))
