"""What is asked of a task is asked by every transform: none changes a target of the whole image."""
import numpy as np
import pytest

from lhl.datasets.transforms import PackSample
from lhl.registry import TRANSFORMS
from lhl.tasks import build_tasks

from .samples import assert_same, random_sample


@pytest.mark.parametrize('transform', [
    dict(type='RandomScaleCrop', scales=(1.5, )), dict(type='RandomHorizontalFlip', probability=1.0),
    dict(type='Resize', size=(20, 30)), dict(type='RandomResizedCropPad', size=(10, 40), scale=(0.5, 2.0)),
    dict(type='PhotometricDistortion')], ids=lambda transform: transform['type'])
def test_a_transform_leaves_a_label_of_the_image_as_it_is_and_changes_the_rest(transform):
    sample = random_sample()
    plain = TRANSFORMS.build(transform)
    np.random.seed(3)
    expected = plain(dict(sample, targets=dict(sample['targets']), valid=dict(sample['valid'])))
    label = dict(targets=np.array([[4]]), valid=np.array([[True]]),
                 tasks=build_tasks(dict(objects=dict(type='ImageClassification', num_classes=5)))['objects'])
    np.random.seed(3)
    found = plain(dict(sample, **{field: dict(objects=label[field], **sample[field]) for field in label}))
    assert_same(found, expected)
    packed = PackSample()(found)
    assert packed['targets']['objects'].tolist() == [[4]] and packed['valid']['objects'].tolist() == [[True]]
