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
    mean_rank,
    multi_task_delta,
    parameter_overhead,
    plasticity,
    relative_forgetting,
    relative_improvement,
    task_improvements,
)

HIGHER_IS_BETTER = {'segmentation': {'mIoU': True}, 'depth': {'AbsErr': False}, 'normal': {'mean': False}}
TWO_TASKS = {'segmentation': {'mIoU': True, 'PixAcc': True}, 'depth': {'AbsErr': False}}


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


def scores(miou, pixacc, abserr):
    return {'segmentation': {'mIoU': miou, 'PixAcc': pixacc}, 'depth': {'AbsErr': abserr}}


VALUES = st.floats(0.01, 1000)
SCORES = st.builds(scores, VALUES, VALUES, VALUES)


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
    assert f'{relative_improvement(scores(1, 1, 1), scores(1, 1, 1), TWO_TASKS):+.1f}' == '+0.0'


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
    encoder = 11_176_512  # ResNet-18 without its classifier
    heads = 10 * 4_722_176 + 257 * (8 + 1 + 3 + 1 + 1 + 1 + 1 + 1 + 2 + 1)  # ASPP, and output channels of Table 5
    separate, shared = (run(dict(depth=1), stream=('depth',), parameters=encoders * encoder + heads)
                        for encoders in (10, 1))
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


def test_improvement_averages_metrics_within_tasks_and_then_tasks():
    reference, method = scores(40, 80, 0.5), scores(50, 84, 0.4)  # +25 % and +5 %; +20 %
    assert task_improvements(method, reference, TWO_TASKS) == {'segmentation': pytest.approx(15),
                                                               'depth': pytest.approx(20)}
    assert relative_improvement(method, reference, TWO_TASKS) == pytest.approx(17.5)


@given(SCORES)
def test_nothing_is_better_than_itself(reference):
    assert relative_improvement(reference, reference, TWO_TASKS) == 0


@given(SCORES, SCORES)
def test_the_improvement_changes_its_sign_with_every_direction(method, reference):
    opposite = {task: {metric: not better for metric, better in directions.items()}
                for task, directions in TWO_TASKS.items()}
    assert relative_improvement(method, reference, opposite) == -relative_improvement(method, reference, TWO_TASKS)


@given(SCORES, SCORES, st.floats(0.01, 100))
def test_the_improvement_does_not_depend_on_a_unit(method, reference, unit):
    other = [{**row, 'depth': {'AbsErr': row['depth']['AbsErr'] * unit}} for row in (method, reference)]
    assert relative_improvement(*other, TWO_TASKS) == pytest.approx(
        relative_improvement(method, reference, TWO_TASKS), rel=1e-9, abs=1e-7)


@given(SCORES, SCORES)
def test_the_improvement_is_the_mean_of_the_tasks(method, reference):
    of_tasks = task_improvements(method, reference, TWO_TASKS)
    assert relative_improvement(method, reference, TWO_TASKS) == sum(of_tasks.values()) / 2
    for task in TWO_TASKS:
        assert relative_improvement(method, reference, {task: TWO_TASKS[task]}) == of_tasks[task]


def test_better_is_positive_for_a_reference_below_zero_too():
    directions = {'a': {'likelihood': True}}
    assert relative_improvement({'a': {'likelihood': -1}}, {'a': {'likelihood': -2}}, directions) == 50


@pytest.mark.parametrize('method, reference', [
    (scores(math.nan, 80, 0.5), scores(40, 80, 0.5)), (scores(40, 80, 0.5), scores(40, math.nan, 0.5)),
    (scores(40, 80, 0.5), scores(0, 80, 0.5)), (scores(0, 80, 0.5), scores(0, 80, 0.5))])
def test_nan_and_a_reference_of_zero_make_the_task_and_the_whole_nan(method, reference):
    of_tasks = task_improvements(method, reference, TWO_TASKS)
    assert math.isnan(of_tasks['segmentation']) and of_tasks['depth'] == 0
    assert math.isnan(relative_improvement(method, reference, TWO_TASKS))


def test_what_is_missing_is_named_and_not_averaged_away():
    full = scores(40, 80, 0.5)
    without_task, without_metric = {'segmentation': full['segmentation']}, {**full, 'segmentation': {'mIoU': 40}}
    with pytest.raises(RunError, match="the method has no task 'depth', only segmentation"):
        task_improvements(without_task, full, TWO_TASKS)
    with pytest.raises(RunError, match="the reference has no task 'depth', only segmentation"):
        relative_improvement(full, without_task, TWO_TASKS)
    with pytest.raises(RunError, match="the method has no 'PixAcc' of task 'segmentation', only mIoU"):
        relative_improvement(without_metric, full, TWO_TASKS)
    with pytest.raises(RunError, match="EWC has no 'PixAcc' of task 'segmentation', only mIoU"):
        mean_rank({'HAD': full, 'EWC': without_metric}, TWO_TASKS)
    with pytest.raises(RunError, match="EWC has no task 'depth', only segmentation"):
        mean_rank({'HAD': full, 'EWC': without_task}, TWO_TASKS)


def test_what_is_not_compared_may_be_there():
    method, reference = {**scores(50, 80, 0.5), 'normal': {'mean': 1}}, scores(40, 80, 0.5)
    assert task_improvements(method, reference, {'segmentation': {'mIoU': True}}) == {'segmentation': 25}
    assert mean_rank({'a': method, 'b': reference}, {'segmentation': {'mIoU': True}}) == {'a': 1, 'b': 2}


def test_a_comparison_needs_a_metric():
    full = scores(40, 80, 0.5)
    for directions, where in (({}, 'of any task'), ({**TWO_TASKS, 'depth': {}}, 'of task depth')):
        with pytest.raises(RunError, match=f'found no metric {where}'):
            relative_improvement(full, full, directions)
        with pytest.raises(RunError, match=f'found no metric {where}'):
            mean_rank({'HAD': full}, directions)


def test_an_unknown_compatibility_is_answered_with_the_known_one():
    full = scores(40, 80, 0.5)
    with pytest.raises(ConfigError, match="compatibility='printed', .* known: had_nyuv2_printed"):
        relative_improvement(full, full, TWO_TASKS, compatibility='printed')


def test_the_compatibility_is_refused_where_it_would_do_nothing():
    full = scores(40, 80, 0.5)
    with pytest.raises(ConfigError, match="turns the sign of task 'normal', but the compared tasks are segmentation"):
        relative_improvement(full, full, TWO_TASKS, compatibility='had_nyuv2_printed')


def test_the_compatibility_turns_the_normals_alone():
    directions = {'depth': {'AbsErr': False}, 'normal': {'mean': False, 'within_30': True}}
    method = {'depth': {'AbsErr': 0.5}, 'normal': {'mean': 15, 'within_30': 55}}
    reference = {'depth': {'AbsErr': 1}, 'normal': {'mean': 20, 'within_30': 50}}
    assert relative_improvement(method, reference, directions) == pytest.approx((50 + 17.5) / 2)
    assert relative_improvement(method, reference, directions, 'had_nyuv2_printed') == pytest.approx((50 - 17.5) / 2)


NYUD_DIRECTIONS = {'segmentation': {'mIoU': True, 'PixAcc': True}, 'depth': {'rmse': False, 'AbsErr': False},
                   'normal': {'mean': False}, 'boundary': {'odsF': True}}
NYUD_CHOSEN = {'segmentation': 'mIoU', 'depth': 'rmse', 'normal': 'mean', 'boundary': 'odsF'}


def nyud(miou, rmse, mean, odsf):
    return {'segmentation': {'mIoU': miou}, 'depth': {'rmse': rmse}, 'normal': {'mean': mean},
            'boundary': {'odsF': odsf}}


def test_delta_m_by_hand():
    # +10 %, and 20 % less of an error; the other metrics and tasks do not count.
    metrics = {'segmentation': {'mIoU': 44.0, 'PixAcc': 1.0}, 'depth': {'rmse': 0.4, 'AbsErr': 9.0}, 'normal': {}}
    single = {'segmentation': {'mIoU': 40.0, 'PixAcc': 99.0}, 'depth': {'rmse': 0.5, 'AbsErr': 0.1}}
    chosen = {'segmentation': 'mIoU', 'depth': 'rmse'}
    assert multi_task_delta(metrics, single, NYUD_DIRECTIONS, chosen) == pytest.approx((10 + 20) / 2)
    assert multi_task_delta(single, metrics, NYUD_DIRECTIONS, chosen) == pytest.approx((-100 / 11 - 25) / 2)


@pytest.mark.parametrize('row, delta, printed', [
    # (-2.0850 - 4.2901 - 1.0984 - 0.3886) / 4 and (1.0016 + 2.8256 + 1.6237 + 0.1295) / 4.
    (nyud(47.90, 0.6053, 21.17, 76.90), -1.9655, -1.96),
    (nyud(49.41, 0.564, 20.60, 77.3), 1.3951, 1.38),
])
def test_delta_m_gives_the_swin_s_rows_of_kdam(row, delta, printed):
    single = nyud(48.92, 0.5804, 20.94, 77.20)
    value = multi_task_delta(row, single, NYUD_DIRECTIONS, NYUD_CHOSEN)
    assert value == pytest.approx(delta, abs=1e-4)
    assert value == pytest.approx(printed, abs=0.02)  # the table's metrics are rounded, too
    assert multi_task_delta(single, single, NYUD_DIRECTIONS, NYUD_CHOSEN) == 0


@given(SCORES, SCORES)
def test_delta_m_of_tasks_with_one_metric_is_the_relative_improvement(method, reference):
    directions = {'segmentation': {'PixAcc': True}, 'depth': {'AbsErr': False}}
    chosen = {'segmentation': 'PixAcc', 'depth': 'AbsErr'}
    assert multi_task_delta(method, reference, TWO_TASKS, chosen) == relative_improvement(method, reference, directions)


def test_delta_m_names_what_is_chosen_but_unknown_or_missing():
    metrics = nyud(50.0, 0.5, 20.0, 70.0)
    with pytest.raises(ConfigError, match="found depth/rms chosen for Delta_m.*did you mean 'rmse'"):
        multi_task_delta(metrics, metrics, NYUD_DIRECTIONS, {'depth': 'rms'})
    with pytest.raises(ConfigError, match="found deepth/rmse chosen for Delta_m.*did you mean 'depth'"):
        multi_task_delta(metrics, metrics, NYUD_DIRECTIONS, {'deepth': 'rmse'})
    with pytest.raises(RunError, match="the reference has no task 'depth'"):
        multi_task_delta(metrics, {}, NYUD_DIRECTIONS, {'depth': 'rmse'})
    with pytest.raises(RunError, match='found no metric of any task'):
        multi_task_delta(metrics, metrics, NYUD_DIRECTIONS, {})


def test_delta_m_against_a_failed_model_is_nan():
    metrics = nyud(50.0, 0.5, 20.0, 70.0)
    assert math.isnan(multi_task_delta(metrics, nyud(50.0, math.nan, 20.0, 70.0), NYUD_DIRECTIONS, NYUD_CHOSEN))
    assert math.isnan(multi_task_delta(metrics, nyud(0.0, 0.5, 20.0, 70.0), NYUD_DIRECTIONS, NYUD_CHOSEN))


def test_mean_rank_ranks_the_average_of_the_ranks_by_each_metric():
    methods = {'a': scores(50, 70, 0.5), 'b': scores(40, 90, 0.4), 'c': scores(30, 80, 0.3)}
    # Segmentation: ranks 1 3, 2 1, 3 2 average to 2, 1.5, 2.5, which makes 2, 1, 3; depth: 3, 2, 1.
    assert mean_rank(methods, TWO_TASKS) == {'a': 2.5, 'b': 1.5, 'c': 2}


def test_equal_tasks_share_the_better_rank():
    methods = {'a': scores(50, 70, 0.5), 'b': scores(40, 80, 0.5), 'c': scores(30, 60, 0.6)}
    assert mean_rank(methods, TWO_TASKS) == {'a': 1, 'b': 1, 'c': 3}


def test_equal_metrics_share_the_mean_of_their_ranks():
    directions = {'segmentation': {'mIoU': True, 'PixAcc': True}}
    methods = {name: {'segmentation': {'mIoU': miou, 'PixAcc': pixacc}}
               for name, miou, pixacc in (('a', 50, 60), ('b', 50, 90), ('c', 40, 80), ('d', 30, 70))}
    # By mIoU 1.5, 1.5, 3, 4 and by PixAcc 4, 1, 2, 3; with the better rank for both a and b, a would draw level with c.
    assert mean_rank(methods, directions) == {'a': 3, 'b': 1, 'c': 2, 'd': 4}


def test_nan_ranks_behind_everything_in_either_direction():
    methods = {'nan': scores(math.nan, math.nan, math.nan), 'worst': scores(0, 0, math.inf), 'best': scores(9, 9, 0.1)}
    assert mean_rank(methods, TWO_TASKS) == {'nan': 3, 'worst': 2, 'best': 1}


def test_methods_that_all_failed_are_equal():
    methods = {name: scores(math.nan, math.nan, math.nan) for name in 'ab'}
    assert mean_rank(methods, TWO_TASKS) == {'a': 1, 'b': 1}


def test_no_methods_have_no_ranks():
    assert mean_rank({}, TWO_TASKS) == {}


@given(st.lists(SCORES, min_size=1, max_size=6), st.sampled_from([math.log, lambda x: 3 * x - 7, lambda x: -1 / x]))
def test_ranks_do_not_change_when_a_metric_is_rescaled(rows, rescale):
    def rows_with(change):
        # Values of few digits, so that rescaling cannot make two of them equal.
        return {str(number): scores(change(round(row['segmentation']['mIoU'], 2)), row['segmentation']['PixAcc'],
                                    change(round(row['depth']['AbsErr'], 2))) for number, row in enumerate(rows)}

    methods, rescaled = rows_with(lambda value: value), rows_with(rescale)
    assert mean_rank(rescaled, TWO_TASKS) == mean_rank(methods, TWO_TASKS)


@given(st.lists(VALUES, min_size=1, max_size=6, unique=True))
def test_without_ties_the_ranks_of_one_metric_are_the_places(values):
    ranks = mean_rank({str(value): {'depth': {'AbsErr': value}} for value in values}, {'depth': {'AbsErr': False}})
    assert sorted(values) == [float(name) for name in sorted(ranks, key=ranks.get)]
    assert sum(ranks.values()) == len(values) * (len(values) + 1) / 2


@given(st.lists(SCORES, min_size=2, max_size=5), st.randoms())
def test_ranks_do_not_depend_on_the_order_of_the_methods(rows, random):
    methods = [(str(number), row) for number, row in enumerate(rows)]
    shuffled = random.sample(methods, len(methods))
    assert mean_rank(dict(shuffled), TWO_TASKS) == mean_rank(dict(methods), TWO_TASKS)
