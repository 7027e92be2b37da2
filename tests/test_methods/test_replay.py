import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_engine.tiny_stream import FOLDERS, stream_config, write_data

from lhl.engine import read_checkpoint, train_stream
from lhl.errors import CheckpointError, ConfigError, DataError
from lhl.methods import Method
from lhl.methods.replay import Entry, Replay, drawn_numbers, drawn_order, image_means, turns

from .conftest import SIZE, begin, losses_of, make_batch

TASKS = ('segmentation', 'depth', 'normal')


class Stored(Replay):
    """The least a replay method must do: nothing is ever stored by itself."""

    def losses(self, batch, features, outputs):
        losses = super().losses(batch, features, outputs)
        if self.memory:
            losses['loss_replay'] = self.weight * self.replay(self.target_losses)
        return losses


class Balanced(Stored):
    balanced = True


def entry(index, seed=0, size=SIZE, valid=None):
    """One image of the task at a position of the stream, with its label."""
    batch = make_batch(TASKS[index], 1, seed)
    mask = batch.valid[TASKS[index]][0] if valid is None else torch.full(size, valid)
    image = torch.nn.functional.interpolate(batch.inputs, size)[0]
    return Entry.of(image, index, target=batch.targets[TASKS[index]][0], valid=mask)


def method_with(counts, kind=Stored, tasks=TASKS, **options):
    """A method that has begun the phase of the last task, with so many entries of each task."""
    method = kind(**{'weight': 1.0, **options})
    method.memory = [entry(index, seed) for index, count in enumerate(counts) for seed in range(count)]
    begin(method, list(tasks)).eval()
    return method


# ---- entries -------------------------------------------------------------------------------------------------------

def test_an_entry_owns_what_it_keeps_and_no_more():
    batch = make_batch('depth', 8)
    images = batch.inputs.contiguous(memory_format=torch.channels_last)
    kept = Entry.of(images[3], 1, target=batch.targets['depth'][3].requires_grad_(), valid=batch.valid['depth'][3])
    for tensor, of_batch in ((kept.image, images[3]), (kept.maps['target'], batch.targets['depth'][3])):
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        assert torch.equal(tensor, of_batch) and not tensor.requires_grad and tensor.is_contiguous()
    before = kept.image.clone()
    images.zero_()
    assert torch.equal(kept.image, before)


def test_the_memory_survives_a_file_tensor_by_tensor(tmp_path):
    method = method_with((2, 0, 1))
    method.draws = 41
    torch.save(method.state_dict(), tmp_path / 'state.pth')
    other = Stored(weight=1.0)
    other.load_state_dict(torch.load(tmp_path / 'state.pth', weights_only=True))
    assert other.draws == 41 and [e.task for e in other.memory] == [0, 0, 2]
    for ours, theirs in zip(method.memory, other.memory, strict=True):
        assert torch.equal(ours.image, theirs.image) and list(ours.maps) == list(theirs.maps)
        assert all(torch.equal(value, theirs.maps[key]) and value.dtype == theirs.maps[key].dtype
                   for key, value in ours.maps.items())


def test_the_order_of_more_than_ten_entries_survives():
    method = method_with((12, ))
    other = Stored(weight=1.0)
    other.load_state_dict(method.state_dict())
    assert all(torch.equal(a.image, b.image) for a, b in zip(method.memory, other.memory, strict=True))


def test_the_state_holds_tensors_only_and_an_empty_memory_is_restored():
    assert all(isinstance(value, torch.Tensor) for value in method_with((1, 1)).state_dict().values())
    method = method_with((1, ))
    method.load_state_dict(Stored(weight=1.0).state_dict())
    assert method.memory == [] and method.num_stored_images() == 0


def test_what_is_counted_is_what_is_required_of_the_engine():
    method = method_with((2, 3), memory_size=7)
    assert method.num_stored_images() == 5 and method.requires.stored_images == 7


# ---- refusals ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('options, message', [
    (dict(memory_size=-1), 'memory_size=-1 of Stored is not a number of images; give a whole number of at least 0'),
    (dict(memory_size=2.5), 'memory_size=2.5 of Stored'),
    (dict(replay_batch_size=1), 'replay_batch_size=1 of Stored is not a number of images; give .* at least 2'),
    (dict(weight=-0.1), 'weight=-0.1 of Stored is negative'),
])
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Stored(**{'weight': 1.0, **options})


@pytest.mark.parametrize('index, maps, message', [
    (0, dict(target=torch.zeros(2, *SIZE)),
     r"'memory.1.target' of task 'depth' is .*: found \(2, 24, 40\), expected \(1, 24, 40\); use the config"),
    (0, dict(target=torch.zeros(SIZE, dtype=torch.int64)), r'found \(24, 40\), expected \(1, 24, 40\)'),
    (1, dict(target=torch.zeros(1, *SIZE)), r"task 'segmentation' .* found \(1, 24, 40\), expected \(24, 40\)"),
    (1, dict(raw=torch.zeros(4, 6, 10)), r"'memory.1.raw' .* found \(4, 6, 10\), expected \(5, 6, 10\)"),
    (3, dict(raw=torch.zeros(4, 6, 10)), "'memory.1.task' is 3, expected a task below 2"),
])
def test_a_state_of_another_architecture_or_task_list_is_refused(index, maps, message):
    method = Stored(weight=1.0)
    image = torch.zeros(3, *SIZE)
    method.memory = [Entry.of(image, 0, target=torch.zeros(1, *SIZE)), Entry.of(image, index, **maps)]
    with pytest.raises(CheckpointError, match=message):
        begin(method, ['depth', 'segmentation'])


def test_less_memory_than_is_stored_is_refused():
    with pytest.raises(ConfigError, match='stores 5 images of earlier phases, and memory_size=4; give all phases the'):
        method_with((2, 3), memory_size=4)


def test_images_of_two_sizes_are_refused():
    method = method_with((1, 1))
    method.memory.append(entry(0, size=(48, 64)))
    with pytest.raises(DataError, match=r'the memory holds \(24, 40\) and \(48, 64\) \(height, width\); crop'):
        method.replay(method.target_losses)


# ---- draws ---------------------------------------------------------------------------------------------------------

def test_drawn_numbers_depend_on_every_counter_and_on_nothing_else():
    drawn = {counters: drawn_numbers(4, *counters) for counters in itertools.product(range(5), repeat=3)}
    torch.manual_seed(3)
    numbers = list(itertools.chain(*drawn.values()))
    assert len(set(numbers)) == 500 and all(0 <= number < 2**63 for number in numbers)
    assert all(drawn_numbers(4, *counters) == numbers for counters, numbers in drawn.items())
    orders = [drawn_order(20, 1, counter) for counter in (2, 2, 3)]
    assert orders[0] == orders[1] != orders[2] and sorted(orders[2]) == list(range(20)) != orders[2]


def test_turns_count_the_equal_ones_before():
    assert turns([2, 1, 2, 2, 1, 0]) == [0, 0, 1, 2, 1, 0] and turns([]) == []


def rows_of(method, entries):
    number = {id(e): i for i, e in enumerate(method.memory)}
    return [number[id(e)] for e in entries]


def test_no_entry_is_drawn_twice_while_there_are_enough():
    method = method_with((5, 5), replay_batch_size=8)
    draws = [rows_of(method, method.draw()) for _ in range(30)]
    assert all(len(set(rows)) == 8 for rows in draws)
    assert len({tuple(rows) for rows in draws}) == 30 and set().union(*draws) == set(range(10))


def test_a_small_memory_fills_the_batch_as_evenly_as_it_can():
    method = method_with((3, ), replay_batch_size=8)
    rows = rows_of(method, method.draw())
    assert sorted(rows.count(row) for row in range(3)) == [2, 3, 3]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(2, 8))
def test_a_balanced_batch_has_every_task_as_often_as_every_other(counts, size):
    method = Balanced(weight=1.0, replay_batch_size=size)
    method.phase = type('Phase', (), dict(seed=0))
    blank = torch.zeros(3, 1, 1)
    method.memory = [Entry(blank.clone(), task, {}) for task, count in enumerate(counts) for _ in range(count)]
    if size <= min(counts) * len(counts):
        tasks = [e.task for e in method.draw()]
        shares = [tasks.count(task) for task in range(len(counts))]
        assert max(shares) - min(shares) <= 1


def test_a_batch_that_is_not_balanced_has_every_entry_as_often_as_every_other():
    method = method_with((9, 1), replay_batch_size=2)
    drawn = [row for _ in range(2000) for row in rows_of(method, method.draw())]
    expected = len(drawn) / 10
    chi_square = sum((drawn.count(row) - expected)**2 / expected for row in range(10))
    assert chi_square < 27.9  # 99.9 % of chi-square with 9 degrees of freedom


def test_the_draws_continue_where_they_were_saved():
    method = method_with((6, 6))
    method.draw()
    state = method.state_dict()
    expected = [rows_of(method, method.draw()) for _ in range(3)]
    other = method_with((0, ), tasks=TASKS[:1])
    other.load_state_dict(state)
    torch.manual_seed(7)
    assert [rows_of(other, other.draw()) for _ in range(3)] == expected


@pytest.mark.parametrize('kind', [Stored, Balanced])
def test_the_ranks_share_the_batch_of_one_process(kind, monkeypatch):
    alone = method_with((6, 6), kind, replay_batch_size=8)
    together = rows_of(alone, alone.draw())
    shares = []
    for rank in (0, 1):
        monkeypatch.setattr('lhl.methods.replay.get_dist_info', lambda rank=rank: (rank, 2))
        method = method_with((6, 6), kind, replay_batch_size=4)
        shares.append(rows_of(method, method.draw()))
    assert [row for pair in zip(*shares, strict=True) for row in pair] == together


# ---- the loss ------------------------------------------------------------------------------------------------------

def test_image_means_by_hand():
    loss_map = torch.tensor([[[1., 2.]], [[3., float('nan')]], [[5., 6.]]])
    valid = torch.tensor([[[True, True]], [[True, False]], [[False, False]]])
    assert image_means(loss_map, valid).tolist() == [1.5, 3, 0]


def test_each_entry_is_held_to_its_label_by_its_own_task_s_head_and_all_entries_count_alike():
    method = method_with((3, 2), replay_batch_size=5)
    expected = []
    for stored in method.memory:
        name = TASKS[stored.task]
        prediction = method.learner(stored.image[None])[name]
        loss_map = method.learner.tasks[name].loss_map(prediction, stored.maps['target'][None])
        expected.append(loss_map[stored.maps['valid'][None]].mean())
    assert len(expected) == 5
    torch.testing.assert_close(method.replay(method.target_losses), torch.stack(expected).mean())


def test_an_image_without_a_valid_pixel_has_no_loss_and_no_nan():
    method = method_with((2, ), tasks=TASKS[:2], replay_batch_size=2)
    method.memory = [entry(0, valid=False), entry(0, seed=1, valid=True)]
    loss = method.replay(method.target_losses)
    learner, stored = method.learner, method.memory[1]
    prediction = learner(stored.image[None])['segmentation']
    expected = torch.nn.functional.cross_entropy(prediction, stored.maps['target'][None]) / 2
    torch.testing.assert_close(loss, expected)


def test_the_gradient_reaches_every_head_that_learns_even_one_without_an_image_in_the_batch():
    method = method_with((7, 1), replay_batch_size=2)
    learner = method.learner.train()
    while len({e.task for e in method.draw()}) > 1:
        pass
    method.draws -= 1  # once more the batch that holds one task only
    learner.zero_grad(set_to_none=True)
    method.replay(method.target_losses).backward()
    idle = learner.heads['depth']
    assert all((p.grad == 0).all() for p in idle.parameters())
    for module in (learner.backbone, learner.heads['segmentation']):
        assert sum(p.grad.abs().sum() for p in module.parameters()) > 0
    assert all(p.grad is None for p in learner.heads['normal'].parameters())


def test_a_single_image_of_a_task_is_no_batch_of_its_own_in_training():
    method = method_with((1, 7), replay_batch_size=8)
    method.learner.train()
    assert method.replay(method.target_losses).isfinite()


def test_only_heads_with_a_stored_image_learn_beside_the_new_one():
    assert method_with((2, 3)).learner.trained_tasks == TASKS
    assert method_with((2, 0)).learner.trained_tasks == ('segmentation', 'normal')
    assert method_with((0, 0)).learner.trained_tasks == ('normal', )


def test_replay_runs_the_encoder_once_and_each_head_once():
    method, runs = method_with((2, 2)), []
    learner = method.learner
    for name, module in (('encoder', learner.backbone), *learner.heads.items()):
        module.register_forward_hook(lambda *_, name=name: runs.append(name))
    method.replay(method.target_losses)
    assert sorted(runs) == ['depth', 'encoder', 'segmentation']


def test_without_a_memory_there_is_l_new_alone():
    batch = make_batch('normal')
    stored, plain = (losses_of(begin(method, list(TASKS)).eval(), batch) for method in (Stored(weight=1.0), Method()))
    assert stored == plain


def test_a_real_run_rehearses_the_old_tasks_with_their_heads(tmp_path):
    cfg = stream_config(tmp_path / 'config.py', write_data(tmp_path / 'data'), tmp_path / 'run')
    cfg.method = dict(type='ICaRL', weight=1.0, memory_size=4, replay_batch_size=2)
    train_stream(cfg)
    phases = [read_checkpoint(tmp_path / 'run' / folder / 'phase.safetensors') for folder in FOLDERS]
    for before, after in zip(phases, phases[1:], strict=False):
        head = [name for name in before['state_dict'] if name.startswith('heads.segmentation.')]
        assert not any(torch.equal(before['state_dict'][name], after['state_dict'][name])
                       for name in head if name.endswith('weight'))
    stored = [[int(value) for name, value in phase['method'].items() if name.endswith('.task')] for phase in phases]
    assert stored == [[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 2]]
