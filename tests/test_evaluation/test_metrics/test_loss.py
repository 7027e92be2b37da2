import math

import pytest
import torch

from lhl.errors import ConfigError
from lhl.evaluation.metrics import LossMetric
from lhl.evaluation.metrics.loss import summed_numbers
from lhl.tasks import PrincipalCurvatureEstimation, Regression, SaliencyEstimation, Task

SEGMENTATION = dict(type='SemanticSegmentation', num_classes=3)
NORMAL = dict(type='SurfaceNormalEstimation')
DEPTH = dict(type='DepthEstimation', mean=2.0, std=4.0)
TWO_CHANNELS = dict(type=Regression, out_channels=2, mean=[0.0, 1.0], std=[2.0, 4.0])


def score(kind, predictions, targets, valid, names=('loss', 'loss_mean'), batch_size=None):
    """Score images in batches; by default all in one."""
    metric = LossMetric('task', kind, names)
    size = batch_size or len(predictions)
    for start in range(0, len(predictions), size):
        part = slice(start, start + size)
        metric.process(dict(targets=dict(task=targets[part]), valid=dict(task=valid[part])),
                       [dict(task=prediction) for prediction in predictions[part]])
    return {name.removeprefix('task/'): value for name, value in metric.evaluate(len(predictions)).items()}


def everywhere(*shape):
    return torch.ones(shape, dtype=torch.bool)


def test_cross_entropy_of_even_logits_is_the_logarithm_of_the_number_of_classes():
    logits, target = torch.zeros(1, 3, 1, 2), torch.tensor([[[0, 2]]])
    metrics = score(SEGMENTATION, logits, target, everywhere(1, 1, 2))
    assert metrics == {'loss': pytest.approx(math.log(3)), 'loss_mean': pytest.approx(math.log(3))}


def test_cross_entropy_by_hand():
    # softmax([ln 2, 0, 0]) = [1/2, 1/4, 1/4]: -ln(1/2) where the label is 0, -ln(1/4) where it is 1.
    logits = torch.tensor([math.log(2), 0, 0]).reshape(1, 3, 1, 1).expand(1, 3, 1, 2)
    metrics = score(SEGMENTATION, logits, torch.tensor([[[0, 1]]]), everywhere(1, 1, 2))
    assert metrics['loss'] == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_the_loss_of_unit_vectors_is_one_minus_the_cosine_and_is_not_divided_by_their_components():
    # 0, 60 and 180 degrees: 0, 1/2 and 2.
    predicted = torch.tensor([[0., 0, 1], [math.sqrt(3) / 2, 0, 0.5], [0, 0, -1]]).T.reshape(1, 3, 1, 3)
    target = torch.tensor([0., 0, 1]).reshape(1, 3, 1, 1).expand(1, 3, 1, 3)
    expected = pytest.approx(2.5 / 3)
    assert score(NORMAL, predicted, target, everywhere(1, 1, 3)) == {'loss': expected, 'loss_mean': expected}


def test_two_standardised_channels_add_up_in_the_loss_and_are_averaged_in_its_mean():
    # Errors of 2 and 8 are 1 and 2 standard deviations; the second pixel is exact.
    predicted = torch.tensor([[[[2., 5.]], [[8., 1.]]]])
    target = torch.tensor([[[[0., 5.]], [[0., 1.]]]])
    assert score(TWO_CHANNELS, predicted, target, everywhere(1, 1, 2)) == {'loss': 1.5, 'loss_mean': 0.75}


def test_a_standardised_depth_is_scored_in_standard_deviations():
    predicted, target = torch.tensor([[[[3., 7.]]]]), torch.tensor([[[[1., 1.]]]])
    assert score(DEPTH, predicted, target, everywhere(1, 1, 2)) == {'loss': 1, 'loss_mean': 1}


def test_every_valid_pixel_weighs_the_same_whatever_image_it_is_in():
    predicted, target = torch.tensor([[[[5., 9.]]], [[[1., 1.]]]]), torch.ones(2, 1, 1, 2)
    valid = torch.tensor([[[True, False]], [[True, True]]])
    assert score(DEPTH, predicted, target, valid)['loss'] == pytest.approx(1 / 3)


@pytest.mark.parametrize('kind, channels', [(SEGMENTATION, 3), (NORMAL, 3), (DEPTH, 1)])
def test_neither_batches_nor_the_order_matter(kind, channels):
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randn(5, channels, 6, 7, generator=generator)
    target = (predicted.argmax(1) if kind is SEGMENTATION else torch.randn(predicted.shape, generator=generator))
    valid = torch.rand(5, 6, 7, generator=generator) < torch.linspace(0, 1, 5)[:, None, None]
    expected = score(kind, predicted, target, valid)
    assert expected['loss'] > 0
    assert score(kind, predicted, target, valid, batch_size=2) == expected
    assert score(kind, predicted.flip(0), target.flip(0), valid.flip(0), batch_size=1) == expected


@pytest.mark.parametrize('garbage', [math.nan, math.inf, -1])
def test_what_lies_under_an_invalid_pixel_does_not_matter(garbage):
    predicted, target = torch.tensor([[[[5., garbage]]]]), torch.tensor([[[[1., garbage]]]])
    assert score(DEPTH, predicted, target, torch.tensor([[[True, False]]]))['loss'] == 1


def test_a_label_that_is_no_class_does_not_matter_where_it_is_invalid():
    target, valid = torch.tensor([[[0, -1]]]), torch.tensor([[[True, False]]])
    assert score(SEGMENTATION, torch.zeros(1, 3, 1, 2), target, valid)['loss'] == pytest.approx(math.log(3))


def test_no_valid_pixel_gives_nan():
    metrics = score(DEPTH, torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), ~everywhere(1, 2, 2))
    assert list(metrics) == ['loss', 'loss_mean'] and all(map(math.isnan, metrics.values()))


def test_half_precision_predictions_are_scored_in_single():
    predicted = torch.full((1, 1, 300, 300), 5.0, dtype=torch.float16)
    assert score(DEPTH, predicted, torch.ones(1, 1, 300, 300), everywhere(1, 300, 300))['loss'] == 1


def test_the_mean_per_number_is_reported_only_if_named():
    assert list(LossMetric('task', DEPTH).higher_is_better) == ['loss']
    assert list(LossMetric('task', DEPTH, ['loss_mean']).higher_is_better) == ['loss_mean']
    with pytest.raises(ConfigError, match="has no metric 'los'; did you mean 'loss'"):
        LossMetric('task', DEPTH, ['los'])


def test_an_l1_loss_sums_as_many_numbers_as_there_are_channels_and_any_other_kind_counts_as_one():
    assert [summed_numbers(Regression('x', channels)) for channels in (1, 2, 5)] == [1, 2, 5]
    assert summed_numbers(PrincipalCurvatureEstimation('curvature')) == 2
    assert summed_numbers(SaliencyEstimation('saliency')) == summed_numbers(Task('of a new kind', 4)) == 1
