import itertools
import math

import cv2
import numpy as np
import pytest

from lhl.evaluation import PhaseResults, Results
from lhl.visualization import curves_figure, draw_curves

TASKS = ('segmentation', 'depth_euclidean', 'surface_normal', 'edge_texture', 'edge_occlusion', 'keypoints2d',
         'keypoints3d', 'reshading', 'principal_curvature', 'autoencoding')


def run(method='HAD', stream=('segmentation', 'depth', 'normal'), phases=None, seed=0):
    """Results with a first metric of ``10 * phase + task``, and a second one that must not be drawn."""
    results = Results(method, seed, list(stream), 'c.py', 'hash', {},
                      {task: {'mIoU': True, 'other': False} for task in stream},
                      {task: {'mIoU': '%'} for task in stream})
    for number, task in enumerate(stream[:phases], start=1):
        metrics = {old: {'mIoU': 10. * number + index, 'other': -1.} for index, old in enumerate(stream[:number])}
        results.add_phase(PhaseResults(number, [task], metrics, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
    return results


def small_and_large(panel):
    """Split what is drawn into the curves and the large markers."""
    return ([line for line in panel.lines if line.get_markersize() < 6],
            [line for line in panel.lines if line.get_markersize() > 6])


def test_one_panel_per_task_with_one_curve_per_run_of_its_first_metric():
    figure = curves_figure([run(), run('EWC', phases=2)])
    assert [panel.get_title() for panel in figure.axes] == [
        'segmentation: mIoU ↑ (%)', 'depth: mIoU ↑ (%)', 'normal: mIoU ↑ (%)']
    first, second = small_and_large(figure.axes[0])[0]
    assert list(first.get_ydata()) == [10, 20, 30] and list(second.get_ydata()) == [10, 20]
    assert np.round(first.get_xdata()).tolist() == [1, 2, 3]
    depth = small_and_large(figure.axes[1])[0][0].get_ydata()
    assert math.isnan(depth[0]) and list(depth[1:]) == [21, 31]


def test_a_large_marker_shows_where_each_task_was_learned():
    figure = curves_figure([run(), run(stream=('normal', 'depth', 'segmentation'))])
    places = [[(round(line.get_xdata()[0]), line.get_ydata()[0]) for line in small_and_large(panel)[1]]
              for panel in figure.axes]
    assert places == [[(1, 10), (3, 32)], [(2, 21), (2, 21)], [(3, 32), (1, 10)]]


def test_the_arrow_points_down_where_lower_is_better():
    results = Results('HAD', 0, ['depth'], 'c.py', 'hash', {}, {'depth': {'AbsErr': False}})
    assert curves_figure([results]).axes[0].get_title() == 'depth: AbsErr ↓'


def test_each_panel_has_the_unit_of_its_task():
    directions = {task: {'rmse': False} for task in ('depth', 'normal', 'disparity')}
    results = Results('HAD', 0, list(directions), 'c.py', 'hash', {}, directions,
                      {'depth': {'rmse': 'm'}, 'normal': {'rmse': '°'}, 'disparity': {}})
    assert [panel.get_title() for panel in curves_figure([results]).axes] == [
        'depth: rmse ↓ (m)', 'normal: rmse ↓ (°)', 'disparity: rmse ↓']


def test_phases_are_named_only_where_all_streams_agree():
    def names(runs):
        return [label.get_text() for label in curves_figure(runs).axes[0].get_xticklabels()]

    assert names([run(), run(phases=1)]) == ['1\nsegmentation', '2\ndepth', '3\nnormal']
    assert names([run(), run(stream=('segmentation', 'depth'))]) == ['1\nsegmentation', '2\ndepth', '3\nnormal']
    assert names([run(), run(stream=('depth', 'segmentation', 'normal'))]) == ['1', '2', '3']


def test_the_phases_before_a_task_is_learned_are_shaded():
    shades = [[patch.get_x() + patch.get_width() for patch in panel.patches] for panel in curves_figure([run()]).axes]
    assert [edges[-1] for edges in shades[1:]] == [1.5, 2.5] and all(edge <= 0.5 for edge in shades[0])


def test_twelve_runs_have_twelve_looks_and_one_legend():
    figure = curves_figure([run(seed=seed) for seed in range(12)])
    lines, _ = small_and_large(figure.axes[0])
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}) == 12
    assert len(figure.legends) == 1 and all(panel.get_legend() is None for panel in figure.axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *(f'HAD, seed {seed}' for seed in range(12)), 'task learned', 'not learned yet']


def test_a_task_that_has_no_value_says_so():
    panels = curves_figure([run(phases=1)]).axes
    assert [[text.get_text() for text in panel.texts] for panel in panels] == [[], ['no value yet'], ['no value yet']]


def test_a_run_without_any_phase_is_drawn_empty():
    assert len(curves_figure([run(phases=0)]).axes) == 3


@pytest.mark.parametrize('num_tasks, num_runs', [(1, 1), (2, 12), (3, 4), (5, 3), (7, 2), (10, 12)])
def test_no_label_overlaps_another_or_leaves_the_picture(num_tasks, num_runs):
    figure = curves_figure([run(f'Method {number}', TASKS[:num_tasks]) for number in range(num_runs)])
    figure.canvas.draw()
    texts = [panel.title for panel in figure.axes] + [panel.xaxis.label for panel in figure.axes]
    for panel in figure.axes:
        low, high = panel.get_ylim()
        texts += [label for label in panel.get_yticklabels() if low <= label.get_position()[1] <= high]
    # The boxes of slanted labels overlap although the labels do not; the distance of their lines is checked instead.
    slanted = [label for panel in figure.axes for label in panel.get_xticklabels() if label.get_rotation()]
    texts += [label for panel in figure.axes for label in panel.get_xticklabels() if not label.get_rotation()]
    boxes = [text.get_window_extent() for text in texts if text.get_text()] + [figure.legends[0].get_window_extent()]
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    boxes += [label.get_window_extent() for label in slanted]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    if slanted:
        step = figure.axes[-1].bbox.width / num_tasks
        line_height = 10 / 72 * figure.dpi
        assert step * math.sin(math.radians(slanted[0].get_rotation())) > line_height


def test_the_picture_is_written_in_a_folder_that_is_made(tmp_path):
    draw_curves([run()], tmp_path / 'figures' / 'curves.png')
    picture = cv2.imread(str(tmp_path / 'figures' / 'curves.png'))
    assert picture.shape[1] > picture.shape[0] > 300 and picture.std() > 10
    assert [path.name for path in (tmp_path / 'figures').iterdir()] == ['curves.png']


def test_a_failing_write_leaves_the_old_picture(tmp_path):
    path = tmp_path / 'curves.nothing'
    path.write_text('old')
    with pytest.raises(ValueError, match="Format 'nothing' is not supported"):
        draw_curves([run()], path)
    assert path.read_text() == 'old' and len(list(tmp_path.iterdir())) == 1


def test_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match='at least one run'):
        draw_curves([], tmp_path / 'curves.png')


def test_a_phase_of_several_tasks_is_one_phase():
    results = run(phases=0)
    for number, tasks in enumerate((['segmentation', 'depth'], ['normal']), start=1):
        metrics = {task: {'mIoU': float(number)} for task in results.stream[:number + 1]}
        results.add_phase(PhaseResults(number, tasks, metrics, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
    panels = curves_figure([results]).axes
    assert [label.get_text() for label in panels[0].get_xticklabels()] == ['1\nsegmentation + 1', '2\nnormal']
    assert panels[2].patches[-1].get_x() + panels[2].patches[-1].get_width() == 1.5
    at_once = run(phases=0)
    at_once.add_phase(PhaseResults(1, at_once.stream, {}, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
    names = [label.get_text() for label in curves_figure([run(), at_once]).axes[0].get_xticklabels()]
    assert names == ['1\nsegmentation', '2\ndepth', '3\nnormal']
