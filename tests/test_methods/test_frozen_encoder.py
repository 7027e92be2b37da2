import torch

from lhl.methods import Vanilla
from lhl.methods.frozen_encoder import FrozenEncoder

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner
from .training import is_same, take_steps


def begin_from(previous, tasks, method):
    """Begin a phase from the weights of the one before, with a new head."""
    learner = make_learner(tasks, seed=len(tasks))
    learner.load_state_dict({**learner.state_dict(), **previous.state_dict()})
    return begin(method, tasks, learner)


def test_the_first_task_s_outputs_after_phase_3_are_those_after_phase_1_bit_for_bit():
    outputs = {}
    for method in (FrozenEncoder, Vanilla):
        learner = take_steps(begin(method(), ['segmentation']), 'segmentation')
        images = make_batch('depth', seed=7).inputs
        first = learner.eval()(images)['segmentation']
        for tasks in (['segmentation', 'depth'], ['segmentation', 'depth', 'normal']):
            learner = take_steps(begin_from(learner, tasks, method()), tasks[-1], weight_decay=0.1)
        outputs[method] = torch.equal(first, learner.eval()(images)['segmentation'])
    assert outputs == {FrozenEncoder: True, Vanilla: False}


def test_in_the_first_phase_it_is_vanilla_bit_for_bit():
    states = [take_steps(begin(method, ['depth']), 'depth').state_dict() for method in (Vanilla(), FrozenEncoder())]
    assert is_same(*states)


def test_later_only_the_new_head_moves():
    student = begin(FrozenEncoder(), ['segmentation', 'depth'])
    before = copy_of_state(student.learner)
    after = take_steps(student, 'depth', weight_decay=0.1).state_dict()
    assert is_same(before, after, 'backbone.') and is_same(before, after, 'heads.segmentation.')
    assert any(name.endswith('running_mean') for name in before if name.startswith('backbone.'))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith('heads.depth.')}


def test_an_optimizer_that_knows_the_encoder_does_not_move_it_either():
    student = begin(FrozenEncoder(), ['segmentation', 'depth']).train()
    before = copy_of_state(student.learner)
    optimizer = torch.optim.Adam(student.learner.parameters(), lr=1e-2, weight_decay=0.1)
    batch = make_batch('depth')
    sum(losses_of(student, batch).values()).backward()
    optimizer.step()
    assert is_same(before, student.learner.state_dict(), 'backbone.')


def test_it_needs_the_backbone_that_it_froze_and_no_teacher():
    assert FrozenEncoder.requires.same_backbone and not FrozenEncoder.requires.teacher
