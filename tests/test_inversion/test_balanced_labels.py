import pytest
import torch

from lhl.inversion.balanced_labels import balanced_labels


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize('classes, count, each', [
    (range(8), 200, 25),  # the last phase of Split CIFAR-10
    (range(95), 200, 2),  # of Split CIFAR-100: 190 images
    (range(180), 200, 1),  # of Split Tiny-ImageNet: 180 images
    ([3, 7, 4], 11, 3), ([5], 4, 4), ([2, 9], 2, 1),
])
def test_every_class_has_the_same_number_of_images_and_the_surplus_has_none(classes, count, each):
    labels = balanced_labels(list(classes), count, generator())
    assert labels.dtype == torch.int64
    assert sorted(labels.tolist()) == sorted(list(classes) * each)


def test_fewer_images_than_classes_are_of_different_classes():
    labels = [balanced_labels(list(range(10, 300)), 200, generator(seed)).tolist() for seed in range(2)]
    for drawn in labels:
        assert len(drawn) == len(set(drawn)) == 200 and set(drawn) <= set(range(10, 300))
    assert set(labels[0]) != set(labels[1])


def test_the_order_is_drawn_from_the_seed():
    orders = [balanced_labels([0, 1, 2], 30, generator(seed)).tolist() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0]) and orders[0] != [0, 1, 2] * 10
