import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import multiprocessing
from torch.utils.data import DataLoader

from lhl.datasets import SampleKey, collate_samples
from lhl.errors import CheckpointError, ConfigError
from lhl.methods import Phase, Vanilla
from lhl.methods.icarl import ICaRL, herding
from lhl.registry import METHODS

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner
from .training import is_same, make_loader, take_steps

TASKS = ['segmentation', 'depth', 'normal']


def end_phase(method, tasks, learner=None, count=8, batch_size=3):
    """Begin and end the phase of the last task, of which there are so many images; give the method."""
    student = begin(method, tasks, learner).train()
    method.end_phase(student.learner, method.phase, make_loader(tasks[-1], batch_size, count))
    return method


def next_phase(method, **options):
    """The method of the phase after, with what this one carries on."""
    following = type(method)(**{'weight': 1.0, 'memory_size': method.memory_size, **options})
    following.load_state_dict(method.state_dict())
    return following


def inputs_of(task):
    """All images of a phase, as the learner sees them."""
    dataset = make_loader(task).dataset
    images = torch.stack([dataset[SampleKey(index, 0)]['inputs'] for index in range(len(dataset))])
    return make_learner(['depth']).data_preprocessor(dict(inputs=images))['inputs']


def positions_of(method, task):
    """Which images of a phase the entries of the memory hold."""
    inputs = inputs_of(task)
    return [next(index for index in range(len(inputs)) if torch.equal(inputs[index], e.image)) for e in method.memory]


# ---- herding -------------------------------------------------------------------------------------------------------

def test_herding_of_0_1_2_9_by_hand():
    # The mean is 3. Nearest are 2, then (2 + 1) / 2 = 1.5, then (2 + 1 + 9) / 3 = 4, then all.
    assert herding(torch.tensor([[0.], [1.], [2.], [9.]]), 4) == [2, 1, 3, 0]


points = hnp.arrays('float64', st.tuples(st.integers(1, 7), st.integers(1, 3)), elements=st.floats(-10, 10))


@given(points)
def test_every_prefix_is_the_greedy_optimum(features):
    chosen = herding(torch.from_numpy(features), len(features))
    assert sorted(chosen) == list(range(len(features)))
    for length, best in enumerate(chosen, 1):
        def distance(row, length=length):
            return ((features[[*chosen[:length - 1], row]].mean(0) - features.mean(0))**2).sum()**0.5
        assert distance(best) <= min(map(distance, set(range(len(features))) - set(chosen[:length]) | {best})) + 1e-9


@given(points, st.integers(0, 8))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(features, count):
    features = torch.from_numpy(features)
    assert herding(features, count) == herding(features, len(features))[:count]


def test_the_order_does_not_depend_on_that_of_the_data_set():
    features = torch.randn(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    assert order[herding(features[order], 12)].tolist() == herding(features, 12)


def test_herding_represents_the_mean_better_than_chance():
    features = torch.randn(100, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for count in (1, 5, 20):
        distance = (features[herding(features, count)].mean(0) - features.mean(0)).norm()
        orders = [torch.randperm(100, generator=torch.Generator().manual_seed(seed))[:count] for seed in range(50)]
        assert distance <= min((features[order].mean(0) - features.mean(0)).norm() for order in orders)


# ---- the end of a phase --------------------------------------------------------------------------------------------

def test_the_images_are_those_that_herding_chooses_among_the_unit_features_in_evaluation_mode():
    learner = make_learner(['depth'], seed=3)
    method = end_phase(ICaRL(weight=1.0, memory_size=4), ['depth'], learner)
    inputs = inputs_of('depth')
    with torch.no_grad():
        pooled = learner.eval().backbone(inputs)[-1].flatten(2).mean(2).double()
    expected = herding(pooled / pooled.norm(dim=1, keepdim=True), 4)
    assert positions_of(method, 'depth') == expected
    assert expected != herding(pooled, 4)  # so the length matters


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('store', ['predictions', 'labels'])
def test_what_is_stored_is_the_prediction_as_a_target_or_the_label(task, store):
    method = end_phase(ICaRL(weight=1.0, memory_size=3, store=store), [task])
    learner, labels = method.learner.eval(), make_loader(task).dataset.batch
    for stored, position in zip(method.memory, positions_of(method, task), strict=True):
        if store == 'labels':
            target, valid = labels.targets[task][position], labels.valid[task][position]
        else:
            target = learner.tasks[task].pseudo_label(learner(stored.image[None])[task].detach())[0]
            valid = torch.ones(target.shape[-2:], dtype=torch.bool)
        torch.testing.assert_close(stored.maps['target'], target, atol=1e-5, rtol=1e-4)
        assert torch.equal(stored.maps['valid'], valid)
        assert stored.maps['target'].dtype == (torch.int64 if task == 'segmentation' else torch.float32)


@pytest.mark.parametrize('memory_size', [0, 1, 2, 5, 6, 7])
def test_all_tasks_share_the_memory_alike_and_keep_their_best_images(memory_size):
    method, lists = ICaRL(weight=1.0, memory_size=memory_size), {}
    for number in (1, 2, 3):
        end_phase(method, TASKS[:number], make_learner(TASKS[:number], seed=number))
        share = memory_size // number
        assert method.num_stored_images() == share * number <= memory_size
        for task in TASKS[:number]:
            kept = [e.image for e in method.memory if e.task == TASKS.index(task)]
            lists.setdefault(task, kept)
            assert len(kept) == share
            assert all(torch.equal(*pair) for pair in zip(kept, lists[task][:share], strict=True))
        method = next_phase(method)


def test_fewer_images_than_the_share_are_all_stored():
    method = end_phase(ICaRL(weight=1.0, memory_size=50), ['segmentation'])
    assert sorted(positions_of(method, 'segmentation')) == list(range(8))


def test_random_images_depend_on_the_seed_and_the_phase_only():
    def chosen(seed, state=0):
        method = ICaRL(weight=1.0, memory_size=4, select='random')
        student = begin(method, ['segmentation']).train()
        torch.manual_seed(state)
        method.end_phase(student.learner, Phase(1, ('segmentation', ), ('segmentation', ), seed=seed),
                         make_loader('segmentation', 3))
        return positions_of(method, 'segmentation')

    assert len(set(chosen(0))) == 4 and chosen(0) == chosen(0, state=1) != chosen(5)


class TwoTasks(torch.utils.data.Dataset):
    """Images labelled for depth and normal."""

    def __init__(self):
        self.parts = [make_batch(task, 4, seed=6) for task in ('depth', 'normal')]

    def __len__(self):
        return 4

    def __getitem__(self, key):
        depth, normal = self.parts
        return dict(inputs=depth.inputs[key.index], meta=dict(image_path=''),
                    targets={k: v[key.index] for part in (depth, normal) for k, v in part.targets.items()},
                    valid={k: v[key.index] for part in (depth, normal) for k, v in part.valid.items()})


def test_two_tasks_learned_at_once_get_an_entry_of_each_image_each():
    learner = make_learner(['depth', 'normal'], seed=1)
    method, phase = ICaRL(weight=1.0, memory_size=5), Phase(1, ('depth', 'normal'), ('depth', 'normal'))
    method.begin_phase(learner, phase)
    method.end_phase(learner, phase, DataLoader(TwoTasks(), 2, collate_fn=collate_samples))
    assert [e.task for e in method.memory] == [0, 0, 1, 1]
    assert torch.equal(method.memory[0].image, method.memory[2].image)
    assert method.memory[0].maps['target'].shape[0] == 1 and method.memory[2].maps['target'].shape[0] == 3


@pytest.mark.parametrize('tasks', [['segmentation'], ['segmentation', 'depth']])
def test_the_end_of_a_phase_leaves_the_learner_as_it_was(tasks):
    learner = make_learner(tasks, seed=1)
    before = copy_of_state(learner)
    end_phase(ICaRL(weight=1.0, memory_size=4), tasks, learner)
    assert is_same(learner.state_dict(), before) and learner.training and learner.backbone.training
    assert all(parameter.grad is None for parameter in learner.parameters())


def gather_on_rank(rank, world_size, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', f'file://{folder}/meeting', rank=rank, world_size=world_size)
    torch.save(state_after_a_phase(), folder / f'{rank}.pth')
    torch.distributed.destroy_process_group()


def state_after_a_phase():
    return end_phase(ICaRL(weight=1.0, memory_size=5), ['depth'], count=7).state_dict()


@pytest.mark.slow
def test_two_processes_store_what_one_does(tmp_path):
    multiprocessing.set_forkserver_preload(['lhl.methods', 'lhl.engine', 'hypothesis'])
    # Seven images: one process looks at four of them, the other at three.
    multiprocessing.start_processes(gather_on_rank, (2, tmp_path), 2, start_method='forkserver')
    first, second = (torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in (0, 1))
    one = state_after_a_phase()
    assert list(first) == list(second) == list(one) and is_same(first, second)
    for name, value in one.items():
        torch.testing.assert_close(first[name], value, atol=0 if name.endswith('image') else 1e-4, rtol=0)


# ---- replay --------------------------------------------------------------------------------------------------------

def second_phase(weight=1.0, **options):
    """A student in the phase of depth, and the method of the phase of segmentation before."""
    before = end_phase(ICaRL(weight, memory_size=4, **options), TASKS[:1])
    return begin(next_phase(before, weight=weight, **options), TASKS[:2]), before


def test_the_loss_is_the_weighted_mean_of_the_entries_task_losses():
    student, _ = second_phase(weight=3.0, replay_batch_size=4)
    losses = losses_of(student.eval(), make_batch('depth'))
    assert list(losses) == ['loss_new_depth', 'loss_replay']
    expected = torch.stack([
        torch.nn.functional.cross_entropy(student(e.image[None])['segmentation'], e.maps['target'][None])
        for e in student.method.memory]).mean()
    torch.testing.assert_close(losses['loss_replay'], 3 * expected)


def test_a_learner_that_still_says_what_was_stored_has_no_loss_for_regression():
    before = end_phase(ICaRL(weight=1.0, memory_size=4), ['depth'])
    student = begin(next_phase(before), ['depth', 'normal'])
    student.learner.load_state_dict(before.learner.state_dict(), strict=False)
    assert losses_of(student.eval(), make_batch('normal'))['loss_replay'].item() == pytest.approx(0, abs=1e-5)


def test_following_the_loss_brings_the_learner_to_what_was_stored():
    student, _ = second_phase()
    optimizer, batch, course = torch.optim.Adam(student.eval().parameters(), 1e-2), make_batch('depth'), []
    for _ in range(10):
        loss = losses_of(student, batch)['loss_replay']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.append(loss.item())
    assert course[-1] < 0.5 * course[0]


def test_all_heads_learn():
    student, _ = second_phase()
    assert student.learner.trained_tasks == ('segmentation', 'depth')
    before = copy_of_state(student.learner)
    after = take_steps(student, 'depth').state_dict()
    for prefix in ('backbone.', 'heads.segmentation.', 'heads.depth.'):
        assert not is_same(after, before, prefix)


def test_every_old_task_is_in_every_batch_that_has_room_for_it():
    method = end_phase(ICaRL(1.0, memory_size=6), TASKS[:1])
    method = end_phase(next_phase(method), TASKS[:2])
    student = begin(next_phase(method, replay_batch_size=2), TASKS)
    assert all({e.task for e in student.method.draw()} == {0, 1} for _ in range(40))


def test_the_first_phase_is_vanilla_s_bit_for_bit():
    ours, vanilla = (take_steps(begin(method, ['depth']), 'depth').state_dict() for method in (ICaRL(5.0), Vanilla()))
    assert is_same(ours, vanilla) and not ICaRL(5.0).requires.own_first_phase


@pytest.mark.parametrize('memory_size', [0, 1])
def test_without_a_share_of_the_memory_it_is_vanilla_bit_for_bit(memory_size):
    method = ICaRL(weight=1.0, memory_size=memory_size)
    if memory_size:  # one image for two tasks
        method = next_phase(end_phase(ICaRL(weight=1.0, memory_size=memory_size), TASKS[:1]))
    method = end_phase(method, TASKS[:2])
    assert method.memory == []
    ours = take_steps(begin(next_phase(method), TASKS), 'normal', weight_decay=0.1).state_dict()
    vanilla = take_steps(begin(Vanilla(), TASKS), 'normal', weight_decay=0.1).state_dict()
    assert is_same(ours, vanilla)


def test_training_resumed_in_the_middle_of_a_phase_continues_identically(tmp_path):
    student, before = second_phase(replay_batch_size=2)
    take_steps(student, 'depth', steps=2, optimizer=torch.optim.SGD)
    torch.save([student.state_dict(), student.method.state_dict()], tmp_path / 'saved.pth')
    take_steps(student, 'depth', steps=2, optimizer=torch.optim.SGD)

    weights, state = torch.load(tmp_path / 'saved.pth', weights_only=True)
    resumed = begin(next_phase(before, replay_batch_size=2), TASKS[:2])
    resumed.load_state_dict(weights)
    resumed.method.load_state_dict(state)
    take_steps(resumed, 'depth', steps=2, optimizer=torch.optim.SGD)
    assert is_same(resumed.state_dict(), student.state_dict())
    assert is_same(resumed.method.state_dict(), student.method.state_dict())


# ---- options -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('options, message', [
    (dict(store='logits'), r"store='logits' is unknown to ICaRL; known: labels, predictions"),
    (dict(select='herdin'), r"select='herdin' is unknown to ICaRL; did you mean 'herding'\?"),
    (dict(memory_size=-5), 'memory_size=-5 of ICaRL is not a number of images; give a whole number of at least 0'),
])
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ICaRL(weight=1.0, **options)


def test_a_state_of_another_task_is_refused():
    method = end_phase(ICaRL(weight=1.0, memory_size=3), ['depth'])
    with pytest.raises(CheckpointError, match=r"'memory.0.target' of task 'normal' .* found \(1, 24, 40\)"):
        begin(next_phase(method), ['normal', 'depth'])


def test_it_is_built_by_name():
    method = METHODS.build(dict(type='ICaRL', weight=0.01, memory_size=20))
    assert method.requires.stored_images == 20 and not method.requires.teacher and not method.requires.same_backbone


def test_every_choice_of_options_gives_finite_losses():
    for store, select in itertools.product(('predictions', 'labels'), ('herding', 'random')):
        learner, _ = second_phase(store=store, select=select)
        assert all(loss.isfinite() for loss in losses_of(learner.train(), make_batch('depth')).values())
