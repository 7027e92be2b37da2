from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lhl.datasets import SampleKey
from lhl.errors import ConfigError
from lhl.inversion import QuickDeepInversion
from lhl.methods import DIS, LwF, Phase, Student, Teacher, Vanilla
from lhl.methods.combined import Combined
from lhl.methods.hcl import HCL
from lhl.models import Batch, Learner
from lhl.registry import METHODS

from .conftest import TASKS as DENSE_TASKS
from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner, make_teacher
from .training import add_dropout, is_same, make_loader, take_steps

TASKS = ['segmentation', 'depth', 'normal']
INVERSION = dict(type='QuickDeepInversion', steps=3, warmup_steps=1)


def begin_training(method, tasks=TASKS, learner=None, teacher=None, count=8, **of_phase):
    """A student that has begun the phase of the last task as the engine has it begin, with so many images."""
    student = begin(method, tasks, learner, teacher)
    student.phase = replace(student.phase, **of_phase)
    student.begin_phase(make_loader(tasks[-1], count=count))
    return student


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
        student = begin_training(method, learner=add_dropout(make_learner(TASKS, seed=1)))
        states.append(copy_of_state(take_steps(student, 'normal')))
    assert is_same(*states)
    assert HCL(weight=3.0).state_dict() == {}


@pytest.mark.parametrize('tasks', [['depth', 'normal', 'segmentation'], ['depth', 'segmentation']])
def test_with_regression_heads_it_is_dis_too_but_for_the_weight(tasks):
    """DIS divides by the number of old tasks, and hard labels are all that there is to say about a regression."""
    hcl, dis = (losses_of(begin(method, tasks).eval(), make_batch('segmentation'))
                for method in (HCL(weight=3.0), DIS(alpha=3.0 * (len(tasks) - 1))))
    assert hcl.keys() == {name.replace('dis', 'hcl') for name in dis} and len(hcl) == len(tasks)
    for name, value in dis.items():
        torch.testing.assert_close(hcl[name.replace('dis', 'hcl')], value)


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
    assert method.inversion.teacher is method.phase.teacher.learner


def test_a_phase_with_fewer_images_gives_all_of_them():
    method = with_unchanged()
    begin_training(method)
    assert sorted(positions(method.inversion.images)) == list(range(8))


def test_the_seed_and_the_phase_decide_which_images_and_which_classes_they_shall_show():
    def drawn(**of_phase):
        method = with_unchanged(num_images=5)
        begin_training(method, **of_phase)
        return positions(method.inversion.images), method.inversion.seed
    same, *others = drawn(), drawn(seed=1), drawn(index=4)
    assert drawn() == same
    for other in others:
        assert all(ours != theirs for ours, theirs in zip(same, other, strict=True))


def test_neither_student_nor_teacher_changes():
    method, learner = HCL(weight=1.0, inversion=INVERSION), make_learner(TASKS, seed=1)
    teacher = make_teacher(make_learner(TASKS[:2], seed=2), TASKS[:2])
    before = copy_of_state(learner), copy_of_state(teacher.learner)
    begin_training(method, TASKS, learner, teacher)
    assert is_same(learner.state_dict(), before[0]) and is_same(teacher.learner.state_dict(), before[1])
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
    student = begin_training(method).eval()
    ours, theirs = student(method.inverted), method.phase.teacher.learner(method.inverted)
    losses = losses_of(student, make_batch('normal'))
    assert list(losses) == ['loss_new_normal', 'loss_hcl_segmentation', 'loss_hcl_depth',
                            'loss_hcl_inverted_segmentation', 'loss_hcl_inverted_depth']
    divergence = F.kl_div(ours['segmentation'].log_softmax(1), theirs['segmentation'].softmax(1),
                          reduction='none').sum(1).mean()
    torch.testing.assert_close(losses['loss_hcl_inverted_segmentation'], 3 * divergence)
    torch.testing.assert_close(losses['loss_hcl_inverted_depth'],
                               3 * (ours['depth'] - theirs['depth']).abs().mean())


def test_the_terms_of_the_real_images_are_as_without_inversion():
    student = begin_training(HCL(weight=3.0, inversion=INVERSION)).eval()
    losses = losses_of(student, make_batch('normal'))
    alone = losses_of(begin(HCL(weight=3.0), TASKS).eval(), make_batch('normal'))
    assert {name: losses[name] for name in alone} == alone


def test_all_inverted_images_are_distilled_in_every_iteration_if_asked():
    method = HCL(weight=3.0, inversion=INVERSION, inverted_batch_size=None)
    student = begin_training(method, count=11).eval()
    ours, theirs = (net(method.inverted)['depth'] for net in (student, method.phase.teacher.learner))
    for seed in range(2):
        torch.manual_seed(seed)
        torch.testing.assert_close(losses_of(student, make_batch('normal'))['loss_hcl_inverted_depth'],
                                   3 * (ours - theirs).abs().mean())


def test_each_iteration_draws_other_images():
    student = begin_training(HCL(weight=1.0, inversion=INVERSION, inverted_batch_size=2)).eval()

    def loss(seed):
        torch.manual_seed(seed)
        return losses_of(student, make_batch('normal'))['loss_hcl_inverted_depth'].item()
    assert loss(0) == loss(0)
    assert len({loss(seed) for seed in range(6)}) > 2


def test_identical_nets_have_no_distillation():
    learner = make_learner(TASKS)
    student = begin_training(HCL(weight=5.0, inversion=INVERSION), TASKS, learner, make_teacher(learner, TASKS[:2]))
    losses = losses_of(student.eval(), make_batch('normal'))
    assert all(value == 0 for name, value in losses.items() if 'hcl' in name)


def test_the_inverted_images_teach_the_encoder_and_the_old_heads_and_not_the_teacher():
    student = begin_training(HCL(weight=1.0, inversion=INVERSION)).train()
    losses = losses_of(student, make_batch('normal'))
    sum(value for name, value in losses.items() if 'inverted' in name).backward()
    for module in (student.learner.backbone, student.learner.heads['segmentation'], student.learner.heads['depth']):
        assert sum(parameter.grad.abs().sum() for parameter in module.parameters()) > 0
    assert all(parameter.grad is None for parameter in student.learner.heads['normal'].parameters())
    assert all(parameter.grad is None for parameter in student.method.phase.teacher.learner.parameters())


def test_another_backbone_may_be_taught():
    learner = make_learner(TASKS, seed=1)
    learner.backbone.layer4 = torch.nn.Sequential(learner.backbone.layer4[0])  # one block less
    student = begin_training(HCL(weight=1.0, inversion=INVERSION), TASKS, learner,
                             make_teacher(make_learner(TASKS[:2], seed=2), TASKS[:2]))
    assert all(value.isfinite() for value in losses_of(student, make_batch('normal')).values())
    assert not HCL(weight=1.0, inversion=INVERSION).requires.same_backbone


@pytest.mark.parametrize('backbone', ['CIFARLeNet', 'CIFARResNet'])
def test_equal_answers_have_no_distillation_whatever_the_architectures(backbone):
    """A head without weights says the same about every image, so that student and teacher agree."""
    answers = torch.randn(10, generator=torch.Generator().manual_seed(0))
    ours, theirs = object_learner(3, backbone), object_learner(2, 'CIFARRegNet')
    for learner in (ours, theirs):
        nn.init.zeros_(learner.heads['objects'].output.weight)
        learner.heads['objects'].output.bias.data.copy_(answers)
    student = begin_objects(HCL(weight=5.0), ours, theirs)
    assert losses_of(student, object_batch())['loss_hcl_task1'].item() == 0
    ours.heads['objects'].output.bias.data.add_(answers)
    expected = 5 * (answers.softmax(0) * (answers.log_softmax(0) - (2 * answers).log_softmax(0))).sum()
    torch.testing.assert_close(losses_of(student, object_batch())['loss_hcl_task1'], expected)


# ---- image-level tasks that share a head ---------------------------------------------------------------------------

def object_tasks(count):
    return {f'task{index + 1}': dict(type='ImageClassification', num_classes=10, labels=[2 * index, 2 * index + 1],
                                     head='objects', label_smoothing=0.1) for index in range(count)}


def object_learner(num_tasks, backbone='CIFARResNet', seed=0, **tasks):
    torch.manual_seed(seed)
    learner = Learner(dict(type=backbone, widen_factor=0.1), dict(type='LinearHead', in_channels=None),
                      {**tasks, **object_tasks(num_tasks)})
    for head in learner.heads.values():
        head.output.weight.data.mul_(4)
    return learner.eval()


def object_batch(count=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(count, 3, 32, 32, generator=generator),
                 {'task3': torch.randint(4, 6, (count, 1, 1), generator=generator)},
                 {'task3': torch.ones(count, 1, 1, dtype=torch.bool)})


def begin_objects(method, learner, teacher):
    names = tuple(learner.tasks)
    student = Student(learner, method, Phase(3, names[-1:], names, 1.0, Teacher(teacher)))
    student.begin_phase()
    return student.eval()


def test_a_shared_head_is_distilled_once_over_all_classes():
    learner, teacher = object_learner(3, seed=1), object_learner(2, 'CIFARRegNet')
    batch = object_batch()
    losses = losses_of(begin_objects(HCL(weight=3.0), learner, teacher), batch)
    assert list(losses) == ['loss_new_task3', 'loss_hcl_task1']
    ours, theirs = learner(batch.inputs)['task1'].flatten(1), teacher(batch.inputs)['task2'].flatten(1)
    assert ours.shape == theirs.shape == (4, 10)
    divergence = F.kl_div(ours.log_softmax(1), theirs.softmax(1), reduction='batchmean')
    torch.testing.assert_close(losses['loss_hcl_task1'], 3 * divergence)
    smoothed = F.cross_entropy(ours, batch.targets['task3'].flatten(), label_smoothing=0.1)
    torch.testing.assert_close(losses['loss_new_task3'], smoothed)


def test_a_mixed_stream_distils_each_head_in_its_own_way_on_both_kinds_of_images():
    """An image-level head beside a dense one."""
    learner, teacher = (object_learner(count, seed=count, depth=DENSE_TASKS['depth']) for count in (3, 2))
    method = HCL(weight=3.0, inversion=INVERSION)
    student, batch = begin_objects(method, learner, teacher), object_batch()
    method.inverted = method.inversion(teacher, object_batch(8, seed=1).inputs, seed=0)
    losses = losses_of(student, batch)
    assert list(losses) == ['loss_new_task3', 'loss_hcl_depth', 'loss_hcl_task1', 'loss_hcl_inverted_depth',
                            'loss_hcl_inverted_task1']
    for name, images in (('hcl', batch.inputs), ('hcl_inverted', method.inverted)):
        ours, theirs = learner(images), teacher(images)
        divergence = F.kl_div(ours['task1'].flatten(1).log_softmax(1), theirs['task1'].flatten(1).softmax(1),
                              reduction='batchmean')
        torch.testing.assert_close(losses[f'loss_{name}_task1'], 3 * divergence)
        torch.testing.assert_close(losses[f'loss_{name}_depth'], 3 * (ours['depth'] - theirs['depth']).abs().mean())


# ---- what is carried -----------------------------------------------------------------------------------------------

def test_an_interrupted_phase_has_its_inverted_images_back_and_learns_alike():
    states = []
    whole = begin_training(HCL(weight=1.0, inversion=INVERSION, inverted_batch_size=3))
    saved = {name: value.clone() for name, value in whole.method.state_dict().items()}
    resumed = begin(HCL(weight=1.0, inversion=INVERSION, inverted_batch_size=3), TASKS)
    resumed.method.load_state_dict(saved)
    states = [copy_of_state(take_steps(student, 'normal')) for student in (whole, resumed)]
    assert is_same(*states)


def test_nothing_is_carried_to_the_next_phase():
    method = HCL(weight=1.0, inversion=INVERSION)
    student = begin_training(method)
    assert list(method.state_dict()) == ['inverted'] and method.num_stored_images() == 0
    method.end_phase(student.learner, method.phase, make_loader('normal'))
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


# ---- several processes ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize('size, world_size, expected', [
    (2, 3, [2, 2, 2]), (3, 3, [3, 3, 2]), (None, 3, [3, 3, 2]), (None, 4, [2, 2, 2, 2]), (2, 5, [8] * 5)])
def test_the_processes_share_the_inverted_images_that_one_would_draw(size, world_size, expected, monkeypatch):
    """Eight are stored; of shares of single images nothing could be normalised, so each process has all then."""
    method, stored, shares, total = HCL(weight=1.0, inverted_batch_size=size), torch.arange(8.0), [], 0.0
    for rank in range(world_size):
        monkeypatch.setattr('lhl.methods.hcl.get_dist_info', lambda rank=rank: (rank, world_size))
        torch.manual_seed(5)  # stands for the broadcast of rank 0's draw
        share, weight = method.draw(stored)
        shares.append(share)
        total += weight * share.square().mean().item() / world_size  # what the mean over the processes is
    assert [len(share) for share in shares] == expected
    torch.manual_seed(5)
    drawn = stored[torch.randperm(8)[:None if size is None else size * world_size]]
    assert set(torch.cat(shares).tolist()) == set(drawn.tolist())
    assert total == pytest.approx(drawn.square().mean().item())
