import numpy as np
import pytest
import torch

from lhl.losses import dist_loss, kdam_loss
from lhl.tasks import Task, build_tasks

CONFIGS = dict(
    scene=dict(type='SemanticSegmentation', num_classes=13),
    distance=dict(type='DepthEstimation'),
    orientation=dict(type='SurfaceNormalEstimation'))
TASKS = build_tasks(dict(
    CONFIGS,
    borders=dict(type='BoundaryDetection'),
    attention=dict(type='SaliencyEstimation'),
    body=dict(type='HumanPartSegmentation'),
    inverse=dict(type='DisparityEstimation'),
    range=dict(type='EuclideanDistanceEstimation'),
    edges=dict(type='EdgeEstimation', mean=718.0, std=1070.0),
    corners=dict(type='KeypointEstimation'),
    shade=dict(type='ReshadingEstimation'),
    bend=dict(type='PrincipalCurvatureEstimation', mean=[1.3, 0.04], std=[9.2, 2.4])))


def test_the_keys_of_the_config_become_the_names_in_order():
    tasks = build_tasks(CONFIGS)
    assert [task.name for task in tasks.values()] == list(tasks) == ['scene', 'distance', 'orientation']
    assert [task.out_channels for task in tasks.values()] == [13, 1, 3]


def test_building_leaves_the_config_as_it_was():
    build_tasks(CONFIGS)
    assert all('name' not in config and 'type' in config for config in CONFIGS.values())


def test_the_same_kind_may_appear_twice():
    tasks = build_tasks(dict(near=dict(type='DepthEstimation'), far=dict(type='DepthEstimation')))
    assert (tasks['near'].name, tasks['far'].name) == ('near', 'far')


@pytest.mark.parametrize('name', TASKS)
def test_a_pseudo_label_has_the_target_form_and_serves_as_a_target(name):
    task = TASKS[name]
    raw = torch.randn(2, task.out_channels, 4, 5, generator=torch.Generator().manual_seed(0))
    prediction = task.predict(raw)
    pseudo_label = task.pseudo_label(prediction)
    loss_map = task.loss_map(prediction, pseudo_label)
    assert loss_map.shape == (2, 4, 5) and (loss_map >= 0).all()
    index, count = task.groups(pseudo_label, 0.5)
    assert index.shape == (2, 4, 5) and index.dtype == torch.int64
    assert index.min() >= 0 and index.max() < count
    assert task.prediction_map(prediction).shape == raw.shape


@pytest.mark.parametrize('name', TASKS)
def test_the_soft_loss_map_is_a_distance_between_predictions(name):
    task = TASKS[name]
    raw, other = torch.randn(2, 2, task.out_channels, 4, 5, generator=torch.Generator().manual_seed(0))
    prediction, other = task.predict(raw), task.predict(other)
    loss_map = task.soft_loss_map(prediction, other, temperature=2.0)
    assert loss_map.shape == (2, 4, 5) and (loss_map > 0).all()
    assert (task.soft_loss_map(prediction, prediction, temperature=2.0) == 0).all()


#: How each kind is compared as a whole: what a row is, and how many channels a pixel has.
VIEWS = dict(
    scene=('pixels', 13), distance=('images', 1), orientation=('images', 3), borders=('pixels', 2),
    attention=('pixels', 2), body=('pixels', 7), inverse=('images', 1), range=('images', 1), edges=('images', 1),
    corners=('images', 1), shade=('images', 1), bend=('images', 2))


def predictions_near_each_other(task):
    """A student's and a teacher's, which differ by a tenth of what they vary by."""
    generator = torch.Generator().manual_seed(0)
    raw = 3 + torch.randn(2, task.out_channels, 4, 5, generator=generator)
    other = raw + 0.1 * torch.randn(raw.shape, generator=generator)
    return task.predict(raw).requires_grad_(), task.predict(other)


@pytest.mark.parametrize('name', TASKS)
def test_the_views_are_non_negative_and_have_the_rows_of_the_kind(name):
    views = TASKS[name].distillation_views(*predictions_near_each_other(TASKS[name]))
    rows, channels = VIEWS[name]
    assert views.rows == rows and views.student.shape == views.teacher.shape == (2, channels, 4, 5)
    assert (views.student >= 0).all() and (views.teacher >= 0).all() and not views.teacher.requires_grad


@pytest.mark.parametrize('loss', [kdam_loss, dist_loss])
@pytest.mark.parametrize('name', TASKS)
def test_the_views_of_every_kind_teach_and_have_nothing_to_teach_to_an_equal(name, loss):
    task = TASKS[name]
    student, teacher = predictions_near_each_other(task)
    value = loss(task.distillation_views(student, teacher))
    value.backward()
    assert value > 1e-6 and student.grad.isfinite().all() and student.grad.abs().sum() > 0
    assert loss(task.distillation_views(teacher, teacher)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('name', TASKS)
def test_a_temperature_softens_probabilities_and_nothing_else(name):
    task = TASKS[name]
    student, teacher = predictions_near_each_other(task)
    sharp, soft = (task.distillation_views(student, teacher, temperature).teacher for temperature in (1.0, 4.0))
    if VIEWS[name][0] == 'pixels':
        assert (soft.amax(1) < sharp.amax(1)).all()
    else:
        assert torch.equal(sharp, soft)


def test_the_soft_loss_map_of_a_new_kind_is_the_loss_to_the_pseudo_label_at_any_temperature():
    class Rounded(Task):
        def loss_map(self, prediction, target):
            return (prediction - target).abs().sum(1)

        def pseudo_label(self, prediction):
            return prediction.round()

    prediction, teacher = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 0.75)
    for temperature in (1.0, 7.0):
        assert Rounded('x', 1).soft_loss_map(prediction, teacher, temperature).item() == 1.0


@pytest.mark.parametrize('name', TASKS)
def test_a_drawing_is_a_uint8_picture_with_invalid_pixels_black(name):
    task = TASKS[name]
    raw = torch.randn(1, task.out_channels, 4, 5, generator=torch.Generator().manual_seed(0)).abs()
    target = task.pseudo_label(task.predict(raw))[0].numpy()
    valid = np.ones((4, 5), bool)
    valid[1, 2] = False
    picture = task.draw(target, valid)
    assert picture.shape == (4, 5, 3) and picture.dtype == np.uint8
    assert picture[1, 2].tolist() == [0, 0, 0]
    assert picture[0].any()


@pytest.mark.parametrize('name', TASKS)
def test_every_task_scores_itself_by_its_own_name(name):
    assert [metric['task'] for metric in TASKS[name].metrics()] == [name]


@pytest.mark.parametrize('moment, arguments', [
    ('loss_map', (None, None)), ('draw', (None, )),
])
def test_a_new_kind_is_told_what_it_must_define(moment, arguments):
    class Unfinished(Task):
        pass

    with pytest.raises(NotImplementedError, match=f'Unfinished must define {moment}'):
        getattr(Unfinished('x', 1), moment)(*arguments)


def test_a_new_kind_that_defines_its_loss_map_gets_loss_pseudo_labels_and_groups():
    class Squared(Task):
        def loss_map(self, prediction, target):
            return (prediction - target).square().mean(1)

    task = Squared('albedo', 3)
    prediction, target = torch.full((1, 3, 2, 2), 2.0), torch.zeros(1, 3, 2, 2)
    assert task.loss(prediction, target, torch.ones(1, 2, 2, dtype=torch.bool)).item() == 4
    assert task.groups(task.pseudo_label(prediction), 0.5)[0].unique().tolist() == [0]
