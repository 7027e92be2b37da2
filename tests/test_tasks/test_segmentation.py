import numpy as np

from lhl.tasks import SemanticSegmentation

TASK = SemanticSegmentation('segmentation', num_classes=3)


def test_draw_paints_each_class_in_its_colour_and_invalid_pixels_black():
    task = SemanticSegmentation('rooms', 2, ['wall', 'floor'], palette=[(255, 0, 0), (0, 9, 200)])
    picture = task.draw(np.array([[0, 1], [1, 1]]), np.array([[True, True], [True, False]]))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[[255, 0, 0], [0, 9, 200]], [[0, 9, 200], [0, 0, 0]]]


def test_drawing_without_a_mask_paints_every_pixel():
    assert (TASK.draw(np.zeros((4, 5), np.int64)) == TASK.palette[0]).all()


def test_it_is_scored_by_a_metric_that_knows_the_number_of_classes_unless_the_config_names_another():
    assert TASK.metrics() == [dict(type='SegmentationMetric', task='segmentation', num_classes=3)]
    by_loss = SemanticSegmentation('segmentation', 3, metrics=[dict(type='LossMetric')])
    assert by_loss.metrics() == [dict(type='LossMetric', task='segmentation')]
