import math

import pytest
import torch
import torch.nn.functional as F

from lhl.inversion.objectives import balanced_labels, inversion_labels, inversion_loss
from lhl.tasks import Classification, DepthEstimation, ImageClassification, SemanticSegmentation, Task

DEPTH = DepthEstimation('depth')


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def depths(*images):
    """Images of one pixel: ``(B, 1, 1, 1)``."""
    return torch.tensor(images).reshape(-1, 1, 1, 1)


# ---- what is drawn -------------------------------------------------------------------------------------------------

def test_the_classes_of_all_tasks_of_a_head_are_drawn_equally_often_and_the_surplus_is_left_out():
    tasks = [ImageClassification('a', 6, [0, 3], 'objects'), ImageClassification('b', 6, [4], 'objects')]
    labels = inversion_labels(tasks, 11, generator())
    assert labels.dtype == torch.int64 and sorted(labels.tolist()) == [0, 0, 0, 3, 3, 3, 4, 4, 4]


def test_the_draw_depends_on_the_generator_alone():
    task = ImageClassification('a', 6)
    first, same, other = (inversion_labels([task], 30, generator(seed)).tolist() for seed in (0, 0, 1))
    assert first == same != other


@pytest.mark.parametrize('task', [DEPTH, SemanticSegmentation('segmentation', 3)])
def test_an_image_of_a_dense_task_has_no_single_class(task):
    assert inversion_labels([task], 4, generator()) is None


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


# ---- how far images are from it ------------------------------------------------------------------------------------

def test_with_labels_the_loss_is_the_cross_entropy_smoothed_as_in_training():
    task = ImageClassification('a', 6, label_smoothing=0.1)
    labels, logits = torch.tensor([5, 0, 2]), torch.randn(3, 6, 1, 1, generator=generator())
    loss = inversion_loss(task, torch.zeros(3, 6, 1, 1), labels)(logits)
    torch.testing.assert_close(loss, F.cross_entropy(logits.flatten(1), labels, label_smoothing=0.1))


def test_without_labels_each_image_is_given_the_layout_of_the_one_before_relative_to_the_start():
    loss = inversion_loss(DEPTH, depths(1.0, 2.0, 5.0), None)  # to become 5, 1, 2: off by 4, 1 and 3
    assert loss(depths(1.0, 2.0, 5.0)).item() == 1
    assert loss(depths(3.0, 1.0, 4.0)).item() == pytest.approx((2 + 0 + 2) / (4 + 1 + 3))
    assert loss(depths(5.0, 1.0, 2.0)).item() == 0


def test_a_loss_that_starts_at_0_is_not_divided():
    loss = inversion_loss(DEPTH, depths(2.0), None)
    assert [loss(depths(changed)).item() for changed in (2.0, 2.5)] == [0, 0.5]


def test_the_layout_of_classes_is_the_most_likely_one():
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]]).reshape(2, 2, 1, 1)
    loss = inversion_loss(SemanticSegmentation('segmentation', 2), logits, None)
    # The most likely class of either image is the less likely one of the other.
    assert loss(logits).item() == pytest.approx(1)
    assert loss(torch.zeros(2, 2, 1, 1)).item() == pytest.approx(math.log(2) / math.log(1 + math.exp(2)), rel=1e-5)


def test_new_kinds_need_register_nothing():
    class Tagged(Classification):
        image_level = True

    class Shaded(Task):
        image_level = True

        def loss_map(self, prediction, target):
            return (prediction - target).abs().sum(1)

    assert sorted(inversion_labels([Tagged('tag', 3)], 3, generator()).tolist()) == [0, 1, 2]
    assert inversion_labels([Shaded('shade', 1)], 3, generator()) is None
    assert inversion_loss(Shaded('shade', 1), depths(1.0, 2.0), None)(depths(1.0, 1.5)).item() == 0.75
