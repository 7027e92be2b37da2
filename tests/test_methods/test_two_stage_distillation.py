import copy
import io

import pytest
import torch
import torch.distributed
import torch.multiprocessing
from hypothesis import given, settings
from hypothesis import strategies as st

from lhl.errors import ConfigError
from lhl.methods import DIS, Vanilla
from lhl.methods.two_stage_distillation import TwoStageDistillation

from .conftest import begin, copy_of_state, make_learner, make_teacher
from .training import add_dropout, is_same, make_loader, take_steps

TASKS = ['segmentation', 'depth', 'normal']
ADAM = dict(type='Adam', lr=1e-2, weight_decay=1e-5)
SGD = dict(type='SGD', lr=1e-4, momentum=0.9)


def begin_two_stage(tasks=TASKS, optimizer=ADAM, **options):
    return begin(TwoStageDistillation(alpha=2.0, optimizer=optimizer, **options), tasks)


def end(student, loader):
    student.method.end_phase(student.learner, student.phase, loader)
    return student.learner


def distillation_of(student, loader):
    """DIS's loss over the images of a phase, in evaluation."""
    learner, phase, total = student.learner, student.phase, 0
    method = DIS(alpha=1.0)
    method.begin_phase(learner, phase)
    learner.eval()
    loader.sampler.set_epoch(0)
    with torch.no_grad():
        for data in loader:
            data = learner.data_preprocessor(data)
            outputs = learner(data['inputs'])
            teacher = phase.teacher.learner(data['inputs'])
            for name in phase.old_tasks:
                task = learner.tasks[name]
                total += task.loss_map(outputs[name], task.pseudo_label(teacher[name])).mean().item()
    learner.train()
    return total


# ---- the first stage -----------------------------------------------------------------------------------------------

def test_the_first_stage_is_vanilla_bit_for_bit():
    states = [take_steps(begin(method, TASKS), 'normal').state_dict()
              for method in (Vanilla(), TwoStageDistillation(alpha=2.0, optimizer=ADAM))]
    assert is_same(*states)


def test_the_first_phase_has_no_second_stage():
    student = begin_two_stage(['depth'])
    before = copy_of_state(take_steps(student, 'depth'))
    assert is_same(before, end(student, make_loader('depth')).state_dict())


# ---- the second stage ----------------------------------------------------------------------------------------------

@given(alpha=st.floats(0.1, 50), batch_size=st.sampled_from([2, 4]), epochs=st.integers(1, 2))
@settings(max_examples=5, deadline=None)
def test_the_second_stage_moves_the_old_heads_and_nothing_else(alpha, batch_size, epochs):
    student = begin(TwoStageDistillation(alpha, ADAM, epochs), TASKS).train()
    before = copy_of_state(student.learner)
    after = end(student, make_loader('normal', batch_size)).state_dict()
    assert is_same(before, after, 'backbone.') and is_same(before, after, 'heads.normal.')
    assert any(name.endswith('running_mean') for name in before if name.startswith('backbone.'))
    for name in ('segmentation', 'depth'):
        for key in ('output.weight', 'fuse.bn.running_mean'):
            assert not torch.equal(before[f'heads.{name}.{key}'], after[f'heads.{name}.{key}'])


def test_one_iteration_takes_dis_s_step_on_the_old_heads_with_the_encoder_in_evaluation():
    student, loader = begin_two_stage(optimizer=dict(type='SGD', lr=0.5), epochs=1), make_loader('normal', 8)
    by_hand = copy.deepcopy(student.learner)
    data = by_hand.data_preprocessor(next(iter(loader)))
    by_hand.set_trainable_heads(TASKS)
    by_hand.backbone.eval()
    outputs = by_hand.predict_tasks(by_hand.extract_features(data['inputs']), TASKS[:2], data['inputs'].shape[-2:])
    teacher = student.method.phase.teacher.learner(data['inputs'])
    depth = (outputs['depth'] - teacher['depth']).abs().mean()
    segmentation = torch.nn.functional.cross_entropy(outputs['segmentation'], teacher['segmentation'].argmax(1))
    (2.0 / 2 * (depth + segmentation)).backward()
    end(student, loader)
    for name in TASKS[:2]:
        heads = (learner.heads[name].parameters() for learner in (student.learner, by_hand))
        for ours, theirs in zip(*heads, strict=True):
            torch.testing.assert_close(ours, theirs - 0.5 * theirs.grad, rtol=1e-4, atol=1e-6)


def test_the_second_stage_undoes_what_the_first_does_to_the_old_heads():
    tasks, loader = ['depth', 'normal'], make_loader('normal')
    learner = make_learner(tasks)
    method = TwoStageDistillation(alpha=1.0, optimizer=ADAM, epochs=10)
    student = begin(method, tasks, learner, make_teacher(learner, ['depth']))
    assert distillation_of(student, loader) == 0
    take_steps(student, 'normal', steps=5)
    forgotten = distillation_of(student, loader)
    end(student, loader)
    assert 0 < distillation_of(student, loader) < 0.5 * forgotten


def test_the_teacher_is_left_as_it_was():
    student = begin_two_stage(epochs=1).train()
    before = copy_of_state(student.method.phase.teacher.learner)
    end(student, make_loader('normal'))
    assert is_same(before, student.method.phase.teacher.learner.state_dict())


def test_afterwards_the_learner_is_in_the_state_of_the_first_stage():
    student = begin_two_stage(epochs=1).train()
    trainable = [parameter.requires_grad for parameter in student.learner.parameters()]
    training = [module.training for module in student.learner.modules()]
    end(student, make_loader('normal'))
    assert [parameter.requires_grad for parameter in student.learner.parameters()] == trainable
    assert [module.training for module in student.learner.modules()] == training
    assert all(parameter.grad is None for parameter in student.learner.parameters())
    assert student.learner.trained_tasks == ('normal', )


# ---- its length, repetition and processes --------------------------------------------------------------------------

def epochs_of(student, loader):
    """Which epochs the second stage goes through."""
    epochs, set_epoch = [], loader.sampler.set_epoch
    loader.sampler.set_epoch = lambda epoch: (epochs.append(epoch), set_epoch(epoch))
    end(student, loader)
    return epochs


def test_by_default_it_has_as_many_epochs_as_the_first_stage_also_after_a_resume_that_has_none_left_of_that():
    student = begin_two_stage(['segmentation', 'depth'])
    take_steps(student, 'depth', steps=8)
    file = io.BytesIO()
    torch.save(student.method.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert state == {'iterations': torch.tensor(8)} == student.method.state_dict()
    resumed = begin_two_stage(['segmentation', 'depth'])
    resumed.method.load_state_dict(state)
    for each in (student, resumed):
        assert epochs_of(each, make_loader('depth')) == [0, 1]  # of 4 iterations


def test_a_phase_does_not_inherit_the_iterations_of_the_one_before():
    method = TwoStageDistillation(alpha=1.0, optimizer=ADAM)
    method.load_state_dict({'iterations': torch.tensor(1000)})
    student = begin(method, ['segmentation', 'depth'])
    take_steps(student, 'depth', steps=4)
    assert epochs_of(student, make_loader('depth')) == [0]


def test_its_length_can_be_given():
    student = begin_two_stage(epochs=3)
    take_steps(student, 'normal', steps=1)
    assert epochs_of(student, make_loader('normal')) == [0, 1, 2]


def test_a_repetition_with_other_loader_workers_gives_the_same_weights_under_dropout():
    states = []
    for options in ({}, dict(num_workers=1, persistent_workers=True), {}):
        student, loader = begin_two_stage(epochs=2).train(), make_loader('normal', **options)
        add_dropout(student.learner)
        if options:
            list(loader)  # as after a first stage
        torch.manual_seed(len(states) // 2)
        states.append(copy_of_state(end(student, loader)))
    assert is_same(states[0], states[1])
    assert not is_same(states[0], states[2])  # or dropout would draw nothing


def train_second_stage(rank, world_size, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', f'file://{folder}/store', rank=rank, world_size=world_size)
    state = state_after_second_stage(batch_size=4 // world_size)
    torch.save(state, f'{folder}/{rank}.pth')
    torch.distributed.destroy_process_group()


def state_after_second_stage(batch_size):
    student = begin_two_stage(optimizer=SGD, epochs=2)
    student.learner.norm_eval = True  # batch statistics depend on how a batch is split
    return copy_of_state(end(student.train(), make_loader('normal', batch_size, shuffle=False)))


@pytest.mark.slow
def test_two_processes_learn_what_one_does_with_the_same_global_batch(tmp_path):
    torch.multiprocessing.start_processes(train_second_stage, (2, str(tmp_path)), nprocs=2, start_method='fork')
    first, second = (torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in range(2))
    one, start = state_after_second_stage(batch_size=4), make_learner(TASKS, seed=1).state_dict()
    assert is_same(first, second)
    for name, value in one.items():
        torch.testing.assert_close(first[name], value, rtol=1e-4, atol=1e-5)
    assert max((one[name] - start[name]).abs().max() for name in one if name.endswith('output.weight')) > 1e-3


def test_a_second_stage_without_epochs_is_refused():
    with pytest.raises(ConfigError, match='epochs=0, expected at least 1; remove it for as many'):
        TwoStageDistillation(alpha=1.0, optimizer=ADAM, epochs=0)
