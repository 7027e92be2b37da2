import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhl.errors import ConfigError, RunError
from lhl.evaluation import mean_rank, multi_task_delta, relative_improvement, task_improvements

TWO_TASKS = {'segmentation': {'mIoU': True, 'PixAcc': True}, 'depth': {'AbsErr': False}}


def scores(miou, pixacc, abserr):
    return {'segmentation': {'mIoU': miou, 'PixAcc': pixacc}, 'depth': {'AbsErr': abserr}}


VALUES = st.floats(0.01, 1000)
SCORES = st.builds(scores, VALUES, VALUES, VALUES)


def test_improvement_averages_metrics_within_tasks_and_then_tasks():
    reference, method = scores(40, 80, 0.5), scores(50, 84, 0.4)  # +25 % and +5 %; +20 %
    assert task_improvements(method, reference, TWO_TASKS) == {'segmentation': pytest.approx(15),
                                                               'depth': pytest.approx(20)}
    assert relative_improvement(method, reference, TWO_TASKS) == pytest.approx(17.5)


def test_no_change_is_plus_zero_so_that_it_prints_without_a_minus():
    assert f'{relative_improvement(scores(1, 1, 1), scores(1, 1, 1), TWO_TASKS):+.1f}' == '+0.0'


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
