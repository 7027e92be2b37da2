"""The panel: what learners predict beside the truth."""
import cv2
import numpy as np
import pytest

from lhl.tasks import build_tasks
from lhl.visualization import View, draw_panel, metrics_table


@pytest.fixture
def tasks():
    return build_tasks(dict(
        segmentation=dict(type='SemanticSegmentation', num_classes=2, palette=[[255, 0, 0], [0, 0, 255]]),
        depth=dict(type='DepthEstimation')))


def view_of(predictions):
    return View(
        image=np.full((20, 30, 3), 0.5), targets=dict(segmentation=np.zeros((20, 30), int), depth=np.ones((1, 20, 30))),
        valid=dict(segmentation=np.ones((20, 30), bool), depth=np.ones((20, 30), bool)), predictions=predictions)


def picture_of(tasks, predicted_class, tmp_path):
    prediction = dict(segmentation=np.full((20, 30), predicted_class), depth=np.ones((1, 20, 30)))
    draw_panel([view_of(dict(HAD=prediction))], tasks, tmp_path / 'panel.png')
    return cv2.imread(str(tmp_path / 'panel.png'))[..., ::-1]


def share_of(colour, picture):
    return (picture == colour).all(axis=-1).mean()


def test_truth_and_prediction_are_painted_in_the_colours_of_the_classes(tasks, tmp_path):
    both_red = picture_of(tasks, 0, tmp_path)
    red_and_blue = picture_of(tasks, 1, tmp_path)
    assert share_of([0, 0, 255], both_red) == 0
    assert share_of([0, 0, 255], red_and_blue) == pytest.approx(share_of([255, 0, 0], red_and_blue), rel=0.05)
    assert share_of([255, 0, 0], both_red) == pytest.approx(2 * share_of([255, 0, 0], red_and_blue), rel=0.05)


def test_a_second_run_adds_a_column_and_a_second_view_adds_rows(tasks, tmp_path):
    prediction = dict(segmentation=np.zeros((20, 30), int), depth=np.ones((1, 20, 30)))
    sizes = {}
    for name, runs, num_views in (('one', ['HAD'], 1), ('runs', ['HAD', 'DIS'], 1), ('views', ['HAD'], 2)):
        draw_panel([view_of(dict.fromkeys(runs, prediction))] * num_views, tasks, tmp_path / f'{name}.png')
        sizes[name] = cv2.imread(str(tmp_path / f'{name}.png')).shape
    assert sizes['runs'][1] > sizes['one'][1] and sizes['runs'][0] == sizes['one'][0]
    assert sizes['views'][0] > 1.5 * sizes['one'][0] and sizes['views'][1] == sizes['one'][1]


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
    dense = view_of(dict(HAD=dict(segmentation=np.zeros((20, 30), int), depth=np.ones((1, 20, 30)))))
    of_image = View(np.full((20, 30, 3), 0.5), dict(objects=np.array([[1]])), dict(objects=np.array([[True]])),
                    dict(HAD=dict(objects=np.array([[1]]))))
    sizes = {}
    for name, views in (('dense', [dense]), ('mixed', [dense, of_image])):
        draw_panel(views, tasks, tmp_path / f'{name}.png')
        sizes[name] = cv2.imread(str(tmp_path / f'{name}.png')).shape
    # Two rows become three, below the margin for the title.
    assert sizes['mixed'][0] - sizes['dense'][0] == pytest.approx(110 * 1.7 * 20 / 30, abs=2)
    assert share_of([9, 200, 9], cv2.imread(str(tmp_path / 'mixed.png'))[..., ::-1]) > 0.02


def test_a_view_without_truth_of_a_task_shows_its_prediction_alone(tasks, tmp_path):
    prediction = dict(segmentation=np.full((20, 30), 1), depth=np.ones((1, 20, 30)))
    view = view_of(dict(HAD=prediction))
    del view.targets['segmentation'], view.valid['segmentation']
    draw_panel([view], tasks, tmp_path / 'panel.png')
    picture = cv2.imread(str(tmp_path / 'panel.png'))[..., ::-1]
    assert share_of([255, 0, 0], picture) == 0
    with_truth = picture_of(tasks, 1, tmp_path)
    assert share_of([0, 0, 255], picture) == pytest.approx(share_of([0, 0, 255], with_truth), rel=0.1)
