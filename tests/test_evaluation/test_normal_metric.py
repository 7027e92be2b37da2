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
    assert metric.compute_metrics([np.array([below, at, at, at], np.float32)])['within_22.5'] == 25


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
    assert list(metrics) == list(NormalMetric.higher_is_better) and all(map(math.isnan, metrics.values()))


def test_an_image_costs_four_bytes_per_valid_pixel():
    metric = NormalMetric('normal')
    valid = torch.zeros(10, 10, dtype=torch.bool)
    valid[:3] = True
    assert metric.image_result(torch.ones(3, 10, 10), torch.ones(3, 10, 10), valid).nbytes == 4 * 30
