"""Depths to score, in batches, and their metrics with numpy."""
import numpy as np
import pytest
import torch

from lhl.evaluation import DepthMetric

ALL = ('AbsErr', 'RelErr', 'rmse', 'log_rmse')


def score(predicted, true, valid=None, names=None, aggregate='pixel', batch_size=None, kind=DepthMetric):
    """Score depths ``(B, H, W)`` in batches; by default all in one."""
    predicted, true = torch.as_tensor(predicted).float(), torch.as_tensor(true).float()
    valid = torch.ones_like(true, dtype=torch.bool) if valid is None else torch.as_tensor(valid)
    metric = kind('depth', names, aggregate)
    size = batch_size or len(predicted)
    for start in range(0, len(predicted), size):
        part = slice(start, start + size)
        metric.process(dict(targets=dict(depth=true[part, None]), valid=dict(depth=valid[part])),
                       [dict(depth=image[None]) for image in predicted[part]])
    return metric.evaluate(len(predicted))


def random_images(seed=0, images=5):
    """Depths, and masks with ever fewer valid pixels; the last image has none."""
    rng = np.random.default_rng(seed)
    predicted, true = rng.uniform(0.5, 10, (2, images, 7, 8)).astype(np.float32)
    return predicted, true, rng.random((images, 7, 8)) < np.linspace(1, 0, images)[:, None, None]


def independent(predicted, true):
    """All metrics of some pixels with numpy."""
    p, g = predicted.astype(np.float64), true.astype(np.float64)
    return {'depth/AbsErr': np.abs(p - g).mean(), 'depth/RelErr': (np.abs(p - g) / g).mean(),
            'depth/rmse': np.sqrt(np.square(p - g).mean()),
            'depth/log_rmse': np.sqrt(np.square(np.log(p) - np.log(g)).mean())}


def average(rows):
    return {name: pytest.approx(np.mean([row[name] for row in rows]), rel=1e-12) for name in rows[0]}
