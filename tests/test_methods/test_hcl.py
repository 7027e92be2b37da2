import pytest
import torch
import torch.nn.functional as F

from lhl.datasets import SampleKey
from lhl.errors import ConfigError
from lhl.inversion import QuickDeepInversion
from lhl.methods import LwF, Phase, Vanilla
from lhl.methods.combined import Combined
from lhl.methods.hcl import HCL
from lhl.registry import METHODS

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner, make_teacher
from .training import add_dropout, is_same, make_loader, take_steps

TASKS = ['segmentation', 'depth', 'normal']
INVERSION = dict(type='QuickDeepInversion', steps=3, warmup_steps=1)


def begin_training(method, tasks=TASKS, learner=None, teacher=None, count=8, **of_phase):
    """Begin the phase of the last task as the engine does, with so many images."""
    learner = begin(method, tasks, learner, teacher)
    phase = Phase(**{**vars(learner.method.phase), **of_phase})
    method.before_training(learner, phase, make_loader(tasks[-1], count=count))
    return learner


class Unchanged:
    """Gives the images back and keeps what it was called with."""

    steps = 0

    def __call__(self, teacher, images, seed):
        self.teacher, self.images, self.seed = teacher, images, seed
        return images


def with_unchanged(**options):
    method = HCL(weight=1.0, inversion=INVERSION, **options)
    method.inversion = Unchanged()
    return method


# ---- without inversion ---------------------------------------------------------------------------------------------

def test_without_inversion_it_is_lwf_with_temperature_1():
    hcl, lwf = (losses_of(begin(method, TASKS).eval(), make_batch('normal'))
                for method in (HCL(weight=3.0), LwF(weight=3.0, temperature=1.0)))
    assert {name.replace('hcl', 'lwf'): value for name, value in hcl.items()} == lwf
    assert len(hcl) == 3 and all(value > 0 for value in hcl.values())


def test_without_inversion_it_learns_as_that_lwf_bit_for_bit():
    states = []
    for method in (HCL(weight=3.0), LwF(weight=3.0, temperature=1.0)):
        learner = begin_training(method, learner=add_dropout(make_learner(TASKS, seed=1)))
        states.append(copy_of_state(take_steps(learner, 'normal')))
    assert is_same(*states)
    assert HCL(weight=3.0).state_dict() == {}


# ---- what is inverted ----------------------------------------------------------------------------------------------

def images_of(task):
    """All images of a phase in epoch 0, normalised."""
    dataset = make_loader(task).dataset
    images = torch.stack([dataset[SampleKey(index, 0)]['inputs'] for index in range(len(dataset))])
    return make_learner(['depth']).data_preprocessor(dict(inputs=images))['inputs']


def positions(images, task='normal'):
    known = images_of(task)
    return [next(index for index in range(len(known)) if torch.equal(known[index], image)) for image in images]


def test_the_inversion_starts_from_different_images_of_the_phase_and_gets_the_teacher():
    method = with_unchanged(num_images=5)
    begin_training(method)
    assert len(set(positions(method.inversion.images))) == 5
    assert method.inversion.teacher is method.phase.teacher


def test_a_phase_with_fewer_images_gives_all_of_them():
    method = with_unchanged()
    begin_training(method)
    assert sorted(positions(method.inversion.images)) == list(range(8))


def test_the_seed_and_the_phase_decide_which_images():
    def drawn(**of_phase):
        method = with_unchanged(num_images=5)
        begin_training(method, **of_phase)
        return positions(method.inversion.images)
    assert drawn() == drawn()
    assert drawn() != drawn(seed=1) and drawn() != drawn(index=4)


def test_neither_student_nor_teacher_changes():
    method, learner = HCL(weight=1.0, inversion=INVERSION), make_learner(TASKS, seed=1)
    teacher = make_teacher(make_learner(TASKS[:2], seed=2), TASKS[:2])
    before = copy_of_state(learner), copy_of_state(teacher)
    begin_training(method, TASKS, learner, teacher)
    assert is_same(learner.state_dict(), before[0]) and is_same(teacher.state_dict(), before[1])
    assert all(parameter.grad is None for parameter in learner.parameters())
    assert len(method.inverted) == 8
    assert not any(torch.equal(image, real) for image in method.inverted for real in images_of('normal'))


def test_the_first_phase_is_vanilla_s_bit_for_bit():
    method = HCL(weight=5.0, inversion=INVERSION)
    hcl, vanilla = (take_steps(begin_training(each, ['depth']), 'depth').state_dict() for each in (method, Vanilla()))
    assert is_same(hcl, vanilla)
    assert method.inverted is None and method.requires.own_first_phase is False


# ---- the distillation on inverted images ---------------------------------------------------------------------------

def test_the_inverted_images_have_terms_of_the_same_weight_and_distances():
    method = HCL(weight=3.0, inversion=INVERSION)  # a batch of all eight images
    learner = begin_training(method).eval()
    student, teacher = learner(method.inverted), method.phase.teacher(method.inverted)
    losses = losses_of(learner, make_batch('normal'))
    assert list(losses) == ['loss_new_normal', 'loss_hcl_segmentation', 'loss_hcl_depth',
                            'loss_hcl_inverted_segmentation', 'loss_hcl_inverted_depth']
    divergence = F.kl_div(student['segmentation'].log_softmax(1), teacher['segmentation'].softmax(1),
                          reduction='none').sum(1).mean()
    torch.testing.assert_close(losses['loss_hcl_inverted_segmentation'], 3 * divergence)
    torch.testing.assert_close(losses['loss_hcl_inverted_depth'],
                               3 * (student['depth'] - teacher['depth']).abs().mean())


def test_the_terms_of_the_real_images_are_as_without_inversion():
    learner = begin_training(HCL(weight=3.0, inversion=INVERSION)).eval()
    losses = losses_of(learner, make_batch('normal'))
    alone = losses_of(begin(HCL(weight=3.0), TASKS).eval(), make_batch('normal'))
    assert {name: losses[name] for name in alone} == alone


def test_each_iteration_draws_other_images():
    learner = begin_training(HCL(weight=1.0, inversion=INVERSION, inverted_batch_size=2)).eval()

    def loss(seed):
        torch.manual_seed(seed)
        return losses_of(learner, make_batch('normal'))['loss_hcl_inverted_depth'].item()
    assert loss(0) == loss(0)
    assert len({loss(seed) for seed in range(6)}) > 2


def test_identical_nets_have_no_distillation():
    learner = make_learner(TASKS)
    learner = begin_training(HCL(weight=5.0, inversion=INVERSION), TASKS, learner, make_teacher(learner, TASKS[:2]))
    losses = losses_of(learner.eval(), make_batch('normal'))
    assert all(value == 0 for name, value in losses.items() if 'hcl' in name)


def test_the_inverted_images_teach_the_encoder_and_the_old_heads_and_not_the_teacher():
    learner = begin_training(HCL(weight=1.0, inversion=INVERSION)).train()
    losses = losses_of(learner, make_batch('normal'))
    sum(value for name, value in losses.items() if 'inverted' in name).backward()
    for module in (learner.backbone, learner.heads['segmentation'], learner.heads['depth']):
        assert sum(parameter.grad.abs().sum() for parameter in module.parameters()) > 0
    assert all(parameter.grad is None for parameter in learner.heads['normal'].parameters())
    assert all(parameter.grad is None for parameter in learner.method.phase.teacher.parameters())


def test_another_backbone_may_be_taught():
    student = make_learner(TASKS, seed=1)
    student.backbone.layer4 = torch.nn.Sequential(student.backbone.layer4[0])  # one block less
    learner = begin_training(HCL(weight=1.0, inversion=INVERSION), TASKS, student,
                             make_teacher(make_learner(TASKS[:2], seed=2), TASKS[:2]))
    assert all(value.isfinite() for value in losses_of(learner, make_batch('normal')).values())
    assert not HCL(weight=1.0, inversion=INVERSION).requires.same_backbone


# ---- what is carried -----------------------------------------------------------------------------------------------

def test_an_interrupted_phase_has_its_inverted_images_back_and_learns_alike():
    states = []
    whole = begin_training(HCL(weight=1.0, inversion=INVERSION, inverted_batch_size=3))
    saved = {name: value.clone() for name, value in whole.method.state_dict().items()}
    resumed = begin(HCL(weight=1.0, inversion=INVERSION, inverted_batch_size=3), TASKS)
    resumed.method.load_state_dict(saved)
    states = [copy_of_state(take_steps(learner, 'normal')) for learner in (whole, resumed)]
    assert is_same(*states)


def test_nothing_is_carried_to_the_next_phase():
    method = HCL(weight=1.0, inversion=INVERSION)
    learner = begin_training(method)
    assert list(method.state_dict()) == ['inverted'] and method.num_stored_images() == 0
    method.end_phase(learner, method.phase, make_loader('normal'))
    assert method.state_dict() == {}
    method.load_state_dict({})
    assert method.inverted is None


def test_combined_with_vanilla_it_inverts_as_alone():
    alone = HCL(weight=1.0, inversion=INVERSION)
    combined = Combined([dict(type='Vanilla'), dict(type='HCL', weight=1.0, inversion=INVERSION)])
    states = [copy_of_state(take_steps(begin_training(method), 'normal')) for method in (alone, combined)]
    assert is_same(*states)
    assert torch.equal(combined.state_dict()['1.inverted'], alone.inverted)


# ---- options -------------------------------------------------------------------------------------------------------

def test_it_is_built_by_name_with_200_images():
    method = METHODS.build(dict(type='HCL', weight=3.0, inversion=INVERSION))
    assert method.num_images == 200 and isinstance(method.inversion, QuickDeepInversion) and method.inversion.steps == 3


@pytest.mark.parametrize('options, message', [
    (dict(weight=-1.0), 'weight=-1.0 of HCL is negative; give 0 or more'),
    (dict(weight=1.0, num_images=1), 'num_images=1 of HCL is not a number of images; give a whole number of at least'),
    (dict(weight=1.0, inverted_batch_size=0.5), 'inverted_batch_size=0.5 of HCL is not a number of images'),
])
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        HCL(**options)
