import torch

from lhl.methods import Vanilla

from .conftest import begin, copy_of_state, losses_of, make_batch


def test_only_the_new_head_is_trained():
    student = begin(Vanilla(), ['segmentation', 'depth'])
    assert student.learner.trained_tasks == ('depth', )
    assert not any(parameter.requires_grad for parameter in student.learner.heads['segmentation'].parameters())
    assert all(parameter.requires_grad for parameter in student.learner.heads['depth'].parameters())
    assert all(parameter.requires_grad for parameter in student.learner.backbone.parameters())


def test_there_is_one_loss_and_no_teacher():
    student = begin(Vanilla(), ['segmentation', 'depth', 'normal'])
    assert list(losses_of(student, make_batch('normal'))) == ['loss_new_normal']
    assert student.method.phase.teacher is None


def test_old_heads_do_not_run():
    student = begin(Vanilla(), ['segmentation', 'depth'])
    runs = []
    student.learner.heads['segmentation'].register_forward_hook(lambda *_: runs.append('segmentation'))
    losses_of(student, make_batch('depth'))
    assert not runs


def test_steps_of_adam_with_weight_decay_leave_the_old_head_bit_identical_while_the_rest_moves():
    student = begin(Vanilla(), ['segmentation', 'depth']).train()
    # All parameters on purpose: not even an optimizer that knows the old head may move it.
    optimizer = torch.optim.Adam(student.learner.parameters(), lr=1e-2, weight_decay=0.1)
    before = copy_of_state(student.learner)
    for seed in range(2):
        optimizer.zero_grad()
        sum(losses_of(student, make_batch('depth', seed=seed)).values()).backward()
        optimizer.step()
    same = {key for key, value in student.learner.state_dict().items() if torch.equal(value, before[key])}
    old_head = {key for key in before if key.startswith('heads.segmentation.')}
    assert any(key.endswith('running_mean') for key in old_head) and any(key.endswith('weight') for key in old_head)
    assert same == old_head
