import math

import numpy as np
import pytest
import torch

from lhl.errors import ConfigError
from lhl.evaluation.metrics import SaliencyMetric
from lhl.registry import METRICS

ALL = ('maxF', 'mIoU')
DEFINITIONS = ('pooled', 'per_image')


def score(probabilities, truths, valid=None, definition='pooled'):
    """Score images ``(B, H, W)`` of probabilities."""
    logits = torch.logit(torch.as_tensor(np.asarray(probabilities, np.float64)))
    truths = torch.as_tensor(np.asarray(truths)).float()
    valid = torch.ones(truths.shape) > 0 if valid is None else torch.as_tensor(valid)
    metric = SaliencyMetric('saliency', ALL, definition)
    metric.process(dict(targets=dict(saliency=truths[:, None]), valid=dict(saliency=valid)),
                   [dict(saliency=image[None]) for image in logits])
    return {name.removeprefix('saliency/'): value for name, value in metric.evaluate(len(logits)).items()}


def divided(part, whole):
    return part / whole if whole else 0.0


def pooled(probabilities, truths, valid):
    """ATRC's and InvPT's F, and the mean IoU of two classes, threshold by threshold."""
    p, g = probabilities[valid], truths[valid]
    f_measures, ious = [], []
    for threshold in [number / 20 for number in range(1, 20)]:
        positive = p >= threshold
        precision, recall = divided((positive & g).sum(), positive.sum()), divided((positive & g).sum(), g.sum())
        f_measures.append(divided(1.3 * precision * recall, 0.3 * precision + recall))
        ious.append(np.mean([(a & b).sum() / (a | b).sum() for a, b in ((positive, g), (~positive, ~g))
                             if (a | b).any()]))
    return {'maxF': 100 * max(f_measures), 'mIoU': 100 * max(ious)}


def per_image(probabilities, truths, valid):
    """astmt's F and mIoU, threshold by threshold and image by image."""
    f_measures, ious = [], []
    for threshold in [number / 20 for number in range(4, 19)]:
        rows = []
        for p, g in [(p[v], g[v]) for p, g, v in zip(probabilities, truths, valid, strict=True) if v.any()]:
            positive = p > threshold
            hits, either = (positive & g).sum(), (positive | g).sum()
            rows.append([divided(hits, positive.sum()), divided(hits, g.sum()), hits / either if either else 1])
        precision, recall, iou = np.mean(rows, axis=0)
        f_measures.append(divided(2 * precision * recall, precision + recall))
        ious.append(iou)
    return {'maxF': 100 * max(f_measures), 'mIoU': 100 * max(ious)}


INDEPENDENT = dict(pooled=pooled, per_image=per_image)


def test_one_threshold_by_hand_pooled():
    # 3 predicted, 2 of them right, of 4 salient: P = 2/3, R = 1/2, F = 1.3 * (1/3) / (0.2 + 0.5). IoU 2/5; of the
    # other pixels 5 are right, 1 is wrong and 2 were missed, 5/8.
    truth = [[[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]]]
    probability = np.where([[[1, 1, 0, 0, 1, 0, 0, 0, 0, 0]]], 0.99, 0.01)
    metrics = score(probability, truth)
    assert metrics['maxF'] == pytest.approx(100 * 1.3 / 3 / 0.7)
    assert metrics['mIoU'] == pytest.approx(100 * (2 / 5 + 5 / 8) / 2)


def test_one_threshold_by_hand_per_image():
    # The first image is right; in the second 1 of 2 predicted pixels is right, of 4 salient: P = 3/4, R = 5/8.
    truth = [[[1, 0, 0, 0, 0]], [[1, 1, 1, 1, 0]]]
    probability = np.where([[[1, 0, 0, 0, 0]], [[1, 0, 0, 0, 1]]], 0.99, 0.01)
    metrics = score(probability, truth, definition='per_image')
    assert metrics['maxF'] == pytest.approx(100 * 2 * 0.75 * 0.625 / (0.75 + 0.625))
    assert metrics['mIoU'] == pytest.approx(100 * (1 + 1 / 5) / 2)


def test_the_two_definitions_differ():
    rng = np.random.default_rng(0)
    truths = rng.random((3, 8, 8)) < np.array([0.1, 0.5, 0.9])[:, None, None]
    probabilities = np.clip(0.2 * truths + 0.8 * rng.random(truths.shape), 0.01, 0.99)
    first, second = (score(probabilities, truths, definition=definition) for definition in DEFINITIONS)
    assert abs(first['maxF'] - second['maxF']) > 1 and abs(first['mIoU'] - second['mIoU']) > 1


@pytest.mark.parametrize('definition', DEFINITIONS)
@pytest.mark.parametrize('seed', range(5))
def test_agrees_with_an_independent_implementation(definition, seed):
    rng = np.random.default_rng(seed)
    truths = rng.random((4, 9, 10)) < 0.3
    probabilities = np.clip(0.4 * truths + 0.6 * rng.random(truths.shape), 0.01, 0.99)
    valid = rng.random(truths.shape) < np.linspace(1, 0, 4)[:, None, None]
    assert score(probabilities, truths, valid, definition) == pytest.approx(
        INDEPENDENT[definition](probabilities, truths, valid))


@pytest.mark.parametrize('definition', DEFINITIONS)
@pytest.mark.parametrize('probability', [0.01, 0.51, 0.99], ids=['nothing', 'constant', 'everything'])
@pytest.mark.parametrize('share', [0, 0.3, 1], ids=['empty', 'some', 'full'])
@pytest.mark.parametrize('size', [1, 6])
def test_agrees_with_it_where_prediction_or_truth_is_degenerate(definition, probability, share, size):
    truths = np.random.default_rng(0).random((2, size, size)) < share
    probabilities, valid = np.full(truths.shape, probability), np.ones(truths.shape, bool)
    assert score(probabilities, truths, valid, definition) == pytest.approx(
        INDEPENDENT[definition](probabilities, truths, valid))


def test_a_probability_that_is_a_threshold_is_positive_pooled_and_negative_per_image():
    # sigmoid(0) is exactly 0.5, the tenth of 19 thresholds and the seventh of 15.
    half, true, valid = torch.zeros(1, 1, 1), torch.ones(1, 1, 1), torch.ones(1, 1) > 0
    first, second = (SaliencyMetric('saliency', definition=definition).image_result(half, true, valid)
                     for definition in DEFINITIONS)
    np.testing.assert_array_equal(first[:2], [[1] * 10 + [0] * 9] * 2)
    np.testing.assert_array_equal(second[:2], [[1] * 6 + [0] * 9] * 2)


def test_a_map_that_is_right_at_one_threshold_scores_100():
    truths = np.array([[[1, 1, 0, 0]]])
    for definition in DEFINITIONS:
        assert score(np.where(truths, 0.62, 0.58), truths, definition=definition) == {'maxF': 100, 'mIoU': 100}


def test_where_nothing_is_found_maxf_is_0():
    for definition in DEFINITIONS:
        assert score([[[0.01, 0.01]]], [[[1, 1]]], definition=definition)['maxF'] == 0
        assert score([[[0.01, 0.99]]], [[[0, 0]]], definition=definition)['maxF'] == 0
        # Nothing salient and nothing predicted is right, but there is no precision and no recall.
        assert score([[[0.01, 0.01]]], [[[0, 0]]], definition=definition) == {'maxF': 0, 'mIoU': 100}


@pytest.mark.parametrize('definition', DEFINITIONS)
@pytest.mark.parametrize('garbage', [0, 1, math.nan, math.inf])
def test_what_lies_under_an_invalid_pixel_does_not_matter(definition, garbage):
    probabilities, valid = [[[0.9, 0.6, 0.5]]], [[[True, True, False]]]
    expected = score([[[0.9, 0.6]]], [[[1, 0]]], definition=definition)
    assert score(probabilities, [[[1, 0, garbage]]], valid, definition) == expected
    metric = SaliencyMetric('saliency', ALL, definition)
    logits = torch.tensor([[[math.log(9), math.log(1.5), garbage]]], dtype=torch.float64)
    result = metric.image_result(logits, torch.tensor([[[1., 0, 0]]]), torch.tensor(valid[0]))
    assert metric.compute_metrics([result]) == {name: pytest.approx(value) for name, value in expected.items()}


@pytest.mark.parametrize('definition', DEFINITIONS)
def test_no_valid_pixel_gives_nan_and_one_image_without_any_changes_nothing(definition):
    probabilities, truths = [[[0.9, 0.1]], [[0.9, 0.1]]], [[[1, 1]], [[0, 1]]]
    metrics = score(probabilities, truths, np.zeros((2, 1, 2), bool), definition)
    assert list(metrics) == list(ALL) and all(map(math.isnan, metrics.values()))
    assert score(probabilities, truths, [[[True, True]], [[False, False]]], definition) == score(
        probabilities[:1], truths[:1], definition=definition)


def test_a_diverged_prediction_finds_nothing():
    for definition in DEFINITIONS:
        assert score([[[math.nan, math.nan]]], [[[1, 0]]], definition=definition)['maxF'] == 0


def test_miou_is_reported_only_if_named_and_an_unknown_definition_is_refused():
    metric = METRICS.build(dict(type='SaliencyMetric', task='saliency'))
    assert metric.higher_is_better == {'maxF': True} and metric.definition == 'pooled'
    with pytest.raises(ConfigError, match="definition='per_pixel', which does not exist; did you mean"):
        SaliencyMetric('saliency', definition='per_pixel')
