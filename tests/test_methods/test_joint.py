import math

import pytest
import torch
from mmengine.dist import all_reduce, get_dist_info

from lhl.errors import ConfigError
from lhl.methods import Joint
from lhl.models import Batch

from .conftest import losses_of
from .test_multi_task_distillation import TASKS, batch_of_all, begin_all
from .training import in_two_processes


def losses_and_numbers(values, batch=None):
    """The losses with these numbers s, by task, and the numbers."""
    student = begin_all(Joint('learned')).eval()
    with torch.no_grad():
        for name, value in values.items():
            student.method_parameters[name].fill_(value)
    return losses_of(student, batch or batch_of_all()), student.method_parameters


def test_a_task_that_is_not_named_weighs_one():
    plain, weighted = (losses_of(begin_all(Joint(weights)).eval(), batch_of_all())
                       for weights in (None, dict(normal=24.0)))
    assert weighted == {**plain, 'loss_new_normal': 24 * plain['loss_new_normal']}


def test_learned_weights_start_at_one_and_cost_nothing_there():
    plain, (learned, _) = losses_of(begin_all(Joint()).eval(), batch_of_all()), losses_and_numbers({})
    assert {key: value for key, value in learned.items() if 'new' in key} == plain
    assert all(learned[f'loss_uncertainty_{name}'] == 0 for name in TASKS)


def test_a_number_of_ln_4_makes_the_weight_a_quarter_and_costs_ln_4():
    plain = losses_of(begin_all(Joint()).eval(), batch_of_all())
    learned, _ = losses_and_numbers(dict(depth=math.log(4)))
    torch.testing.assert_close(learned['loss_new_depth'], plain['loss_new_depth'] / 4)
    assert learned['loss_uncertainty_depth'].item() == pytest.approx(math.log(4))
    assert learned['loss_new_normal'] == plain['loss_new_normal']


def test_the_gradient_of_a_number_is_one_minus_the_weighted_loss():
    losses, numbers = losses_and_numbers(dict(segmentation=0.5, depth=-1.0))
    sum(losses.values()).backward()
    for name in TASKS:
        torch.testing.assert_close(numbers[name].grad, 1 - losses[f'loss_new_{name}'].detach())


def test_it_rests_where_it_is_the_logarithm_of_the_loss():
    plain = losses_of(begin_all(Joint()).eval(), batch_of_all())
    losses, numbers = losses_and_numbers({name: plain[f'loss_new_{name}'].log().item() for name in TASKS})
    sum(losses.values()).backward()
    for name in TASKS:
        assert losses[f'loss_new_{name}'].item() == pytest.approx(1, abs=1e-5)
        assert numbers[name].grad.item() == pytest.approx(0, abs=1e-5)


def test_a_batch_without_a_label_leaves_the_task_s_number_alone():
    batch = batch_of_all()
    batch.valid['depth'][:] = False
    losses, numbers = losses_and_numbers(dict(depth=2.0), batch)
    sum(losses.values()).backward()
    assert numbers['depth'].grad.item() == 0 and losses['loss_uncertainty_depth'] == 0
    assert numbers['normal'].grad.item() != 0


def gradients_of_numbers():
    """The gradients of the numbers s for four images, of which each rank has its share and only the first has depth."""
    rank, world_size = get_dist_info()
    batch = batch_of_all(4)
    batch.valid['depth'][1:] = False
    student = begin_all(Joint('learned')).eval()
    shares = ({name: maps[rank::world_size] for name, maps in each.items()} for each in (batch.targets, batch.valid))
    sum(losses_of(student, Batch(batch.inputs[rank::world_size], *shares)).values()).backward()
    for parameter in student.method_parameters.values():
        all_reduce(parameter.grad, op='mean')
    return {name: parameter.grad for name, parameter in student.method_parameters.items()}


def test_a_task_that_has_labels_on_one_of_two_processes_has_the_gradient_of_one_process(tmp_path):
    expected = gradients_of_numbers()
    for found in in_two_processes(gradients_of_numbers, tmp_path):
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-5)


def test_fixed_weights_bring_no_parameters():
    assert not len(begin_all(Joint(dict(normal=2.0))).method_parameters)


def test_an_unknown_task_is_refused():
    with pytest.raises(ConfigError, match="method.task_weights names the unknown task 'detph'; did you mean 'depth'"):
        begin_all(Joint(dict(detph=2.0)))
