import numpy as np

from lhl.tasks import SaliencyEstimation

TASK = SaliencyEstimation('saliency')


def test_drawing_shows_both_answers_apart_from_invalid_black():
    target = np.array([[[0., 1., 1.]]], np.float32)
    picture = TASK.draw(target, np.array([[True, True, False]]))
    assert picture.shape == (1, 3, 3) and picture.dtype == np.uint8
    no, yes, invalid = picture[0].astype(int).sum(-1)
    assert yes > 2 * no > 0 and invalid == 0
    assert np.array_equal(TASK.draw(target, None, (1., 1.))[0, :2], picture[0, :2])  # the truth's range is no matter


def test_one_channel_scored_by_its_own_metric():
    assert TASK.out_channels == 1
    assert TASK.metrics() == [dict(type='SaliencyMetric', task='saliency')]
    assert TASK.positive_weight is None
