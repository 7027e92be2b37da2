"""The contact sheet: some samples of a data set at a glance."""
import cv2
import numpy as np
import pytest

from lhl.tasks import build_tasks
from lhl.visualization import draw_contact_sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def tasks():
    return build_tasks(dict(
        segmentation=dict(type='SemanticSegmentation', num_classes=2, classes=['ground', 'thing'], palette=[RED, BLUE]),
        depth=dict(type='DepthEstimation')))


def sample(labels=0, depth=2.0, size=(60, 80)):
    return dict(
        image=np.full((*size, 3), [0, 1, 0], np.float32),
        targets=dict(segmentation=np.full(size, labels), depth=np.full((*size, 1), depth, np.float32)),
        valid=dict(segmentation=np.full(size, True), depth=np.full(size, True)))


def drawn(samples, tasks, path):
    draw_contact_sheet(samples, tasks, path / 'sheet.png')
    return cv2.imread(str(path / 'sheet.png'))[..., ::-1]


def count(colour, picture):
    return int((picture == colour).all(axis=-1).sum())


def test_image_and_target_of_a_sample_are_shown_at_the_same_size(tasks, tmp_path):
    picture = drawn(dict(one=sample()), dict(segmentation=tasks['segmentation']), tmp_path)
    green, red = count((0, 255, 0), picture), count(RED, picture)
    assert green > 20000 and 0 < red - green < 0.05 * green  # the legend is red, too
    assert count(BLUE, picture) == 0


def test_the_legend_has_the_classes_that_occur(tasks, tmp_path):
    both = drawn(dict(one=sample(0), two=sample(1)), tasks, tmp_path)
    assert count(RED, both) == pytest.approx(count(BLUE, both), rel=0.05)
    one = drawn(dict(one=sample(0)), tasks, tmp_path)
    assert count(BLUE, one) == 0


def test_depth_has_one_scale_for_all_rows(tasks, tmp_path):
    """Of distances 1 and 9 the first is brightest and the second darkest; alone, each would have the same colour."""
    tasks = dict(depth=tasks['depth'])
    near, far = ({color for color in map(tuple, tasks['depth'].draw(
        np.full((1, 1, 1), value, np.float32), None, (1, 9)).reshape(-1, 3).tolist())} for value in (1, 9))
    picture = drawn(dict(near=sample(depth=1), far=sample(depth=9)), tasks, tmp_path)
    assert near != far and count(near.pop(), picture) > 20000 and count(far.pop(), picture) > 20000


def test_invalid_pixels_are_black_and_a_missing_target_is_not(tasks, tmp_path):
    half, none, absent = sample(), sample(), sample()
    half['valid']['segmentation'][:30] = False
    none['valid']['segmentation'][:] = False
    absent['targets'].pop('segmentation')
    tasks = dict(segmentation=tasks['segmentation'])
    black = count((0, 0, 0), drawn(dict(half=half), tasks, tmp_path))
    whole = count((0, 255, 0), drawn(dict(whole=sample()), tasks, tmp_path))
    assert black == pytest.approx(whole / 2, rel=0.05)
    for empty in (none, absent):
        picture = drawn(dict(none=empty), tasks, tmp_path)
        assert count((0, 0, 0), picture) < 1000 and count((235, 235, 235), picture) > 0.9 * whole


def test_rows_have_the_proportions_of_their_images(tasks, tmp_path):
    wide = drawn(dict(one=sample(size=(40, 80))), tasks, tmp_path)
    tall = drawn(dict(one=sample(size=(80, 40))), tasks, tmp_path)
    two = drawn(dict(one=sample(size=(40, 80)), two=sample(size=(40, 80))), tasks, tmp_path)
    assert wide.shape[1] == tall.shape[1] == two.shape[1]
    assert wide.shape[0] < two.shape[0] < tall.shape[0]
