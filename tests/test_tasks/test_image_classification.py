import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lhl.errors import ConfigError
from lhl.registry import METRICS
from lhl.tasks import ImageClassification, build_tasks, metric_configs

TASK = ImageClassification('objects_2', num_classes=6, labels=[2, 3], head='objects')


def logits(batch_size=5, seed=0):
    return 2 * torch.randn(batch_size, 6, 1, 1, generator=torch.Generator().manual_seed(seed))


def label(value):
    return np.full((1, 1), value, np.int64)


# ---- learning ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_the_loss_is_the_mean_cross_entropy_of_the_valid_images_among_all_classes(smoothing):
    task = ImageClassification('objects', 6, label_smoothing=smoothing)
    labels, valid = torch.tensor([0, 5, 2, 3, 1]), torch.tensor([True, True, False, True, True])
    loss = task.loss(logits(), labels.reshape(5, 1, 1), valid.reshape(5, 1, 1))
    torch.testing.assert_close(loss, F.cross_entropy(logits().flatten(1)[valid], labels[valid],
                                                     label_smoothing=smoothing))


def test_distillation_and_metrics_are_not_smoothed():
    smooth, labels = ImageClassification('objects', 6, label_smoothing=0.5), torch.ones(5, 1, 1, dtype=torch.int64)
    torch.testing.assert_close(smooth.loss_map(logits(), labels).flatten(), F.cross_entropy(
        logits().flatten(1), labels.flatten(), reduction='none'))
    assert (smooth.soft_loss_map(logits(), logits(), 1.0) == 0).all()


def test_all_logits_are_distilled_not_only_those_of_the_task():
    student, teacher = logits(seed=1), logits(seed=2)
    expected = F.kl_div(student.flatten(1).log_softmax(1), teacher.flatten(1).softmax(1), reduction='none').sum(1)
    torch.testing.assert_close(TASK.soft_loss_map(student, teacher, 1.0).flatten(), expected)


def test_the_pseudo_label_has_the_form_of_a_target_and_is_its_own_group():
    pseudo_label = TASK.pseudo_label(logits())
    assert pseudo_label.shape == (5, 1, 1) and torch.equal(pseudo_label.flatten(), logits().flatten(1).argmax(1))
    assert TASK.groups(pseudo_label, 0.5) == (pseudo_label, 6)


# ---- the view of a head --------------------------------------------------------------------------------------------

def test_a_task_without_a_head_or_labels_has_its_own_and_all():
    task = ImageClassification('objects', 3)
    assert (task.head, task.labels, task.out_channels) == ('objects', (0, 1, 2), 3)
    assert (TASK.head, TASK.labels, TASK.out_channels) == ('objects', (2, 3), 6)


def test_only_an_image_of_a_class_that_the_task_teaches_holds_something():
    assert [bool(TASK.has_target(label(value)).all()) for value in (-1, 0, 1, 2, 3, 4)] == [
        False, False, False, True, True, False]


@pytest.mark.parametrize('value', [-2, 6])
def test_a_label_out_of_range_is_refused_and_not_taken_for_another_task_s(value):
    with pytest.raises(ValueError, match=f'found labels from {value} to {value}, expected 0 to 5'):
        TASK.check_target(label(value), TASK.has_target(label(value)))
    TASK.check_target(label(0), TASK.has_target(label(0)))


@pytest.mark.parametrize('labels', [[], [6], [-1], [1, 1], [0.5]])
def test_impossible_labels_are_refused(labels):
    with pytest.raises(ConfigError, match=r"'objects' has labels=\[.*\], expected one or more of the 6 class indices"):
        ImageClassification('objects', 6, labels)


# ---- results -------------------------------------------------------------------------------------------------------

def test_it_is_scored_among_all_classes_and_its_own():
    configs = dict(objects_2=dict(type='ImageClassification', num_classes=6, labels=[2, 3], head='objects',
                                  metrics=[dict(type='ClassificationMetric'), dict(type='LossMetric')]))
    accuracy, loss = (METRICS.build(config) for config in metric_configs(configs)['objects_2'])
    assert (accuracy.num_classes, accuracy.labels) == (6, [2, 3])
    assert loss.kind.labels == (2, 3)
    default, = metric_configs(dict(objects=dict(type='ImageClassification', num_classes=2)))['objects']
    assert METRICS.build(default).labels == [0, 1]


@pytest.mark.parametrize('name', ['cat', 'traffic light', 'a' * 40])
def test_it_is_drawn_as_a_tile_of_its_class_with_the_name_inside(name):
    task = ImageClassification('objects', 2, classes=['other', name], palette=[(0, 0, 0), (250, 240, 10)])
    tile = task.draw(label(1))
    assert tile.dtype == np.uint8 and tile.shape[2] == 3 and tuple(tile[0, 0]) == (250, 240, 10)
    ink = (tile != tile[0, 0]).any(2)
    assert ink.any() and not ink[:, [0, -1]].any() and not ink[[0, -1]].any()  # it does not run over the border
    assert not np.array_equal(tile, task.draw(label(0)))


def test_an_image_without_a_label_is_drawn_black():
    assert not TASK.draw(label(0), np.zeros((1, 1), bool)).any()


def test_a_bright_tile_has_dark_letters_and_a_dark_one_bright_ones():
    task = ImageClassification('objects', 2, palette=[(20, 20, 20), (240, 240, 240)])
    assert task.draw(label(0)).max() > 200 and task.draw(label(1)).min() < 60


def test_it_is_built_by_name():
    task = build_tasks(dict(objects=dict(type='ImageClassification', num_classes=10)))['objects']
    assert task.image_level and task.classes[3] == 'class 3'
