import pytest
import torch
from test_tasks.kinds import TASKS

from lhl.losses import dist_loss, kdam_loss, signed_views
from lhl.methods.task_views import distillation_views
from lhl.tasks import ImageClassification, Regression, Task

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
    views = distillation_views(TASKS[name], *predictions_near_each_other(TASKS[name]))
    rows, channels = VIEWS[name]
    assert views.rows == rows and views.student.shape == views.teacher.shape == (2, channels, 4, 5)
    assert (views.student >= 0).all() and (views.teacher >= 0).all() and not views.teacher.requires_grad


@pytest.mark.parametrize('loss', [kdam_loss, dist_loss])
@pytest.mark.parametrize('name', TASKS)
def test_the_views_of_every_kind_teach_and_have_nothing_to_teach_to_an_equal(name, loss):
    task = TASKS[name]
    student, teacher = predictions_near_each_other(task)
    value = loss(distillation_views(task, student, teacher))
    value.backward()
    assert value > 1e-6 and student.grad.isfinite().all() and student.grad.abs().sum() > 0
    assert loss(distillation_views(task, teacher, teacher)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('name', TASKS)
def test_a_temperature_softens_probabilities_and_nothing_else(name):
    task = TASKS[name]
    student, teacher = predictions_near_each_other(task)
    sharp, soft = (distillation_views(task, student, teacher, temperature).teacher for temperature in (1.0, 4.0))
    if VIEWS[name][0] == 'pixels':
        assert (soft.amax(1) < sharp.amax(1)).all()
    else:
        assert torch.equal(sharp, soft)


def test_images_with_one_class_each_are_compared_by_the_probabilities_of_all_classes_of_the_head():
    task = ImageClassification('objects_2', num_classes=6, labels=[2, 3], head='objects')
    student, teacher = 2 * torch.randn(2, 5, 6, 1, 1, generator=torch.Generator().manual_seed(1))
    views = distillation_views(task, student, teacher)
    torch.testing.assert_close(views.student, student.softmax(1))
    torch.testing.assert_close(views.teacher, teacher.softmax(1))
    assert views.rows == 'pixels'


def test_a_new_kind_is_compared_in_units_of_the_teacher_s_range_whatever_its_sign():
    class Flow(Task):
        pass

    student, teacher = predictions_near_each_other(Flow('flow', 2))
    for found, expected in zip(distillation_views(Flow('flow', 2), -student, -teacher, 3.0),
                               signed_views(-student, -teacher), strict=True):
        assert found is expected or torch.equal(found, expected)


def test_a_new_kind_of_regression_is_compared_as_its_base_class_above_the_teacher_s_least_value():
    class Thermal(Regression):
        pass

    values = torch.tensor([2.0, 2.5, 4.0]).reshape(1, 1, 1, 3)
    views = distillation_views(Thermal('thermal', 1), values, values)
    assert views.teacher.flatten().tolist() == pytest.approx([0, 0.5, 2], abs=1e-6) and views.rows == 'images'


def test_a_new_kind_may_register_a_view_of_its_own():
    class Mirrored(Task):
        pass

    @distillation_views.register
    def mirrored_views(task: Mirrored, prediction, teacher_prediction, temperature=1.0):
        return signed_views(-prediction, -teacher_prediction)

    values = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    assert distillation_views(Mirrored('x', 1), values, values).student.flatten().tolist() == pytest.approx(
        [1, 0], abs=1e-6)
