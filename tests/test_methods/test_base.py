import torch

from lhl.methods import Method, Phase
from lhl.registry import METHODS

from .conftest import begin, losses_of, make_batch


def test_the_old_tasks_are_all_but_the_last():
    assert Phase(1, ('depth', ), ('depth', )).old_tasks == ()
    assert Phase(3, ('normal', ), ('depth', 'segmentation', 'normal')).old_tasks == ('depth', 'segmentation')


def test_l_new_is_the_task_s_loss_of_the_new_task_over_its_valid_pixels():
    student = begin(Method(), ['segmentation', 'depth']).eval()
    batch = make_batch('depth')
    errors = (student.learner(batch.inputs)['depth'] - batch.targets['depth']).abs()[:, 0]
    losses = losses_of(student, batch)
    assert list(losses) == ['loss_new_depth']
    torch.testing.assert_close(losses['loss_new_depth'], errors[batch.valid['depth']].mean())


def test_the_phase_s_loss_weight_multiplies_l_new():
    batch = make_batch('depth')
    one, three = (losses_of(begin(Method(), ['depth'], loss_weight=weight).eval(), batch) for weight in (1.0, 3.0))
    torch.testing.assert_close(three['loss_new_depth'], 3 * one['loss_new_depth'])


def test_a_method_carries_nothing_unless_it_says_so():
    method = Method()
    assert method.state_dict() == {}
    assert not method.requires.teacher and not method.requires.edits


def test_methods_are_built_by_name():
    assert type(METHODS.build(dict(type='DIS', alpha=2.0))).__name__ == 'DIS'
