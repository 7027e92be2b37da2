import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lhl.evaluation import NormalMetric
from lhl.evaluation.metrics.normal import angles


def tilted(degrees):
    """Unit vectors ``(3, 1, N)`` at these angles from the z axis."""
    radians = np.radians(np.asarray(degrees, np.float64))
    return torch.from_numpy(np.stack([np.sin(radians), 0 * radians, np.cos(radians)])[:, None]).float()


def score_batches(*batches, aggregate, names=None):
    """Score batches of images, each a row of vectors at some angles from the truth."""
    metric = NormalMetric('normal', names, aggregate)
    for batch in batches:
        width = max(1, *map(len, batch))
        valid = torch.tensor([[True] * len(degrees) + [False] * (width - len(degrees)) for degrees in batch])
        predictions = [tilted([*degrees] + [77] * (width - len(degrees))) for degrees in batch]
        target = tilted([0] * width).expand(len(batch), 3, 1, width)
        metric.process(dict(targets=dict(normal=target), valid=dict(normal=valid[:, None])),
                       [dict(normal=prediction) for prediction in predictions])
    metrics = metric.evaluate(sum(map(len, batches)))
    return {name.removeprefix('normal/'): value for name, value in metrics.items()}


def score(predicted, true, valid=None):
    """Score one image of vectors ``(3, H, W)``."""
    valid = torch.ones(true.shape[1:], dtype=torch.bool) if valid is None else valid
    metric = NormalMetric('normal')
    metric.process(dict(targets=dict(normal=true[None]), valid=dict(normal=valid[None])), [dict(normal=predicted)])
    return {name.removeprefix('normal/'): value for name, value in metric.evaluate(1).items()}


def test_known_angles_by_hand():
    degrees = [0, 10, 20, 25, 40, 85]
    metrics = score(tilted(degrees), tilted([0] * 6))
    assert list(metrics) == ['mean', 'median', 'within_11.25', 'within_22.5', 'within_30']
    assert metrics['mean'] == pytest.approx(30, abs=1e-5)
    assert metrics['median'] == pytest.approx(22.5, abs=1e-5)
    assert metrics['within_11.25'] == pytest.approx(100 * 2 / 6)
    assert metrics['within_22.5'] == pytest.approx(100 * 3 / 6)
    assert metrics['within_30'] == pytest.approx(100 * 4 / 6)


@pytest.mark.parametrize('degrees, median', [([1, 2, 90], 2), ([1, 2, 4, 90], 3)])
def test_the_median_is_the_middle_value_or_the_mean_of_the_two_middle_ones(degrees, median):
    assert score(tilted(degrees), tilted([0] * len(degrees)))['median'] == pytest.approx(median, abs=1e-5)


def test_the_median_is_over_the_set_and_not_over_images():
    metric = NormalMetric('normal')
    for degrees in ([1, 2, 3, 4, 5], [50], [60]):
        target = tilted([0] * len(degrees))[None]
        metric.process(dict(targets=dict(normal=target),
                            valid=dict(normal=torch.ones(target.shape[0], *target.shape[2:], dtype=torch.bool))),
                       [dict(normal=tilted(degrees))])
    assert metric.evaluate(3)['normal/median'] == pytest.approx(4, abs=1e-5)


def test_agrees_with_the_arc_cosine_in_double_precision():
    rng = np.random.default_rng(0)
    predicted, true = (torch.from_numpy(rng.normal(size=(3, 20, 30)).astype(np.float32)) for _ in range(2))
    valid = torch.from_numpy(rng.random((20, 30)) < 0.7)
    p, g = (vectors.numpy()[:, valid.numpy()].astype(np.float64) for vectors in (predicted, true))
    cosine = (p * g).sum(0) / np.sqrt((p * p).sum(0) * (g * g).sum(0))
    error = np.degrees(np.arccos(cosine))
    metrics = score(predicted, true, valid)
    assert metrics['mean'] == pytest.approx(error.mean(), abs=1e-5)
    assert metrics['median'] == pytest.approx(np.median(error), abs=1e-5)
    for limit in (11.25, 22.5, 30):
        assert metrics[f'within_{limit:g}'] == pytest.approx(100 * (error < limit).mean())


def test_identical_vectors_are_exactly_0_and_opposite_ones_exactly_180_degrees():
    vectors = torch.nn.functional.normalize(torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0)), dim=0)
    assert score(vectors, vectors) == {
        'mean': 0, 'median': 0, 'within_11.25': 100, 'within_22.5': 100, 'within_30': 100}
    assert score(-vectors, vectors) == {
        'mean': 180, 'median': 180, 'within_11.25': 0, 'within_22.5': 0, 'within_30': 0}


@pytest.mark.parametrize('degrees', [0.001, 179.999])
def test_a_thousandth_of_a_degree_is_resolved(degrees):
    assert score(tilted([degrees]), tilted([0]))['mean'] == pytest.approx(degrees, abs=2e-5 if degrees > 90 else 1e-9)


@given(st.lists(st.floats(-10, 10, width=32), min_size=6, max_size=6), st.floats(0.1, 100), st.floats(0.1, 100))
def test_the_length_of_either_vector_does_not_matter(values, first, second):
    p, g = torch.tensor(values, dtype=torch.float64).reshape(2, 3, 1) + 1e-3
    angle = angles(p, g).item()
    assert 0 <= angle <= 180
    assert angles(p * first, g * second).item() == pytest.approx(angle, abs=1e-6)
    assert angles(g, p).item() == pytest.approx(angle, abs=1e-12)


def test_a_vector_without_a_direction_counts_as_90_degrees():
    assert score(torch.zeros(3, 1, 1), tilted([0]))['mean'] == pytest.approx(90)


def test_the_limits_themselves_are_not_within():
    metric = NormalMetric('normal')
    below, at = np.nextafter(np.float32(22.5), np.float32(0)), np.float32(22.5)
    assert metric.score_together([np.array([below, at, at, at], np.float32)])['within_22.5'] == 25


@pytest.mark.parametrize('garbage', [0, math.nan, math.inf])
def test_what_lies_under_an_invalid_pixel_does_not_matter(garbage):
    predicted, true = tilted([10, 0]), tilted([0, 0])
    predicted[:, 0, 1], true[:, 0, 1] = garbage, garbage
    assert score(predicted, true, torch.tensor([[True, False]]))['mean'] == pytest.approx(10, abs=1e-5)


def test_one_pixel_is_enough():
    metrics = score(tilted([20]), tilted([0]))
    assert metrics['mean'] == metrics['median'] == pytest.approx(20, abs=1e-5)


def test_no_valid_pixel_gives_nan():
    metrics = score(tilted([0, 0]), tilted([0, 0]), torch.zeros(1, 2, dtype=torch.bool))
    assert list(metrics) == ['mean', 'median', 'within_11.25', 'within_22.5', 'within_30']
    assert all(map(math.isnan, metrics.values()))


def test_an_image_costs_four_bytes_per_valid_pixel():
    metric = NormalMetric('normal')
    valid = torch.zeros(10, 10, dtype=torch.bool)
    valid[:3] = True
    assert metric.image_result(torch.ones(3, 10, 10), torch.ones(3, 10, 10), valid).nbytes == 4 * 30


def test_rmse_is_the_root_of_the_mean_squared_angle_and_reported_only_if_named():
    metrics = score_batches([[3, 4], [12]], aggregate='pixel', names=['rmse'])
    assert metrics == {'rmse': pytest.approx(13 / math.sqrt(3), abs=1e-5)}


def test_over_batches_means_and_lower_middle_values_of_batches_are_averaged():
    # The first batch has 1, 2, 4 and 9 degrees, the second 40; the third has no valid pixel.
    metrics = score_batches([[1, 9], [2, 4]], [[40]], [[]], aggregate='batch')
    assert metrics['mean'] == pytest.approx((4 + 40) / 2, abs=1e-5)
    assert metrics['median'] == pytest.approx((2 + 40) / 2, abs=1e-5)
    assert [metrics[f'within_{limit}'] for limit in ('11.25', '22.5', '30')] == [50, 50, 50]


def test_over_images_means_and_medians_of_images_are_averaged():
    metrics = score_batches([[1, 9], [2]], [[40, 50, 80]], [[]], aggregate='image', names=['mean', 'median', 'rmse'])
    assert metrics['mean'] == pytest.approx((5 + 2 + 170 / 3) / 3, abs=1e-5)
    assert metrics['median'] == pytest.approx((5 + 2 + 50) / 3, abs=1e-5)
    assert metrics['rmse'] == pytest.approx((math.sqrt(41) + 2 + math.sqrt(3500)) / 3, abs=1e-5)


@given(st.lists(st.lists(st.floats(0, 180, width=32), min_size=1, max_size=7), min_size=1, max_size=4))
def test_the_median_over_batches_is_that_of_torch(batches):
    metric = NormalMetric('normal', aggregate='batch')
    results = [((0, number, 0), np.array(degrees, np.float32)) for number, degrees in enumerate(batches)]
    expected = np.mean([torch.tensor(degrees).median().item() for degrees in batches])
    assert metric.compute_metrics(results)['median'] == pytest.approx(expected)


@pytest.mark.parametrize('aggregate', ['pixel', 'batch', 'image'])
def test_a_diverged_prediction_shows_in_every_average(aggregate):
    metric = NormalMetric('normal', aggregate=aggregate)
    place = (0, 0, 0)
    metrics = metric.compute_metrics([(place, np.array([1, math.nan, 2], np.float32))])
    assert math.isnan(metrics['mean']) and math.isnan(metrics['median'])
