import numpy as np
import pytest
import torch

from lhl.errors import ConfigError
from lhl.tasks import Binary, Classification, Task, build_tasks

from .kinds import CONFIGS, TASKS


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


@pytest.mark.parametrize('name', TASKS)
def test_the_soft_loss_map_is_a_distance_between_predictions(name):
    task = TASKS[name]
    raw, other = torch.randn(2, 2, task.out_channels, 4, 5, generator=torch.Generator().manual_seed(0))
    prediction, other = task.predict(raw), task.predict(other)
    loss_map = task.soft_loss_map(prediction, other, temperature=2.0)
    assert loss_map.shape == (2, 4, 5) and (loss_map > 0).all()
    assert (task.soft_loss_map(prediction, prediction, temperature=2.0) == 0).all()


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
def test_names_colours_and_labels_are_those_of_a_kind_with_classes_and_empty_for_any_other(name):
    task = TASKS[name]
    count = task.num_classes if isinstance(task, Classification) else 0
    assert (len(task.classes), task.palette.shape, task.labels) == (count, (count, 3), tuple(range(count)))
    assert task.palette.dtype == np.uint8
    target = task.pseudo_label(torch.zeros(1, task.out_channels, 2, 2))
    assert bool(task.classes) == (target.dtype == torch.int64)


@pytest.mark.parametrize('name', TASKS)
def test_mean_and_std_are_given_per_channel_by_a_kind_in_a_unit_and_empty_for_any_other(name):
    task = TASKS[name]
    in_a_unit = not isinstance(task, Classification | Binary) and name != 'orientation'
    assert len(task.mean) == len(task.std) == (task.out_channels if in_a_unit else 0)


@pytest.mark.parametrize('metrics', [[], dict(type='LossMetric'), dict()])
def test_metrics_that_are_no_list_of_configs_are_refused(metrics):
    with pytest.raises(ConfigError, match="task 'x' has metrics=.*, expected a list of one or more configs"):
        Task('x', 1, metrics)


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
