import math

import pytest

from lhl.errors import ConfigError
from lhl.evaluation import DepthMetric

from .depths import ALL, average, independent, random_images, score


def test_over_images_every_image_with_valid_pixels_weighs_the_same():
    predicted, true, valid = random_images()
    expected = average([independent(p[v], g[v]) for p, g, v in zip(predicted, true, valid, strict=True) if v.any()])
    assert score(predicted, true, valid, ALL, 'image') == expected
    assert score(predicted, true, valid, ALL, 'image', batch_size=2) == expected


def test_over_batches_every_batch_with_valid_pixels_weighs_the_same():
    predicted, true, valid = random_images()
    parts = [slice(0, 2), slice(2, 4)]  # the third batch is the image without valid pixels
    expected = average([independent(predicted[part][valid[part]], true[part][valid[part]]) for part in parts])
    assert score(predicted, true, valid, ALL, 'batch', batch_size=2) == expected


def test_the_three_averages_by_hand():
    # Absolute errors 3 | 0 0 0 || 1, where | parts images and || batches.
    predicted, true = [[[4., 0, 0]], [[1., 1, 1]], [[2., 0, 0]]], [[[1., 1, 1]]] * 3
    valid = [[[True, False, False]], [[True, True, True]], [[True, False, False]]]
    absolute = {aggregate: score(predicted, true, valid, ['AbsErr'], aggregate, batch_size=2)['depth/AbsErr']
                for aggregate in ('pixel', 'image', 'batch')}
    assert absolute == pytest.approx({'pixel': 4 / 5, 'image': (3 + 0 + 1) / 3, 'batch': (3 / 4 + 1) / 2})


def test_an_unknown_average_is_answered_with_a_close_one():
    with pytest.raises(ConfigError, match="aggregate='images', which does not exist; did you mean 'image'"):
        DepthMetric('depth', aggregate='images')


@pytest.mark.parametrize('aggregate', ['pixel', 'batch', 'image'])
def test_no_valid_pixel_gives_nan_in_every_average(aggregate):
    metrics = score([[[1.]], [[2.]]], [[[0.]], [[0.]]], [[[False]], [[False]]], ALL, aggregate)
    assert list(metrics) == [f'depth/{name}' for name in ALL] and all(map(math.isnan, metrics.values()))
