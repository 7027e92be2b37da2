import math

import numpy as np
import pytest
import torch

from lhl.errors import ConfigError
from lhl.tasks import HumanPartSegmentation

TASK = HumanPartSegmentation('parts')


def test_there_are_six_parts_and_the_background():
    assert TASK.classes == ('background', 'head', 'torso', 'upper arm', 'lower arm', 'upper leg', 'lower leg')
    assert TASK.num_classes == TASK.out_channels == 7
    assert len({tuple(colour) for colour in TASK.palette.tolist()}) == 7 and TASK.palette.any(axis=1).all()


def test_an_image_without_a_part_has_no_target_at_all():
    for labels in (np.zeros((2, 3), np.int64), np.array([[0, -1, 0]]), np.full((2, 2), -1)):
        assert not TASK.has_target(labels).any()
        assert TASK.has_target(labels).shape == labels.shape


def test_one_pixel_of_a_part_makes_the_background_count():
    assert TASK.has_target(np.array([[0, 0, -1], [0, 6, 0]])).tolist() == [[True, True, False], [True, True, True]]


def test_equal_logits_cost_log_of_seven():
    logits = torch.zeros(1, 7, 1, 2)
    loss_map = TASK.loss_map(logits, torch.tensor([[[0, 6]]]))
    torch.testing.assert_close(loss_map, torch.full((1, 1, 2), math.log(7)))


def test_pseudo_label_and_groups_are_the_seven_classes():
    logits = torch.zeros(1, 7, 1, 2)
    logits[0, 2, 0, 0] = logits[0, 5, 0, 1] = 1
    pseudo_label = TASK.pseudo_label(logits)
    index, count = TASK.groups(pseudo_label, 0.5)
    assert pseudo_label.tolist() == index.tolist() == [[[2, 5]]] and count == 7
    assert (TASK.loss_map(200 * logits, pseudo_label) < 1e-30).all()


def test_it_is_scored_as_segmentation_of_seven_classes():
    assert TASK.metrics() == [dict(type='SegmentationMetric', num_classes=7, task='parts')]


def test_a_label_beyond_the_lower_leg_is_refused():
    with pytest.raises(ValueError, match='found labels from 0 to 7, expected 0 to 6'):
        TASK.check_target(np.array([[0, 7]]), np.ones((1, 2), bool))
    TASK.check_target(np.array([[0, 7]]), np.array([[True, False]]))


def test_finer_parts_need_names_of_their_own():
    task = HumanPartSegmentation('parts', 3, ('background', 'upper body', 'lower body'), palette=None)
    assert task.out_channels == 3 and len(task.palette) == 3
    with pytest.raises(ConfigError, match="task 'parts' has 7 classes but num_classes=3; give one per class"):
        HumanPartSegmentation('parts', 3)


def test_a_flip_mirrors_and_leaves_left_and_right_limbs_one_class():
    assert TASK.flip_target(np.array([[3, 0, 4]])).tolist() == [[4, 0, 3]]
    assert TASK.interpolation == 'nearest'


def test_every_class_is_drawn_in_its_colour_and_invalid_black():
    picture = TASK.draw(np.array([[0, 1, 6]]), np.array([[True, True, False]]))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[TASK.palette[0].tolist(), TASK.palette[1].tolist(), [0, 0, 0]]]
