import pytest
import torch
from torch import multiprocessing

from lhl.engine.runtime.optim_wrapper import MethodOptimWrapper
from lhl.errors import CheckpointError, ConfigError
from lhl.methods import Phase, Vanilla
from lhl.methods.der import DER, DERpp
from lhl.models import Batch
from lhl.registry import METHODS

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner
from .training import is_same, take_steps

TASKS = ['segmentation', 'depth', 'normal']


def next_phase(method, kind=DER, **options):
    """The method of the phase after, with what this one carries on."""
    following = kind(**{'weight': 1.0, 'memory_size': method.memory_size, **options})
    following.load_state_dict(method.state_dict())
    return following


def second_phase(tasks=('segmentation', 'depth'), kind=DER, **options):
    """A student in the second phase, after one batch of six images in the first; evaluation mode."""
    options = {'weight': 1.0, 'memory_size': 6, 'replay_batch_size': 6, **options}
    student = begin(kind(**options), list(tasks[:1])).eval()
    losses_of(student, make_batch(tasks[0], 6))
    return begin(next_phase(student.method, kind, **options), list(tasks)).eval()


# ---- the loss ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('task', TASKS)
def test_a_learner_that_stands_still_says_what_was_stored(task):
    student = begin(DER(weight=1.0, memory_size=4, replay_batch_size=4), [task]).eval()
    losses_of(student, make_batch(task, 4))
    # The batch that was stored and the batch that is replayed are in another order.
    assert losses_of(student, make_batch(task, 2, seed=1))['loss_replay'].item() == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize('task', TASKS)
def test_an_output_shifted_by_c_has_a_loss_of_alpha_c_squared_whatever_its_channels(task):
    student = begin(DER(weight=0.3, memory_size=4), [task]).eval()
    losses_of(student, make_batch(task, 4))
    with torch.no_grad():
        student.learner.heads[task].output.bias.add_(0.7)
    loss = losses_of(student, make_batch(task, 2, seed=1))['loss_replay']
    assert loss.item() == pytest.approx(0.3 * 0.7**2, rel=1e-4)


def test_entries_of_all_tasks_count_alike_each_by_its_own_head():
    student = second_phase(memory_size=6, replay_batch_size=6, weight=2.0)
    method = student.method
    method.memory[4:] = [e._replace(task=1, maps=dict(raw=torch.zeros(1, 3, 5))) for e in method.memory[4:]]
    expected = []
    for stored in method.memory:
        raw = student.learner.heads[TASKS[stored.task]](student.learner.extract_features(stored.image[None]))[0]
        expected.append((raw - stored.maps['raw']).square().mean())
    torch.testing.assert_close(losses_of(student, make_batch('depth'))['loss_replay'], 2 * torch.stack(expected).mean())


def test_what_is_stored_is_the_raw_output_of_the_training_pass_itself():
    student = begin(DER(weight=1.0, memory_size=4), ['normal']).train()
    seen = []
    student.learner.heads['normal'].register_forward_hook(
        lambda head, inputs, output: seen.append(output.detach().clone()))
    batch = make_batch('normal', 4)
    losses_of(student, batch)
    assert len(seen) == 1  # no second pass for storing
    for row, stored in enumerate(student.method.memory):
        assert torch.equal(stored.maps['raw'], seen[0][row]) and torch.equal(stored.image, batch.inputs[row])
        assert stored.maps['raw'].dtype == torch.float32 and not stored.maps['raw'].requires_grad
        assert stored.maps['raw'].shape == (3, 3, 5) and stored.maps['raw'].norm(dim=0).max() > 1.1


def test_the_batch_enters_after_its_replay_and_replay_s_outputs_are_not_taken_for_its_own():
    student = begin(DER(weight=1.0, memory_size=50, replay_batch_size=4), ['depth']).eval()
    first, second = make_batch('depth', 2), make_batch('depth', 2, seed=1)
    assert list(losses_of(student, first)) == ['loss_new_depth']
    assert list(losses_of(student, second)) == ['loss_new_depth', 'loss_replay']
    assert student.method.seen == 4
    for stored, image in zip(student.method.memory, [*first.inputs, *second.inputs], strict=True):
        expected = student.learner.heads['depth'](student.learner.extract_features(image[None]))[0]
        torch.testing.assert_close(stored.maps['raw'], expected, atol=1e-4, rtol=1e-4)


def test_replay_goes_to_all_heads_and_all_heads_learn():
    student = second_phase()
    assert student.learner.trained_tasks == ('segmentation', 'depth')
    losses_of(student.train(), make_batch('depth'))['loss_replay'].backward()
    for module in (student.learner.backbone, student.learner.heads['segmentation']):
        assert all(p.grad is not None for p in module.parameters())
        assert sum(p.grad.abs().sum() for p in module.parameters()) > 0


def test_another_backbone_may_have_outputs_of_another_size():
    student = second_phase()
    method = student.method
    method.memory = [e._replace(maps=dict(raw=torch.full((5, 6, 10), 2.0))) for e in method.memory]
    with torch.no_grad():
        student.learner.heads['segmentation'].output.weight.zero_()
        student.learner.heads['segmentation'].output.bias.fill_(5.0)
    assert losses_of(student, make_batch('depth'))['loss_replay'].item() == pytest.approx(9)


def test_following_the_loss_brings_the_learner_to_what_was_stored():
    student = second_phase()
    student.method.see = lambda batch, raw: None
    optimizer, batch, course = torch.optim.Adam(student.learner.parameters(), 1e-2), make_batch('depth'), []
    for _ in range(10):
        loss = losses_of(student, batch)['loss_replay']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.append(loss.item())
    assert course[-1] < 0.5 * course[0]


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float32])
def test_under_autocast_outputs_are_stored_in_float32(dtype):
    student = begin(DERpp(weight=1.0, label_weight=1.0, memory_size=4), ['depth']).train()
    for seed in (0, 1):
        with torch.autocast('cpu', dtype, enabled=dtype != torch.float32):
            losses = losses_of(student, make_batch('depth', seed=seed))
    assert all(loss.isfinite() and loss.dtype == torch.float32 for loss in losses.values()) and len(losses) == 3
    assert all(e.maps['raw'].dtype == torch.float32 for e in student.method.memory)


# ---- DER++ ---------------------------------------------------------------------------------------------------------

def test_der_pp_adds_the_weighted_task_losses_of_the_stored_labels():
    student = second_phase(kind=DERpp, weight=2.0, label_weight=3.0)
    losses = losses_of(student, make_batch('depth'))
    assert list(losses) == ['loss_new_depth', 'loss_replay', 'loss_replay_labels']
    batch, student = make_batch('segmentation', 6), second_phase(kind=DERpp, label_weight=3.0)
    expected = []
    for image, target, valid in zip(batch.inputs, batch.targets['segmentation'], batch.valid['segmentation'],
                                    strict=True):
        loss_map = torch.nn.functional.cross_entropy(student.learner(image[None])['segmentation'], target[None],
                                                     reduction='none')
        expected.append(loss_map[valid[None]].mean())
    torch.testing.assert_close(losses['loss_replay_labels'], 3 * torch.stack(expected).mean())


def test_der_pp_draws_twice():
    student = second_phase(kind=DERpp, label_weight=1.0, replay_batch_size=2)
    method, drawn = student.method, []
    draw = method.draw
    method.draw = lambda: drawn.append(draw()) or drawn[-1]
    for seed in range(5):
        losses_of(student, make_batch('depth', seed=seed))
    assert len(drawn) == 10
    assert any({id(e) for e in first} != {id(e) for e in second}
               for first, second in zip(drawn[::2], drawn[1::2], strict=True))


# ---- the reservoir -------------------------------------------------------------------------------------------------

def see_images(method, phase, start, stop, batch_size):
    """Let the reservoir see images that hold their own number."""
    method.phase = phase
    for first in range(start, stop, batch_size):
        numbers = torch.arange(first, min(first + batch_size, stop), dtype=torch.float32)
        images = numbers.reshape(-1, 1, 1, 1)
        method.see(Batch(images, {}, {}), dict.fromkeys(phase.new_tasks, images))
    return [int(e.image) for e in method.memory]


def test_every_image_of_a_stream_is_in_the_reservoir_alike():
    # 10000 images, 50 places; over the seeds, each tenth of the stream is stored equally often.
    tenths, seeds = [0] * 10, 40
    for seed in range(seeds):
        kept = see_images(DER(weight=1.0, memory_size=50), Phase(1, ('a', ), ('a', ), seed=seed), 0, 10_000, 100)
        assert len(kept) == len(set(kept)) == 50
        for number in kept:
            tenths[number // 1000] += 1
    expected = 50 * seeds / 10
    chi_square = sum((count - expected)**2 / expected for count in tenths)
    assert chi_square < 27.9  # 99.9 % of chi-square with 9 degrees of freedom


def test_in_a_short_stream_each_image_is_kept_with_probability_m_over_n_and_in_any_place():
    counts, places, seeds = [0] * 12, [0] * 3, 2000
    for seed in range(seeds):
        kept = see_images(DER(weight=1.0, memory_size=3), Phase(1, ('a', ), ('a', ), seed=seed), 0, 12, 4)
        for number in kept:
            counts[number] += 1
        places[kept.index(11) if 11 in kept else 0] += 11 in kept
    for found, expected, bound in ((counts, seeds * 3 / 12, 31.3), (places, seeds / 12, 13.8)):  # 99.9 %; 11 and 2
        assert sum((count - expected)**2 / expected for count in found) < bound


def test_what_is_kept_depends_on_the_seed_and_not_on_torch_s_generator():
    kept = []
    for seed in (3, 3, 4):
        torch.manual_seed(len(kept))
        kept.append(see_images(DER(weight=1.0, memory_size=10), Phase(1, ('a', ), ('a', ), seed=seed), 0, 200, 7))
    assert kept[0] == kept[1] != kept[2]


def test_a_full_reservoir_stays_full_and_the_first_images_fill_it():
    method, phase = DER(weight=1.0, memory_size=5), Phase(1, ('a', ), ('a', ))
    assert see_images(method, phase, 0, 3, 2) == [0, 1, 2]
    assert see_images(method, phase, 3, 5, 2) == [0, 1, 2, 3, 4]
    for start in range(5, 50, 5):
        assert len(see_images(method, phase, start, start + 5, 5)) == 5 == method.num_stored_images()
    assert method.seen == 50


def test_the_last_image_of_an_old_task_stays():
    kept_without_the_rule = 0
    for seed in range(20):
        method = DER(weight=1.0, memory_size=4)
        see_images(method, Phase(1, ('a', ), ('a', ), seed=seed), 0, 4, 4)
        see_images(method, Phase(2, ('b', ), ('a', 'b'), seed=seed), 4, 400, 4)
        tasks = [e.task for e in method.memory]
        assert tasks.count(0) >= 1 and len(tasks) == 4
        kept_without_the_rule += tasks.count(0) > 1
    assert kept_without_the_rule == 0  # 4 of 400: chance keeps hardly any


def test_two_tasks_learned_at_once_share_the_reservoir():
    method = DER(weight=1.0, memory_size=100)
    see_images(method, Phase(1, ('a', 'b'), ('a', 'b')), 0, 10, 5)
    assert method.seen == 20 and [e.task for e in method.memory] == [0, 1] * 10
    assert [int(e.image) for e in method.memory] == [n for n in range(10) for _ in 'ab']


def test_the_reservoir_continues_where_it_was_saved(tmp_path):
    first, second = Phase(1, ('a', ), ('a', )), Phase(2, ('b', ), ('a', 'b'))
    method = DER(weight=1.0, memory_size=10)
    see_images(method, first, 0, 50, 5)
    see_images(method, second, 50, 80, 5)
    torch.save(method.state_dict(), tmp_path / 'state.pth')
    resumed = DER(weight=1.0, memory_size=10)
    resumed.load_state_dict(torch.load(tmp_path / 'state.pth', weights_only=True))
    torch.manual_seed(3)
    assert see_images(resumed, second, 80, 200, 5) == see_images(method, second, 80, 200, 5)
    assert is_same(resumed.state_dict(), method.state_dict()) and resumed.seen == 200


# ---- training ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('kind', [DER, lambda weight, **options: DERpp(weight, label_weight=1.0, **options)])
def test_without_a_memory_it_is_vanilla_bit_for_bit(kind):
    first, method = kind(1.0, memory_size=0), kind(1.0, memory_size=0)
    ours, vanilla = (take_steps(begin(m, ['depth']), 'depth').state_dict() for m in (first, Vanilla()))
    assert is_same(ours, vanilla)
    assert not first.requires.own_first_phase and first.memory == []
    method.load_state_dict(first.state_dict())
    ours, vanilla = (take_steps(begin(m, TASKS[:2]), 'depth', weight_decay=0.1).state_dict()
                     for m in (method, Vanilla()))
    assert is_same(ours, vanilla)


def test_replay_changes_the_first_phase():
    assert DER(1.0).requires.own_first_phase and DER(1.0).requires.stored_images == 50
    ours, vanilla = (take_steps(begin(m, ['depth']), 'depth').state_dict() for m in (DER(1.0), Vanilla()))
    assert not is_same(ours, vanilla)


@pytest.mark.parametrize('kind, options', [(DER, {}), (DERpp, dict(label_weight=0.5))])
def test_training_resumed_in_the_middle_of_a_phase_continues_identically(kind, options, tmp_path):
    options = dict(memory_size=6, replay_batch_size=4, **options)
    before = kind(0.5, **options)
    take_steps(begin(before, TASKS[:1]), 'segmentation', steps=4)
    student = begin(next_phase(before, kind, **options), TASKS[:2])
    take_steps(student, 'depth', steps=2, optimizer=torch.optim.SGD)
    torch.save([student.state_dict(), student.method.state_dict()], tmp_path / 'saved.pth')
    take_steps(student, 'depth', steps=3, optimizer=torch.optim.SGD)

    weights, state = torch.load(tmp_path / 'saved.pth', weights_only=True)
    resumed = begin(next_phase(before, kind, **options), TASKS[:2])
    resumed.load_state_dict(weights)
    resumed.method.load_state_dict(state)
    take_steps(resumed, 'depth', steps=3, optimizer=torch.optim.SGD)
    assert is_same(resumed.state_dict(), student.state_dict())
    assert is_same(resumed.method.state_dict(), student.method.state_dict())
    assert {e.task for e in resumed.method.memory} == {0, 1}


def train_two_phases(rank=0, world_size=1):
    """Train with batches of four, of which each rank has its share; the weights and the memory."""
    state, learner = None, None
    for number in (1, 2):
        method = DERpp(weight=0.5, label_weight=0.5, memory_size=5, replay_batch_size=4 // world_size)
        if state is not None:
            method.load_state_dict(state)
        following = make_learner(TASKS[:number], seed=1)
        following.norm_eval = True  # batch statistics depend on how a batch is split
        if learner is not None:
            following.load_state_dict(learner.state_dict(), strict=False)
        student = begin(method, TASKS[:number], following).train()
        learner = student.learner
        wrapper = MethodOptimWrapper(torch.optim.SGD([p for p in learner.parameters() if p.requires_grad], lr=1e-5))
        for step in range(4):
            whole, task = make_batch(TASKS[number - 1], 4, seed=step), TASKS[number - 1]
            share = Batch(whole.inputs[rank::world_size], {task: whole.targets[task][rank::world_size]},
                          {task: whole.valid[task][rank::world_size]})
            sum(losses_of(student, share).values()).backward()
            for parameter in learner.parameters():
                if parameter.requires_grad and world_size > 1:
                    torch.distributed.all_reduce(parameter.grad)
                    parameter.grad /= world_size
            wrapper.step()
            wrapper.zero_grad()
        state = method.state_dict()
    return dict(copy_of_state(learner), **state)


def train_on_rank(rank, world_size, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', f'file://{folder}/meeting', rank=rank, world_size=world_size)
    torch.save(train_two_phases(rank, world_size), folder / f'{rank}.pth')
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_learn_and_store_what_one_does_with_the_same_global_batch(tmp_path):
    multiprocessing.set_forkserver_preload(['lhl.methods', 'lhl.engine', 'hypothesis'])
    multiprocessing.start_processes(train_on_rank, (2, tmp_path), 2, start_method='forkserver')
    first, second = (torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in (0, 1))
    one = train_two_phases()
    assert list(first) == list(second) == list(one) and is_same(first, second)
    assert {int(value) for name, value in one.items() if name.endswith('.task')} == {0, 1}
    start = make_learner(TASKS[:2], seed=1).state_dict()
    assert (one['heads.depth.output.weight'] - start['heads.depth.output.weight']).abs().max() > 1e-3
    for name, value in one.items():
        exact = name.endswith(('image', 'target', 'valid', 'task', 'seen', 'draws'))
        # What is stored are sums of terms as large as the largest output, 45 here, which is what rounding goes by.
        scale = 0 if exact else max(1.0, value.abs().max().item())
        torch.testing.assert_close(first[name], value, atol=1e-5 * scale, rtol=0)


# ---- options -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('kind, options, message', [
    (DER, dict(weight=-1.0), 'weight=-1.0 of DER is negative'),
    (DER, dict(weight=1.0, memory_size=-1), 'memory_size=-1 of DER is not a number of images'),
    (DERpp, dict(weight=1.0, label_weight=-0.5), 'label_weight=-0.5 of DERpp is negative; give 0 or more'),
    (DERpp, dict(weight=1.0, label_weight=0.5, replay_batch_size=0), 'replay_batch_size=0 of DERpp'),
])
def test_wrong_options_are_refused(kind, options, message):
    with pytest.raises(ConfigError, match=message):
        kind(**options)


def test_a_state_of_other_tasks_is_refused():
    method = second_phase().method
    with pytest.raises(CheckpointError, match=r"'memory.0.raw' of task 'depth' .* found \(5, 3, 5\), expected \(1, 3"):
        begin(next_phase(method), ['depth', 'segmentation'])


@pytest.mark.parametrize('memory_size', [4, 8])
def test_another_size_in_a_later_phase_is_refused(memory_size):
    method = DER(weight=1.0, memory_size=6)
    see_images(method, Phase(1, ('segmentation', ), ('segmentation', )), 0, 10, 5)
    for stored in method.memory:
        stored.maps['raw'] = torch.zeros(5, 3, 5)
    with pytest.raises(ConfigError, match=f'DER stores 6 .*memory_size={memory_size}; give all phases the same'):
        begin(next_phase(method, memory_size=memory_size), TASKS[:2])


def test_both_are_built_by_name():
    der, derpp = (METHODS.build(dict(type=name, weight=0.01, **options))
                  for name, options in (('DER', {}), ('DERpp', dict(label_weight=0.5))))
    assert (der.memory_size, der.replay_batch_size, derpp.label_weight) == (50, 8, 0.5)
