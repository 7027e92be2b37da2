import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_dist_info

from lhl.errors import ConfigError
from lhl.methods import Method, Phase
from lhl.models import Batch
from lhl.registry import METHODS

from .conftest import begin, losses_of, make_batch
from .training import in_two_processes


def test_the_old_tasks_are_all_but_the_last():
    assert Phase(1, ('depth', ), ('depth', )).old_tasks == ()
    assert Phase(3, ('normal', ), ('depth', 'segmentation', 'normal')).old_tasks == ('depth', 'segmentation')


def test_a_method_that_answers_by_an_old_name_is_refused():
    with pytest.raises(ConfigError, match='the method Frozen defines trains_encoder, .* call it trains_backbone'):
        type('Frozen', (Method, ), dict(trains_encoder=lambda self, phase: False))


def test_l_new_is_the_task_s_loss_of_the_new_task_over_its_valid_pixels():
    student = begin(Method(), ['segmentation', 'depth']).eval()
    batch = make_batch('depth')
    errors = (student.learner(batch.inputs)['depth'] - batch.targets['depth']).abs()[:, 0]
    losses = losses_of(student, batch)
    assert list(losses) == ['loss_new_depth']
    torch.testing.assert_close(losses['loss_new_depth'], errors[batch.valid['depth']].mean())


def test_l_new_of_classes_is_the_cross_entropy_of_the_outputs_with_the_labels():
    student = begin(Method(), ['depth', 'segmentation']).eval()
    batch = make_batch('segmentation')
    logits, labels = student.learner(batch.inputs)['segmentation'], batch.targets['segmentation']
    expected = F.cross_entropy(logits, labels, reduction='none')[batch.valid['segmentation']].mean()
    torch.testing.assert_close(losses_of(student, batch), dict(loss_new_segmentation=expected))


def test_the_phase_s_loss_weight_multiplies_l_new():
    batch = make_batch('depth')
    one, three = (losses_of(begin(Method(), ['depth'], loss_weight=weight).eval(), batch) for weight in (1.0, 3.0))
    torch.testing.assert_close(three['loss_new_depth'], 3 * one['loss_new_depth'])


def gradients(valid_of_depth):
    """L_new's gradients for four images, of which each rank has its share; not all of their pixels are valid."""
    rank, world_size = get_dist_info()
    whole = make_batch('depth', 4)
    valid = whole.valid['depth'] & torch.tensor(valid_of_depth)[:, None, None]
    student = begin(Method(), ['depth'], loss_weight=2.0).eval()
    share = Batch(whole.inputs[rank::world_size], dict(depth=whole.targets['depth'][rank::world_size]),
                  dict(depth=valid[rank::world_size]))
    losses_of(student, share)['loss_new_depth'].backward()
    return {name: all_reduced(parameter.grad) for name, parameter in student.learner.named_parameters()}


def all_reduced(gradient):
    all_reduce(gradient, op='mean')
    return gradient


@pytest.mark.parametrize('valid', [[True] * 4, [True, False, False, False], [False] * 4])
def test_two_processes_have_the_gradient_of_one_however_their_valid_pixels_are_shared_out(tmp_path, valid):
    expected = gradients(valid)
    assert any(gradient.abs().max() > 1e-2 for gradient in expected.values()) == any(valid)
    for found in in_two_processes(gradients, tmp_path, valid):
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)


def test_a_method_carries_nothing_unless_it_says_so():
    method = Method()
    assert method.state_dict() == {}
    assert not method.requires.teacher and not method.requires.edits


def test_methods_are_built_by_name():
    assert type(METHODS.build(dict(type='DIS', alpha=2.0))).__name__ == 'DIS'
