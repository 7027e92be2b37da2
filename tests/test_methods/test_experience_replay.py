import functools
import math

import pytest
import torch

from lhl.errors import ConfigError
from lhl.methods import DERpp, Vanilla
from lhl.methods.experience_replay import ER
from lhl.methods.replay import Entry
from lhl.registry import METHODS

from .conftest import begin, losses_of, make_batch
from .shared_head import begin_third_phase
from .shared_head import make_batch as make_objects
from .training import is_same, take_steps


def two_phases(weight=1.0, **options):
    """A student that learns depth, with six labelled images of segmentation in its memory."""
    options = {'memory_size': 6, 'replay_batch_size': 6, **options}
    student = begin(ER(weight, **options), ['segmentation']).eval()
    losses_of(student, make_batch('segmentation', 6))
    method = ER(weight, **options)
    method.load_state_dict(student.method.state_dict())
    return begin(method, ['segmentation', 'depth']).eval()


def test_the_loss_is_the_weighted_mean_of_the_task_losses_of_the_stored_labels():
    student = two_phases(weight=3.0)
    stored = [(entry.image, entry.maps) for entry in student.method.memory]
    found = losses_of(student, make_batch('depth'))['loss_replay_labels']
    expected = []
    for image, maps in stored:
        loss_map = torch.nn.functional.cross_entropy(student.learner(image[None])['segmentation'], maps['target'][None],
                                                     reduction='none')
        expected.append(loss_map[maps['valid'][None]].mean())
    torch.testing.assert_close(found, 3 * torch.stack(expected).mean())


@pytest.mark.parametrize('method', [
    functools.partial(ER, 2.0), functools.partial(DERpp, 0.0, 2.0)], ids=['ER', 'DERpp'])
@pytest.mark.parametrize('smooth, expected', [
    (False, math.log(8 / 3)), (True, 0.6 * math.log(8 / 3) + 0.4 * (math.log(8) - math.log(3) / 6))])
def test_stored_labels_are_smoothed_as_new_ones_if_asked_for_by_hand(method, smooth, expected):
    student = begin_third_phase(method(memory_size=2, replay_batch_size=2, smooth_labels=smooth))
    learner, replayed = student.learner, student.method
    learner.tasks['objects_1'].label_smoothing = 0.4
    with torch.no_grad():  # probabilities of 3/8, and 1/8 for each other class
        learner.heads['objects'].output.weight.zero_()
        learner.heads['objects'].output.bias.copy_(torch.tensor([math.log(3), 0., 0., 0., 0., 0.]))
    image = make_objects(1).inputs[0]
    replayed.memory = [Entry.of(image, 0, target=torch.zeros(1, 1, dtype=torch.int64), raw=torch.zeros(6, 1, 1),
                                valid=torch.ones(1, 1, dtype=torch.bool))]
    replayed.seen = 1
    assert losses_of(student, make_objects())['loss_replay_labels'].item() == pytest.approx(2 * expected, abs=1e-6)


def test_it_is_dark_experience_replay_without_the_darkness():
    """The labels of DER++ alone: the same images are stored and drawn, and the term is the same."""
    ours, theirs = (begin(method, ['depth']).eval() for method in (
        ER(0.5, memory_size=4, replay_batch_size=4),
        DERpp(weight=0.0, label_weight=0.5, memory_size=4, replay_batch_size=4)))
    for student in (ours, theirs):
        losses_of(student, make_batch('depth', 6))
    assert all(torch.equal(own.image, other.image) and torch.equal(own.maps['target'], other.maps['target'])
               for own, other in zip(ours.method.memory, theirs.method.memory, strict=True))
    assert all(set(entry.maps) == {'target', 'valid'} for entry in ours.method.memory)
    ours.method.draws = 1  # DER++ draws for the outputs first
    own = losses_of(ours, make_batch('depth', 2, seed=1))['loss_replay_labels']
    torch.testing.assert_close(own, losses_of(theirs, make_batch('depth', 2, seed=1))['loss_replay_labels'])


def test_old_heads_learn_from_the_memory():
    student = two_phases()
    sum(losses_of(student, make_batch('depth')).values()).backward()
    assert student.learner.heads['segmentation'].output.weight.grad.abs().max() > 0


def test_without_a_memory_it_is_vanilla_bit_for_bit():
    ours, vanilla = (take_steps(begin(method, ['depth']), 'depth').state_dict()
                     for method in (ER(1.0, memory_size=0), Vanilla()))
    assert is_same(ours, vanilla)


def test_a_negative_weight_is_refused():
    with pytest.raises(ConfigError, match='weight=-1 of ER is negative'):
        METHODS.build(dict(type='ER', weight=-1))
