"""Which pixels are unlabelled, and which are unmeasured."""
import numpy as np
import pytest

from lhl.synthetic.rooms.scene import CLASSES, Material

from .hand_made_rooms import MIDDLE, primitive, view_of


def test_bright_pane_gives_no_depth_and_a_dull_wall_does():
    pane = Material('plain', np.ones((2, 3), np.float32), 1.0, 0, np.zeros(3, np.float32), emission=0.8)
    view = view_of(primitive('box', (2.0, 5.98, 1.5), (0.5, 0.01, 0.5), label='window', material=pane))
    np.testing.assert_array_equal(view.measured, view.label != CLASSES.index('window'))
    assert view.depth[MIDDLE] == pytest.approx(4.97, rel=1e-6)  # the exact value is there all the same


def test_border_is_unlabelled_on_the_farther_side_only():
    view = view_of(primitive('box', (2.0, 3.0, 1.5), (0.5, 0.2, 0.5), label='tv'))
    assert view.labelled[view.label == CLASSES.index('tv')].all()
    assert not view.labelled.all()


def test_a_few_percent_of_the_pixels_are_invalid(views):
    unlabelled = np.mean([~view.labelled for view in views])
    unmeasured = np.mean([~view.measured for view in views])
    assert 0.01 < unlabelled < 0.05  # a border is at least a pixel wide, so a small picture has more of it
    assert 0.01 < unmeasured < 0.05


def test_unlabelled_pixels_lie_near_a_class_border(views):
    for view in views[:20]:
        height, width = view.label.shape
        padded = np.pad(view.label, 1, mode='edge')
        same = [padded[1 + dy:1 + dy + height, 1 + dx:1 + dx + width] == view.label
                for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))]
        assert not (np.all(same, axis=0) & ~view.labelled).any()
