import numpy as np
from matplotlib.figure import Figure

from lhl.tasks import build_tasks
from lhl.visualization.page import (
    Distribution,
    Edges,
    PhaseLog,
    distribution_chart,
    edges_chart,
    learning_rate_chart,
    losses_chart,
)

LOG = [PhaseLog(1, [10, 20], {'loss_new_rooms': [4.0, 2.0]}, [0.1, 0.05]),
       PhaseLog(2, [10], {'loss_new_my_rooms': [3.0], 'loss_db_rooms': [1.0], 'loss_db_depth': [0.5]}, [0.1])]


def drawn(panel):
    axes = Figure().add_subplot()
    panel.draw(axes)
    return axes


def test_a_term_that_several_tasks_have_is_their_sum_and_phases_follow_each_other():
    """The name of the task goes, also where another task's is the end of it."""
    chart = losses_chart([LOG, []], ['HAD', 'Vanilla'], ['rooms', 'my_rooms', 'depth'])
    assert [mark.label for mark in chart.marks] == ['new', 'db'] and len(chart.panels) == 1
    curves = [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in drawn(chart.panels[0]).lines
              if line.get_linestyle() != ':']
    assert curves == [([10, 20], [4, 2]), ([30], [3]), ([30], [1.5])]
    assert ['HAD', 2, 10, 'loss_db_depth', 0.5] in chart.table
    assert losses_chart([[]], ['HAD'], ['rooms']) is None and learning_rate_chart([[]], ['HAD']) is None
    assert learning_rate_chart([LOG], ['HAD']).table[1:] == [
        ['HAD', 1, 10, 0.1], ['HAD', 1, 20, 0.05], ['HAD', 2, 10, 0.1]]


def test_classes_stand_in_the_order_of_their_share_and_values_in_bins():
    tasks = build_tasks(dict(rooms=dict(type='SemanticSegmentation', num_classes=2, classes=['wall', 'floor']),
                             depth=dict(type='DepthEstimation')))
    chart = distribution_chart([
        Distribution('HAD', tasks['rooms'], None, np.array([20.0, 80.0]), None),
        Distribution('HAD', tasks['depth'], np.array([1.0, 2.0, 4.0]), np.array([75.0, 25.0]),
                     np.array([50.0, 50.0]))], 3)
    assert [label.get_text() for label in drawn(chart.panels[0]).get_xticklabels()] == ['floor', 'wall']
    assert chart.table[1:] == [['HAD', 'rooms', 'wall', 20, None], ['HAD', 'rooms', 'floor', 80, None],
                               ['HAD', 'depth', '1 to 2 (m)', 75, 50], ['HAD', 'depth', '2 to 4 (m)', 25, 50]]
    assert 'on 3 validation images' in chart.caption and distribution_chart([], 3) is None


def test_edges_are_black_and_their_shares_are_in_the_table():
    left, top = np.array([[True, False], [True, False]]), np.array([[True, True], [False, False]])
    chart = edges_chart([Edges('HAD', 'depth', np.zeros((2, 2, 3)), np.eye(2), left, top)], 0.5)
    assert chart.table[1] == ['HAD', 'depth', 50, 50, 25]
    image, loss_map, of_loss, of_prediction = (panel.pixels for panel in chart.panels)
    assert (of_loss[..., 0] == 0).tolist() == left.tolist() and (of_prediction[..., 0] == 0).tolist() == top.tolist()
    assert loss_map[0, 0].sum() > loss_map[0, 1].sum() and edges_chart([], 0.5) is None
