import math

import numpy as np
import pytest
import skimage.filters
import skimage.morphology
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from lhl.errors import ConfigError
from lhl.evaluation.metrics import BoundaryMetric
from lhl.registry import METRICS

ALL = ('odsF', 'precision', 'recall')


def score(probabilities, truths, valid=None, **options):
    """Score images ``(B, H, W)`` of probabilities."""
    logits = torch.logit(torch.as_tensor(np.asarray(probabilities, np.float64)))
    truths = torch.as_tensor(np.asarray(truths)).float()
    valid = torch.ones(truths.shape) > 0 if valid is None else torch.as_tensor(valid)
    metric = BoundaryMetric('boundary', ALL, **options)
    metric.process(dict(targets=dict(boundary=truths[:, None]), valid=dict(boundary=valid)),
                   [dict(boundary=image[None]) for image in logits])
    return {name.removeprefix('boundary/'): value for name, value in metric.evaluate(len(logits)).items()}


def independent(probabilities, truths, valid, max_distance, num_thresholds):
    """Precision, recall and F per threshold with scikit-image, all distances and the Hungarian algorithm."""
    scores = []
    for threshold in np.linspace(1 / (num_thresholds + 1), 1 - 1 / (num_thresholds + 1), num_thresholds):
        matched = predicted = true = 0
        for probability, truth, mask in zip(probabilities, truths, valid, strict=True):
            lines = np.argwhere(skimage.morphology.thin((probability >= threshold) & mask))
            pixels = np.argwhere(truth & mask)
            near = cdist(lines, pixels) <= max_distance * math.hypot(*truth.shape)
            matched += near[linear_sum_assignment(near, maximize=True)].sum()
            predicted, true = predicted + len(lines), true + len(pixels)
        precision, recall = matched / max(predicted, 1), matched / max(true, 1)
        f_measure = 2 * precision * recall / (precision + recall) if matched else 0
        scores.append([100 * f_measure, 100 * precision, 100 * recall])
    return dict(zip(ALL, max(scores, key=lambda row: row[0]), strict=True))


def line(column, height=30, width=40, certain=0.9):
    """An image of one vertical line."""
    image = np.full((height, width), 0.001)
    image[:, column] = certain
    return image


def row(*columns, width=10):
    """An image of one row whose pixels at these columns are positive."""
    return np.isin(np.arange(width), columns)[None]


def at(mask, certain=0.9):
    return np.where(mask, certain, 0.001)


def test_the_truth_itself_scores_100():
    assert score([line(7)], [line(7) > 0.5]) == {'odsF': 100, 'precision': 100, 'recall': 100}


@pytest.mark.parametrize('shift, found', [(3, 100), (4, 0)])
def test_a_line_is_found_up_to_the_largest_distance(shift, found):
    # The diagonal of 30 x 40 is 50, so that 0.06 of it is 3 pixels.
    assert score([line(7 + shift)], [line(7) > 0.5], max_distance=0.06)['odsF'] == pytest.approx(found)


def test_two_predictions_beside_one_true_pixel_are_one_hit_and_one_false_alarm():
    metrics = score([at(row(4, 6))], [row(5)], max_distance=1.5 / math.hypot(1, 10))
    assert metrics == {'odsF': pytest.approx(100 * 2 / 3), 'precision': 50, 'recall': 100}


def test_one_prediction_between_two_true_pixels_is_one_hit_and_one_miss():
    metrics = score([at(row(5))], [row(4, 6)], max_distance=1.5 / math.hypot(1, 10))
    assert metrics == {'odsF': pytest.approx(100 * 2 / 3), 'precision': 100, 'recall': 50}


def test_the_nearest_pixel_is_given_up_where_that_matches_more():
    # The prediction at 3 is nearest to 2, but only it reaches 5, and the one at 0 only reaches 2.
    assert score([at(row(0, 3))], [row(2, 5)], max_distance=2.1 / math.hypot(1, 10))['odsF'] == 100


def test_a_thick_prediction_is_thinned_and_a_thick_truth_is_not():
    thick = line(10)
    thick[:, 9:12] = 0.9
    # The thinned line loses a pixel at either end.
    metrics = score([thick], [line(10) > 0.5], max_distance=0.02)
    assert metrics['precision'] == 100 and metrics['recall'] >= 100 * 28 / 30
    wide = np.zeros((30, 40), bool)
    wide[:, 9:12] = True
    assert score([line(10)], [wide], max_distance=0.02)['recall'] == pytest.approx(100 / 3)


def test_the_threshold_is_the_best_of_the_set_and_not_of_each_image():
    # Alone, either image has a threshold without its weaker, false line and scores 100. Together they have not: above
    # 0.4 and up to 0.6 there are 2 hits and 1 false alarm, above 0.6 and up to 0.8 one hit and no false alarm.
    first, second = at(row(2), 0.8) + at(row(8), 0.6), at(row(2), 0.6) + at(row(8), 0.4)
    truths = [row(2)] * 2
    assert score([first], truths[:1])['odsF'] == score([second], truths[:1])['odsF'] == 100
    metrics = score([first, second], truths)
    assert metrics == {'odsF': pytest.approx(80), 'precision': pytest.approx(100 * 2 / 3), 'recall': 100}


def test_a_probability_that_is_a_threshold_is_predicted():
    metric = BoundaryMetric('boundary')
    np.testing.assert_allclose(metric.thresholds, [number / 100 for number in range(1, 100)], rtol=1e-15)
    counts, _, _ = metric.image_result(torch.zeros(1, 1, 1), torch.ones(1, 1, 1), torch.ones(1, 1) > 0)  # 0.5
    np.testing.assert_array_equal(counts, [[1] * 50 + [0] * 49] * 2)


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('distance', [0, 0.06, 0.2])
def test_agrees_with_an_independent_implementation_on_random_images(seed, distance):
    rng = np.random.default_rng(seed)
    truths = rng.random((3, 11, 13)) < 0.2
    smooth = np.stack([skimage.filters.gaussian(truth.astype(float), 0.7) for truth in truths])
    # Few levels, so that many thresholds have the same mask.
    probabilities = np.clip(np.round(smooth + 0.3 * rng.random(truths.shape), 1), 0.001, 0.999)
    valid = rng.random(truths.shape) < (1 if seed % 2 else 0.8)
    assert score(probabilities, truths, valid, max_distance=distance, num_thresholds=19) == pytest.approx(
        independent(probabilities, truths, valid, distance, 19))


@pytest.mark.parametrize('probability', [0.001, 0.3, 0.999], ids=['nothing', 'constant', 'everything'])
@pytest.mark.parametrize('truth', [0, 0.2, 1], ids=['empty', 'some', 'full'])
def test_agrees_with_it_where_prediction_or_truth_is_degenerate(probability, truth):
    truths = np.random.default_rng(0).random((2, 9, 12)) < truth
    probabilities, valid = np.full(truths.shape, probability), np.ones(truths.shape, bool)
    assert score(probabilities, truths, max_distance=0.1, num_thresholds=9) == pytest.approx(
        independent(probabilities, truths, valid, 0.1, 9))


def test_where_nothing_is_found_the_score_is_0():
    nothing = {'odsF': 0, 'precision': 0, 'recall': 0}
    assert score([at(row())], [row(3)]) == nothing
    assert score([at(row(3))], [row()]) == nothing
    assert score([at(row())], [row()]) == nothing


def test_fewer_thresholds_never_score_better():
    rng = np.random.default_rng(0)
    truths = rng.random((2, 10, 10)) < 0.2
    probabilities = np.clip(truths * 0.3 + rng.random(truths.shape) * 0.7, 0.001, 0.999)
    # 1/4, 2/4 and 3/4 are among 1/100 to 99/100.
    assert score(probabilities, truths, num_thresholds=3)['odsF'] <= score(probabilities, truths)['odsF']


def test_invalid_pixels_are_neither_predicted_nor_true():
    valid = ~row(5, 7)[None]
    expected = {'odsF': 100, 'precision': 100, 'recall': 100}
    assert score([at(row(2, 5))], [row(2, 7)], valid) == expected
    garbage = np.where(row(5, 7), math.nan, at(row(2)))
    assert score([garbage], [np.where(row(5, 7), math.nan, row(2))], valid) == expected


def test_an_invalid_prediction_does_not_bend_the_lines_beside_it():
    # Thinned with the invalid columns, the three columns would shrink to the middle one, which is invalid.
    image, valid = line(9), np.ones((30, 40), bool)
    image[:, 9:12], valid[:, 10:] = 0.9, False
    assert score([image], [line(9) > 0.5], valid[None], max_distance=0) == dict.fromkeys(ALL, 100)


def test_no_valid_pixel_gives_nan():
    metrics = score([at(row(2))], [row(2)], ~row(*range(10))[None])
    assert list(metrics) == list(ALL) and all(map(math.isnan, metrics.values()))


def test_an_image_without_valid_pixels_among_others_changes_nothing():
    valid = np.stack([row(*range(10)), row()])
    assert score([at(row(2)), at(row(3))], [row(2), row(9)], valid)['odsF'] == 100


def test_a_diverged_prediction_finds_nothing():
    assert score([np.full((1, 10), math.nan)], [row(2)])['odsF'] == 0


def test_half_precision_logits_are_scored():
    metric, mask = BoundaryMetric('boundary'), torch.tensor(row(2))
    result = metric.image_result((mask.half() * 10 - 5)[None], mask[None].float(), torch.ones(1, 10) > 0)
    assert metric.score([result])['odsF'] == 100


def test_precision_and_recall_are_reported_only_if_named():
    metric = METRICS.build(dict(type='BoundaryMetric', task='boundary', max_distance=0.0075))
    assert metric.higher_is_better == {'odsF': True}


@pytest.mark.parametrize('options', [dict(max_distance=-0.1), dict(num_thresholds=0)])
def test_impossible_options_are_refused(options):
    with pytest.raises(ConfigError, match=f'{next(iter(options))}={next(iter(options.values()))}'):
        BoundaryMetric('boundary', **options)
