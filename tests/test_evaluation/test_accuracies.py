import math

import pytest

from lhl.errors import RunError
from lhl.evaluation import PhaseResults, Results, average_accuracy, average_forgetting, averaged_metrics

ACCURACIES = {'class_il': True, 'task_il': True}


def classified(*after_each_phase, tasks=None, others=()):
    """Results of tasks 1, 2, ... with ``class_il`` of each after each phase; ``task_il`` is 100 throughout."""
    names = [str(number) for number in range(1, len(after_each_phase[-1]) + 1)]
    results = Results('HCL', 0, [*names, *others], 'c.py', 'hash', {}, {
        **dict.fromkeys(names, ACCURACIES), **{name: {'AbsErr': False} for name in others}})
    for number, values in enumerate(after_each_phase, start=1):
        metrics = {name: {'class_il': value, 'task_il': 100.} for name, value in zip(names, values, strict=False)}
        learned = (tasks or [[name] for name in names])[number - 1]
        results.add_phase(PhaseResults(number, learned, metrics, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
    return results


def test_average_accuracy_and_forgetting_by_hand():
    results = classified([90.], [60., 80.], [70., 20., 100.])
    assert average_accuracy(results, 'class_il') == pytest.approx((70 + 20 + 100) / 3)
    assert [average_accuracy(results, 'class_il', phase) for phase in (1, 2)] == [90, 70]
    assert average_forgetting(results, 'class_il') == ((90 - 70) + (80 - 20)) / 2
    assert average_accuracy(results, 'task_il') == 100 and average_forgetting(results, 'task_il') == 0


def test_a_task_that_is_best_at_the_end_has_forgotten_nothing_and_does_not_make_up_for_others():
    # Against its value when learned, the first task would count -30 and the mean would be 5.
    assert average_forgetting(classified([50.], [60., 80.], [80., 40., 90.]), 'class_il') == (0 + 40) / 2


def test_the_highest_value_is_looked_for_in_all_phases():
    assert average_forgetting(classified([50.], [70., 80.], [60., 80., 90.]), 'class_il') == (10 + 0) / 2


def test_before_a_second_phase_nothing_is_forgotten():
    assert average_forgetting(classified([90.]), 'class_il') is None
    joint = classified([90., 80.], tasks=[['1', '2']])
    assert average_forgetting(joint, 'class_il') is None and average_accuracy(joint, 'class_il') == 85


def test_averaging_leaves_the_results_as_they_are():
    results = classified([90.], [60., 80.], [70., 20., 100.])
    before = [dict(phase.metrics) for phase in results.phases]
    average_accuracy(results, 'class_il')
    average_forgetting(results, 'class_il')
    assert [phase.metrics for phase in results.phases] == before and list(results.phases[0].metrics) == ['1']


def test_an_accuracy_that_is_no_number_at_the_end_is_not_averaged_away():
    results = classified([90.], [math.nan, 80.])
    assert math.isnan(average_accuracy(results, 'class_il')) and math.isnan(average_forgetting(results, 'class_il'))
    assert average_forgetting(classified([math.nan], [60., 80.]), 'class_il') == 0


def test_tasks_of_other_kinds_are_left_aside():
    results = classified([90.], [60., 80.], others=['depth'])
    results.add_phase(PhaseResults(3, ['depth'], {
        '1': dict(class_il=40., task_il=0.), '2': dict(class_il=80., task_il=0.), 'depth': dict(AbsErr=1.)},
        1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
    assert average_accuracy(results, 'class_il') == 60
    assert average_forgetting(results, 'class_il') == (50 + 0) / 2


def test_a_metric_that_no_task_has_is_refused():
    with pytest.raises(RunError, match="found no learned task that is scored by 'mIoU', only 1, 2"):
        average_accuracy(classified([90.], [60., 80.]), 'mIoU')


def test_accuracies_that_several_tasks_share_are_averaged():
    assert averaged_metrics({'a': ACCURACIES, 'depth': {'AbsErr': False}, 'b': {'class_il': True}}) == {
        'class_il': ['a', 'b']}
