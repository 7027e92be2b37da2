"""A backbone with ``with_cp=True`` learns what it learns without: only its memory differs."""
import pytest
import torch

from lhl.inversion import QuickDeepInversion
from lhl.methods import DIS, EWC, SPG
from lhl.methods.agem import AGEM
from lhl.models import Learner, without_gradient_checkpointing

from .conftest import BACKBONE, HEAD, begin, losses_of, make_batch, make_learner
from .conftest import TASKS as TASK_CONFIGS
from .training import make_loader

TASKS = ['segmentation', 'depth']


def learner(with_cp, tasks=TASKS):
    found = Learner(dict(BACKBONE, with_cp=with_cp), HEAD, {name: TASK_CONFIGS[name] for name in tasks})
    found.load_state_dict(make_learner(tasks, seed=1).state_dict())
    return found


def is_equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize('method', [EWC, SPG])
def test_what_a_method_gathers_is_the_same(method):
    states = []
    for with_cp in (False, True):
        student = begin(method(1.0) if method is EWC else method(), ['depth'], learner(with_cp, ['depth']))
        student.method.end_phase(student.learner, student.phase, make_loader('depth'))
        states.append(student.method.state_dict())
    assert is_equal(*states)


def gradients(student):
    return {name: weight.grad for name, weight in student.learner.named_parameters() if weight.grad is not None}


def test_a_gradient_against_a_memory_is_projected_alike():
    found = []
    for with_cp in (False, True):
        first = begin(AGEM(6, 6), TASKS[:1], learner(with_cp, TASKS[:1])).eval()
        losses_of(first, make_batch('segmentation', 6))
        method = AGEM(6, 6)
        method.load_state_dict(first.method.state_dict())
        student = begin(method, TASKS, learner(with_cp)).eval()
        for weight in student.learner.parameters():
            weight.grad = -torch.ones_like(weight)
        method.edit_gradients(student.learner)
        found.append(gradients(student))
    assert is_equal(*found) and any((gradient != -1).any() for gradient in found[0].values())


def test_the_gradient_in_evaluation_mode_is_that_of_evaluation_mode():
    found = []
    for with_cp in (False, True):
        student = begin(DIS(alpha=1.0, evaluation_mode=True), TASKS, learner(with_cp)).train()
        losses_of(student, make_batch('depth'))['loss_dis_segmentation'].backward()
        found.append(gradients(student))
    assert is_equal(*found)


def test_images_are_inverted_alike():
    images = make_batch('depth').inputs
    found = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        teacher = learner(with_cp, ['depth']).eval().requires_grad_(False)
        found.append(QuickDeepInversion(steps=2)(teacher, images))
    assert torch.equal(*found)


def test_afterwards_the_network_checkpoints_as_before_also_after_an_error():
    network = learner(True)
    blocks = [module for module in network.modules() if hasattr(module, 'with_cp')]
    blocks[0].with_cp = False
    with pytest.raises(KeyError), without_gradient_checkpointing(network):
        assert not any(block.with_cp for block in blocks)
        raise KeyError
    assert [block.with_cp for block in blocks] == [False] + [True] * (len(blocks) - 1)
