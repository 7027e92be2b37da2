import logging
import math

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from lhl.errors import ConfigError
from lhl.evaluation import SegmentationMetric
from lhl.registry import METRICS


def score(predicted, labelled, num_classes, valid=None, **options):
    """Score class maps ``(B, H, W)`` as one batch."""
    predicted, labelled = torch.as_tensor(predicted), torch.as_tensor(labelled)
    valid = torch.ones_like(labelled, dtype=torch.bool) if valid is None else torch.as_tensor(valid)
    metric = SegmentationMetric('segmentation', num_classes, **options)
    logits = torch.nn.functional.one_hot(predicted, num_classes).movedim(-1, 1).float()
    metric.process(dict(targets=dict(segmentation=labelled), valid=dict(segmentation=valid)),
                   [dict(segmentation=image) for image in logits])
    return metric.evaluate(len(logits))


@pytest.fixture
def log():
    """Collect what is logged."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def test_a_hand_worked_confusion_matrix():
    # Class 0: 2 right of 3 labelled and 2 predicted, IoU 2/3. Class 1: 1 right of 1 and 2, IoU 1/2.
    metrics = score([[[0, 0, 1, 1]]], [[[0, 0, 0, 1]]], num_classes=2)
    assert metrics == {'segmentation/mIoU': pytest.approx(100 * (2 / 3 + 1 / 2) / 2),
                       'segmentation/PixAcc': pytest.approx(75)}


def test_the_set_is_pooled_before_the_classes_are_averaged():
    # Alone, the images score 100 and 0, and their mean is 50; pooled, the IoUs are 2/4 and 0/2.
    metrics = score([[[0, 0]], [[1, 0]]], [[[0, 0]], [[0, 1]]], num_classes=2)
    assert metrics['segmentation/mIoU'] == pytest.approx(100 * (2 / 4 + 0 / 2) / 2)
    assert metrics['segmentation/PixAcc'] == pytest.approx(50)


def test_agrees_with_an_independent_count_per_class():
    rng = np.random.default_rng(0)
    predicted, labelled = rng.integers(0, 5, (2, 3, 20, 30))
    valid = rng.random((3, 20, 30)) < 0.7
    ious = []
    for index in range(5):
        inside, truth = (predicted == index) & valid, (labelled == index) & valid
        ious.append((inside & truth).sum() / (inside | truth).sum())
    metrics = score(predicted, labelled, 5, valid)
    assert metrics['segmentation/mIoU'] == pytest.approx(100 * np.mean(ious), rel=1e-12)
    assert metrics['segmentation/PixAcc'] == pytest.approx(100 * (predicted == labelled)[valid].mean(), rel=1e-12)


def test_a_class_that_is_nowhere_is_skipped_and_the_number_of_averaged_classes_is_logged(log):
    metrics = score([[[0, 0, 1, 1]]], [[[0, 0, 0, 1]]], num_classes=7)
    assert metrics['segmentation/mIoU'] == pytest.approx(100 * (2 / 3 + 1 / 2) / 2)
    assert '2 of 7 classes' in log[0].getMessage()


def test_a_class_that_is_nowhere_may_count_as_zero(log):
    metrics = score([[[0, 0, 1, 1]]], [[[0, 0, 0, 1]]], num_classes=7, absent='zero')
    assert metrics['segmentation/mIoU'] == pytest.approx(100 * (2 / 3 + 1 / 2) / 7)
    assert metrics['segmentation/PixAcc'] == 75
    assert log[0].getMessage() == 'segmentation: mIoU is the mean of 7 of 7 classes'


def test_where_every_class_is_somewhere_absent_ones_do_not_matter():
    rng = np.random.default_rng(0)
    predicted, labelled = rng.integers(0, 5, (2, 3, 20, 30))
    assert score(predicted, labelled, 5, absent='zero') == score(predicted, labelled, 5)


def test_no_valid_pixel_gives_nan_even_where_absent_classes_count():
    assert math.isnan(score([[[0]]], [[[0]]], 2, valid=[[[False]]], absent='zero')['segmentation/mIoU'])


def test_an_unknown_treatment_of_absent_classes_is_refused():
    with pytest.raises(ConfigError, match="absent='nan', expected 'skip' or 'zero'"):
        SegmentationMetric('segmentation', 3, absent='nan')


def test_a_class_that_is_predicted_but_never_labelled_counts_as_zero():
    assert score([[[0, 1]]], [[[0, 0]]], num_classes=3)['segmentation/mIoU'] == pytest.approx(100 * (1 / 2 + 0) / 2)


def test_what_lies_under_an_invalid_pixel_does_not_matter():
    valid = [[[True, True, False]]]
    expected = score([[[0, 1]]], [[[0, 1]]], 2)
    assert score([[[0, 1, 0]]], [[[0, 1, 1]]], 2, valid) == expected
    assert score([[[0, 1, 0]]], [[[0, 1, 255]]], 2, valid) == expected
    assert score([[[0, 1, 0]]], [[[0, 1, -1]]], 2, valid) == expected


def test_one_pixel_is_enough():
    assert score([[[1]]], [[[1]]], 13) == {'segmentation/mIoU': 100, 'segmentation/PixAcc': 100}


def test_no_valid_pixel_gives_nan_and_one_warning(log):
    metrics = score([[[0, 1]]], [[[0, 1]]], 2, valid=[[[False, False]]])
    assert list(metrics) == ['segmentation/mIoU', 'segmentation/PixAcc']
    assert all(math.isnan(value) for value in metrics.values())
    assert [record.levelname for record in log] == ['WARNING']
    assert "task 'segmentation': no pixel of the set is valid" in log[0].getMessage()


def test_an_image_without_valid_pixels_among_others_changes_nothing():
    valid = [[[True, True]], [[False, False]]]
    assert score([[[0, 1]], [[1, 1]]], [[[0, 1]], [[0, 0]]], 2, valid)['segmentation/mIoU'] == 100


@pytest.mark.parametrize('label', [-1, 2, 255])
def test_a_label_that_is_no_class_is_refused(label):
    with pytest.raises(ValueError, match=f'found labels from .*{label}.* expected 0 to 1'):
        score([[[0, 1]]], [[[0, label]]], 2)


def test_a_prediction_with_another_number_of_classes_is_refused():
    metric = SegmentationMetric('segmentation', num_classes=4)
    batch = dict(targets=dict(segmentation=torch.zeros(1, 2, 2, dtype=torch.long)),
                 valid=dict(segmentation=torch.ones(1, 2, 2, dtype=torch.bool)))
    with pytest.raises(ValueError, match='found a prediction of 3 channels, expected 4'):
        metric.process(batch, [dict(segmentation=torch.zeros(3, 2, 2))])


def test_is_found_in_the_registry():
    metric = METRICS.build(dict(type='SegmentationMetric', task='rooms', num_classes=3))
    assert isinstance(metric, SegmentationMetric) and metric.prefix == 'rooms'
