"""What holds for every metric: batches and processes do not matter, and what cannot be scored is refused."""
import json
import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import DefaultSampler

from lhl.errors import ConfigError
from lhl.evaluation import DenseMetric, DepthMetric, NormalMetric, SegmentationMetric
from lhl.evaluation.metrics import BoundaryMetric, LossMetric, RegressionMetric, SaliencyMetric

NUM_IMAGES = 7
BUILDERS = dict(
    segmentation=lambda **options: SegmentationMetric('segmentation', 5, **options),
    depth=lambda **options: DepthMetric('depth', **options),
    normal=lambda **options: NormalMetric('normal', **options),
    edges=lambda **options: RegressionMetric('edges', **options),
    distance=lambda **options: LossMetric('distance', dict(type='DepthEstimation'), **options),
    boundary=lambda **options: BoundaryMetric('boundary', max_distance=0.2, num_thresholds=2, **options),
    saliency=lambda **options: SaliencyMetric('saliency', **options))
TASKS = tuple(BUILDERS)


def build(task, **options):
    """Build the metric of a task, of all its metrics unless told otherwise."""
    names = list(BUILDERS[task]().higher_is_better) + list(BUILDERS[task]().optional)
    return BUILDERS[task](**dict(names=names) | options)


def images():
    """Targets, masks and predictions of 7 images per task; their numbers of valid pixels differ, the last has none."""
    generator = torch.Generator().manual_seed(0)

    def noise(channels):
        return torch.randn(NUM_IMAGES, channels, 6, 8, generator=generator)

    targets = dict(segmentation=noise(5).argmax(dim=1), depth=noise(1).abs() + 0.1, normal=noise(3), edges=noise(2),
                   distance=noise(1), boundary=(noise(1) > 1).float(), saliency=(noise(1) > 0).float())
    shares = torch.linspace(1, 0, NUM_IMAGES)[:, None, None]
    valid = {task: torch.rand(NUM_IMAGES, 6, 8, generator=generator) < shares for task in TASKS}
    return targets, valid, dict(segmentation=noise(5), depth=noise(1), normal=noise(3), edges=noise(2),
                                distance=noise(1), boundary=noise(1), saliency=noise(1))


def process(metric, indices):
    """Show the metric one batch of the images."""
    targets, valid, predictions = images()
    batch = dict(inputs=None, targets={task: values[indices] for task, values in targets.items()},
                 valid={task: values[indices] for task, values in valid.items()}, meta=[{}] * len(indices))
    metric.process(batch, [{task: predictions[task][index] for task in TASKS} for index in indices])


def score_at_once(task, indices=tuple(range(NUM_IMAGES)), **options):
    metric = build(task, **options)
    process(metric, list(indices))
    return metric.evaluate(len(indices))


#: Every metric, and every option but the one that is about batches.
VARIANTS = [(task, {}) for task in TASKS] + [(task, dict(aggregate='image')) for task in ('depth', 'normal')] + [
    ('saliency', dict(definition='per_image')), ('segmentation', dict(absent='zero'))]


@pytest.mark.parametrize('task, options', VARIANTS)
@settings(deadline=None, max_examples=20)
@given(order=st.permutations(range(NUM_IMAGES)), cuts=st.sets(st.integers(1, NUM_IMAGES - 1)))
def test_any_order_and_any_split_into_batches_gives_identical_metrics(task, options, order, cuts):
    metric = build(task, **options)
    edges = [0, *sorted(cuts), NUM_IMAGES]
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        process(metric, list(order[start:stop]))
    assert metric.evaluate(NUM_IMAGES) == score_at_once(task, **options)


def _evaluate_rank(rank, folder):
    """Score this rank's share of the images, padded by the sampler to 4 of 7."""
    os.chdir(folder)
    dist.init_process_group('gloo', store=dist.FileStore(f'{folder}/store', 2), rank=rank, world_size=2)
    metrics = {}
    for task in TASKS:
        metric = build(task)
        for index in DefaultSampler(range(NUM_IMAGES), shuffle=False, round_up=True, seed=0):
            process(metric, [index])
        assert len(metric.results) == 4
        metrics |= metric.evaluate(NUM_IMAGES)
    for task in ('depth', 'normal'):
        metric = build(task, aggregate='batch')
        indices = list(DefaultSampler(range(NUM_IMAGES), shuffle=False, round_up=True, seed=0))
        process(metric, indices[:2])
        process(metric, indices[2:])
        metrics |= {f'{name} over batches': value for name, value in metric.evaluate(NUM_IMAGES).items()}
    with open(f'rank{rank}.json', 'w') as file:
        json.dump(metrics, file)
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one_exactly_although_the_sampler_repeats_an_image(tmp_path):
    mp.spawn(_evaluate_rank, (str(tmp_path),), nprocs=2)
    expected = {name: value for task in TASKS for name, value in score_at_once(task).items()}
    for task in ('depth', 'normal'):
        # What each process scores at once; image 0, which the sampler repeats after 5, and image 6 by itself are not
        # scored twice, and have no valid pixel, respectively.
        batches = [score_at_once(task, indices, aggregate='batch') for indices in ([0, 2], [4, 6], [1, 3], [5])]
        expected |= {f'{name} over batches': pytest.approx(sum(batch[name] for batch in batches) / 4, rel=1e-14)
                     for name in batches[0]}
    assert json.loads((tmp_path / 'rank0.json').read_text()) == expected
    assert json.loads((tmp_path / 'rank1.json').read_text()) == expected


def test_evaluating_empties_the_metric():
    metric = build('depth')
    process(metric, [1])
    metric.evaluate(1)
    process(metric, [2])
    fresh = build('depth')
    process(fresh, [2])
    assert metric.evaluate(1) == fresh.evaluate(1)


@pytest.mark.parametrize('task', TASKS)
def test_the_metrics_are_declared_in_the_order_in_which_they_come(task):
    metric = BUILDERS[task]()
    known = type(metric).higher_is_better
    assert list(metric.higher_is_better) == [name for name in known if name not in metric.optional]
    assert list(score_at_once(task, names=list(known))) == [f'{task}/{name}' for name in known]
    assert metric.units.keys() <= known.keys() and set(metric.optional) < known.keys()


def test_what_is_optional_is_reported_only_if_named_and_in_the_order_of_the_names():
    assert list(score_at_once('depth', names=None)) == ['depth/AbsErr', 'depth/RelErr']
    assert list(score_at_once('depth', names=['rmse', 'AbsErr'])) == ['depth/rmse', 'depth/AbsErr']
    assert build('depth', names=['rmse', 'AbsErr']).higher_is_better == {'rmse': False, 'AbsErr': False}
    assert DepthMetric.higher_is_better.keys() == {'AbsErr', 'RelErr', 'rmse', 'log_rmse'}


@pytest.mark.parametrize('name, cure', [('mIou', "did you mean 'mIoU'"), ('speed', 'known: PixAcc, mIoU')])
def test_an_unknown_metric_is_answered_with_the_known_ones(name, cure):
    with pytest.raises(ConfigError, match=f"SegmentationMetric of task 'segmentation' has no metric '{name}'; {cure}"):
        SegmentationMetric('segmentation', 5, names=['PixAcc', name])


def test_a_prediction_that_needs_a_gradient_is_scored():
    metric = NormalMetric('normal')
    target = torch.ones(1, 3, 2, 2)
    metric.process(dict(targets=dict(normal=target), valid=dict(normal=torch.ones(1, 2, 2, dtype=torch.bool))),
                   [dict(normal=target[0].clone().requires_grad_())])
    assert metric.evaluate(1)['normal/mean'] == 0


def test_data_without_the_task_is_refused_by_name():
    with pytest.raises(ConfigError, match="task 'depth' cannot be scored on data whose only targets are normal"):
        build('depth').process(dict(targets=dict(normal=None), valid={}), [])


@pytest.mark.parametrize('prediction, target, valid', [
    ((1, 4, 4), (1, 8, 8), (8, 8)),
    ((3, 8, 8), (1, 8, 8), (8, 8)),
    ((1, 8, 8), (1, 8, 8), (1, 8)),
])
def test_shapes_that_would_broadcast_are_refused(prediction, target, valid):
    batch = dict(targets=dict(depth=torch.ones(1, *target)), valid=dict(depth=torch.ones(1, *valid) > 0))
    with pytest.raises(ValueError, match="task 'depth': found a prediction of shape"):
        DepthMetric('depth').process(batch, [dict(depth=torch.ones(prediction))])


def test_a_batch_with_another_number_of_predictions_is_refused():
    batch = dict(targets=dict(depth=torch.ones(2, 1, 2, 2)), valid=dict(depth=torch.ones(2, 2, 2) > 0))
    with pytest.raises(ValueError, match='zip'):
        DepthMetric('depth').process(batch, [dict(depth=torch.ones(1, 2, 2))])


def test_a_new_kind_of_metric_is_two_methods():
    class Largest(DenseMetric):
        higher_is_better = {'largest': False}

        def image_result(self, prediction, target, valid):
            return (prediction - target).abs().amax(dim=0)[valid].amax().item()

        def score(self, results):
            return dict(largest=max(results))

    metric = Largest('edges')
    metric.process(dict(targets=dict(edges=torch.zeros(2, 1, 1, 2)), valid=dict(edges=torch.ones(2, 1, 2) > 0)),
                   [dict(edges=torch.tensor([[[1., 2.]]])), dict(edges=torch.tensor([[[3., -4.]]]))])
    assert metric.evaluate(2) == {'edges/largest': 4}
