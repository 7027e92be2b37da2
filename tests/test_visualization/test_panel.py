"""The panel: what learners predict beside the truth."""
import cv2
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lhl.tasks import build_tasks
from lhl.visualization import Frame, View, draw_panel, metrics_table


@pytest.fixture
def tasks():
    return build_tasks(dict(
        segmentation=dict(type='SemanticSegmentation', num_classes=2, palette=[[255, 0, 0], [0, 0, 255]]),
        depth=dict(type='DepthEstimation')))


def view_of(predictions, score=''):
    """A view of which each run's prediction is that after phase 1, and that of no run changes."""
    frames = {run: {row: {1: Frame(prediction, score)} for row, prediction in of_run.items()}
              for run, of_run in predictions.items()}
    return View('image 0', np.full((20, 30, 3), 0.5), all_of(0),
                dict(segmentation=np.ones((20, 30), bool), depth=np.ones((20, 30), bool)), frames)


def picture_of(view, tasks, tmp_path, rule=''):
    draw_panel([view], tasks, tmp_path / 'panel.png', rule)
    return cv2.imread(str(tmp_path / 'panel.png'))[..., ::-1]


def all_of(value):
    return dict(segmentation=np.full((20, 30), value), depth=np.ones((1, 20, 30)))


def share_of(colour, picture):
    return (picture == colour).all(axis=-1).mean()


def test_a_row_has_the_truth_the_first_run_when_it_learned_the_task_and_each_run_at_the_end(tasks, tmp_path):
    """Red are the truth, Vanilla when learned, HAD at both times; blue is Vanilla at the end."""
    view = view_of(dict(Vanilla=all_of(0), HAD=all_of(0)))
    view.frames['Vanilla']['segmentation'][2] = Frame(np.full((20, 30), 1))
    picture = picture_of(view, tasks, tmp_path)
    assert share_of([255, 0, 0], picture) == pytest.approx(3 * share_of([0, 0, 255], picture), rel=0.05)
    view = view_of(dict(HAD=all_of(0), Vanilla=all_of(0)))
    view.frames['Vanilla']['segmentation'][1] = Frame(np.full((20, 30), 1))
    view.frames['Vanilla']['segmentation'][2] = Frame(np.full((20, 30), 0))
    assert share_of([0, 0, 255], picture_of(view, tasks, tmp_path)) < 0.002  # in the legend alone


def test_a_second_run_adds_a_column_and_a_second_view_adds_rows(tasks, tmp_path):
    sizes = {}
    for name, runs, num_views in (('one', ['HAD'], 1), ('runs', ['HAD', 'DIS'], 1), ('views', ['HAD'], 2)):
        draw_panel([view_of(dict.fromkeys(runs, all_of(0)))] * num_views, tasks, tmp_path / f'{name}.png')
        sizes[name] = cv2.imread(str(tmp_path / f'{name}.png')).shape
    assert sizes['runs'][1] > sizes['one'][1] and sizes['runs'][0] == sizes['one'][0]
    assert sizes['views'][0] > 1.5 * sizes['one'][0] and sizes['views'][1] == sizes['one'][1]


def test_scores_scales_and_the_rule_are_written(tasks, tmp_path, monkeypatch):
    written = []

    def noted(original):
        def note(self, *args, **options):
            written.extend([*args[2:3], *filter(None, [options.get('title')])])
            written.extend(handle.get_label() for handle in options.get('handles', []))
            return original(self, *args, **options)
        return note
    for owner, name in ((Axes, 'text'), (Figure, 'legend')):
        monkeypatch.setattr(owner, name, noted(getattr(owner, name)))
    view = view_of(dict(HAD=all_of(1)), 'mIoU 12.3 %')
    view.targets['depth'][0, 0, 0] = 4.5
    picture_of(view, tasks, tmp_path, 'The first ones.')
    assert written.count('mIoU 12.3 %') == 4 and {'1', '4.5 m', 'The first ones.', 'class 0', 'class 1'} <= set(written)


def test_metrics_table_lines_up_tasks_metrics_values_and_units():
    metrics = dict(segmentation=dict(mIoU=14.3, PixAcc=5.0), depth=dict(AbsErr=0.72604), disparity=dict(AbsErr=0.72604))
    units = dict(segmentation=dict(mIoU='%', PixAcc='%'), depth=dict(AbsErr='m'), disparity={})
    assert metrics_table(metrics, units).splitlines() == [
        'segmentation  mIoU     14.30 %',
        'segmentation  PixAcc    5.00 %',
        'depth         AbsErr  0.7260 m',
        'disparity     AbsErr  0.7260',
    ]


def test_a_view_has_a_row_for_each_task_that_it_has(tasks, tmp_path):
    objects = dict(type='ImageClassification', num_classes=2, palette=[[0, 0, 0], [9, 200, 9]])
    tasks |= build_tasks(dict(objects=objects))
    dense = view_of(dict(HAD=all_of(0)))
    of_image = View('image 1', np.full((20, 30, 3), 0.5), dict(objects=np.array([[1]])),
                    dict(objects=np.array([[True]])), dict(HAD=dict(objects={2: Frame(np.array([[1]]))})))
    sizes = {}
    for name, views in (('dense', [dense]), ('mixed', [dense, of_image])):
        draw_panel(views, tasks, tmp_path / f'{name}.png')
        sizes[name] = cv2.imread(str(tmp_path / f'{name}.png')).shape
    # Two rows become three, and the legend has a line more.
    assert sizes['mixed'][0] - sizes['dense'][0] == pytest.approx(110 * (1.9 * 20 / 30 + 0.22 + 0.2), abs=2)
    assert share_of([9, 200, 9], cv2.imread(str(tmp_path / 'mixed.png'))[..., ::-1]) > 0.02


def test_a_view_without_truth_of_a_task_shows_its_prediction_alone(tasks, tmp_path):
    view = view_of(dict(HAD=all_of(1)))
    with_truth = picture_of(view, tasks, tmp_path)
    del view.targets['segmentation'], view.valid['segmentation']
    picture = picture_of(view, tasks, tmp_path)
    assert share_of([255, 0, 0], picture) == 0
    assert share_of([0, 0, 255], picture) == pytest.approx(share_of([0, 0, 255], with_truth), rel=0.1)
