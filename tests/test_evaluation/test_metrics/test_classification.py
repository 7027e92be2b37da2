import math

import pytest
import torch

from lhl.evaluation import ClassificationMetric


def score(scores, labels, valid=None, names=None, of_task=(2, 3)):
    """Score images given by a row of four logits each."""
    metric = ClassificationMetric('objects', 4, of_task, names)
    predictions = torch.tensor(scores, dtype=torch.float32).reshape(-1, 4, 1, 1)
    count = len(predictions)
    metric.process(
        dict(targets=dict(objects=torch.tensor(labels).reshape(count, 1, 1)),
             valid=dict(objects=torch.tensor(valid or [True] * count).reshape(count, 1, 1))),
        [dict(objects=prediction) for prediction in predictions])
    return {name.removeprefix('objects/'): value for name, value in metric.evaluate(count).items()}


def test_accuracies_by_hand():
    # Right among all; right among its own only, because of another task's class; wrong among both; right among all.
    scores = [[0, 1, 9, 8], [9, 0, 1, 2], [0, 0, 5, 4], [1, 2, 3, 4]]
    assert score(scores, [2, 3, 3, 3]) == {'class_il': 50.0, 'task_il': 75.0}


def test_an_image_that_is_not_valid_does_not_count():
    scores = [[0, 0, 1, 0], [9, 0, 0, 0]]
    assert score(scores, [2, 0], [True, False]) == {'class_il': 100.0, 'task_il': 100.0}


def test_a_task_of_all_classes_has_the_same_number_twice():
    scores = [[3, 1, 0, 0], [0, 1, 2, 3], [0, 1, 0, 0]]
    metrics = score(scores, [0, 2, 1], of_task=(0, 1, 2, 3))
    assert metrics == {'class_il': pytest.approx(200 / 3), 'task_il': pytest.approx(200 / 3)}


def test_the_order_of_the_labels_does_not_matter():
    assert score([[0, 0, 1, 2]], [3], of_task=(3, 2)) == {'class_il': 100.0, 'task_il': 100.0}


def test_no_valid_image_gives_nan():
    assert all(math.isnan(value) for value in score([[0, 0, 0, 1]], [3], [False]).values())


def test_a_valid_label_of_another_task_is_refused():
    with pytest.raises(ValueError, match="found the label 1 of a valid image, expected one of 2, 3"):
        score([[0, 0, 0, 1]], [1])


def test_a_prediction_of_other_classes_is_refused():
    metric = ClassificationMetric('objects', 5, [0])
    with pytest.raises(ValueError, match='found a prediction of 4 channels, expected 5, one per class'):
        metric.image_result(torch.zeros(4, 1, 1), torch.zeros(1, 1, dtype=torch.int64), torch.ones(1, 1).bool())


def test_metrics_can_be_chosen():
    assert score([[0, 0, 0, 1]], [3], names=['task_il']) == {'task_il': 100.0}
