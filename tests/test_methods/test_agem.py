import pytest
import torch

from lhl.methods import Vanilla
from lhl.methods.agem import AGEM
from lhl.registry import METHODS

from .conftest import begin, copy_of_state, losses_of, make_batch
from .training import is_same, take_steps

TASKS = ['segmentation', 'depth']


def two_phases(**options):
    """A student that learns depth, with six labelled images of segmentation in its memory."""
    options = {'memory_size': 6, 'replay_batch_size': 6, **options}
    student = begin(AGEM(**options), TASKS[:1]).eval()
    losses_of(student, make_batch('segmentation', 6))
    method = AGEM(**options)
    method.load_state_dict(student.method.state_dict())
    return begin(method, TASKS).eval()


def trainable(student):
    return {name: p for name, p in student.learner.named_parameters() if p.requires_grad}


def reference_gradient(student):
    """The gradient of the mean task loss of all six images, which are one batch, by an independent backward pass."""
    terms = []
    for entry in student.method.memory:
        if entry.task == 0:
            loss_map = torch.nn.functional.cross_entropy(
                student.learner(entry.image[None])['segmentation'], entry.maps['target'][None], reduction='none')
            terms.append(loss_map[entry.maps['valid'][None]].mean())
    parameters = trainable(student)
    gradients = torch.autograd.grad(torch.stack(terms).mean(), parameters.values(), allow_unused=True)
    return {name: torch.zeros_like(p) if g is None else g
            for (name, p), g in zip(parameters.items(), gradients, strict=True)}


def set_gradients(student, values):
    for name, parameter in trainable(student).items():
        parameter.grad = values[name].clone()


def dot(first, second):
    return sum((first[name] * second[name]).sum() for name in first).item()


def projected(student):
    student.method.edit_gradients(student.learner)
    return {name: parameter.grad for name, parameter in trainable(student).items()}


def test_a_gradient_against_the_memory_is_projected_onto_the_plane_where_its_loss_does_not_change():
    """g = u - 2 r with u orthogonal to r: the projection is u."""
    student = two_phases()
    wanted = reference_gradient(student)
    torch.manual_seed(0)
    other = {name: torch.randn_like(value) for name, value in wanted.items()}
    along = dot(other, wanted) / dot(wanted, wanted)
    other = {name: value - along * wanted[name] for name, value in other.items()}
    set_gradients(student, {name: other[name] - 2 * wanted[name] for name in wanted})
    found = projected(student)
    error = {name: value - other[name] for name, value in found.items()}
    assert dot(error, error) < 1e-8 * dot(other, other)  # of the length, 1e-4: sums of 1e5 products in float32
    assert abs(dot(found, wanted)) < 1e-4 * dot(wanted, wanted)


@pytest.mark.parametrize('factor', [0.0, 1.0, 3.0])
def test_a_gradient_that_does_not_oppose_the_memory_stays_as_it_is(factor):
    student = two_phases()
    values = {name: factor * value for name, value in reference_gradient(student).items()}
    set_gradients(student, values)
    assert all(torch.equal(value, values[name]) for name, value in projected(student).items())


def remainder_of_the_opposite(student):
    """What is left of the gradient that opposes the memory's, relative to its length."""
    wanted = reference_gradient(student)
    set_gradients(student, {name: -value for name, value in wanted.items()})
    found = projected(student)
    return (dot(found, found) / dot(wanted, wanted))**0.5


def test_the_opposite_gradient_vanishes():
    student = two_phases()
    assert remainder_of_the_opposite(student) < 1e-5


def test_behind_a_frozen_backbone_there_is_nothing_to_project():
    student = two_phases()
    student.learner.backbone.requires_grad_(False)  # as the head of segmentation, the only task in the memory, is
    values = {name: torch.ones_like(parameter) for name, parameter in trainable(student).items()}
    set_gradients(student, values)
    assert all(torch.equal(value, values[name]) for name, value in projected(student).items())


def test_only_old_tasks_constrain():
    """Images of the phase at hand enter the memory, but are not drawn."""
    student = two_phases(memory_size=12)
    losses_of(student, make_batch('depth', 6))
    method = student.method
    assert {entry.task for entry in method.memory} == {0, 1}
    assert {entry.task for _ in range(5) for entry in method.draw()} == {0}
    assert remainder_of_the_opposite(student) < 1e-5


def test_the_first_phase_is_vanilla_s_and_stores_images():
    ours, vanilla = (take_steps(begin(method, TASKS[:1]), 'segmentation') for method in (AGEM(), Vanilla()))
    assert is_same(ours.state_dict(), vanilla.state_dict())


def test_frozen_old_heads_do_not_move():
    student = two_phases()
    before = copy_of_state(student.learner)
    take_steps(student, 'depth', steps=3)
    after = student.learner.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith('heads.segmentation'))


def test_it_is_built_by_name_and_edits_gradients():
    method = METHODS.build(dict(type='AGEM', memory_size=7))
    assert (method.requires.edits, method.requires.stored_images, method.requires.own_first_phase) == (
        'gradient', 7, True)
