"""RCD against the recursion by hand, independent loops, and problems whose constrained optimum is known."""
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lhl.component_check import component_problems
from lhl.datasets import SampleKey
from lhl.errors import ConfigError, DivergenceError
from lhl.methods import RCD, Combined, Phase, Student, Vanilla
from lhl.methods.rcd import MOMENTUM
from lhl.models import Batch
from lhl.registry import METHODS

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner, make_teacher
from .training import add_dropout, in_two_processes, is_same, make_loader, take_steps

TASKS = ['segmentation', 'depth', 'normal']
DIS = dict(type='DIS')
BOUNDS = (1e-4, 10.0)  # the default
HAD = dict(type='HAD', group_threshold=0.9, distribution_balanced=dict(type='DistributionBalancedLoss'),
           saliency_guided=dict(type='SaliencyGuidedLoss'))


def begin_training(method, tasks=TASKS, learner=None, teacher=None, loader=None):
    """A student that starts with its teacher's weights, unless others are given."""
    learner = learner or make_learner(tasks, seed=1)
    if len(tasks) > 1 and teacher is None:
        teacher = make_teacher(learner, tasks[:-1])
    student = Student(learner, method, Phase(len(tasks), tuple(tasks[-1:]), tuple(tasks), teacher=teacher))
    student.train()
    torch.manual_seed(0)
    student.begin_phase(make_loader(tasks[-1]) if loader is None else loader)
    return student


# ---- D_j(0) --------------------------------------------------------------------------------------------------------

def distances_by_hand(network, teacher, batches):
    """Mean over the images of cross-entropy and L1, the student with the statistics of each batch."""
    totals, network = torch.zeros(2), network.train()
    for inputs in batches:
        with torch.no_grad():
            ours, theirs = network(inputs), teacher.learner(inputs)
        labels = theirs['segmentation'].argmax(1, keepdim=True)
        totals += len(inputs) * torch.stack([
            -ours['segmentation'].log_softmax(1).gather(1, labels).mean(),
            (ours['depth'] - theirs['depth']).abs().mean()])
    return totals / sum(map(len, batches))


def images_of(learner, loader, size):
    """The images of a loader in epoch 0 and in order, normalised, in batches."""
    images = torch.stack([loader.dataset[SampleKey(index, 0)]['inputs'] for index in range(len(loader.dataset))])
    return learner.data_preprocessor(dict(inputs=images))['inputs'].split(size)


def test_the_distances_of_the_unchanged_student_are_means_over_the_images_of_the_phase():
    loader, learner = make_loader('normal', batch_size=4, count=10), make_learner(TASKS, seed=1)
    student = begin_training(RCD(DIS), learner=learner, loader=loader)
    expected = distances_by_hand(make_learner(TASKS, seed=1), student.method.teacher, images_of(learner, loader, 4)[:2])
    torch.testing.assert_close(student.method.initial, expected)
    assert (expected > 0.01).all()
    assert torch.equal(student.method.multipliers, torch.full((2, ), 0.1))


def test_a_phase_of_fewer_images_than_a_batch_has_distances_too():
    loader, learner = make_loader('normal', batch_size=4, count=3), make_learner(TASKS, seed=1)
    student = begin_training(RCD(DIS), learner=learner, loader=loader)
    torch.testing.assert_close(student.method.initial, distances_by_hand(
        make_learner(TASKS, seed=1), student.method.teacher, images_of(learner, loader, 4)))


def test_the_pass_before_training_leaves_no_trace_in_student_and_teacher():
    learner = add_dropout(make_learner(TASKS, seed=1))
    teacher = make_teacher(learner, TASKS[:-1])
    before = copy_of_state(learner), copy_of_state(teacher.learner)
    student = begin_training(RCD(DIS), learner=learner, teacher=teacher)
    assert is_same(copy_of_state(learner), before[0]) and is_same(copy_of_state(teacher.learner), before[1])
    assert student.training and learner.backbone.training
    assert not any(module.training for module in teacher.learner.modules())
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_with_a_backbone_of_its_own_the_unchanged_student_is_the_teacher_in_training_mode():
    teacher = make_teacher(make_learner(TASKS[:-1], seed=2), TASKS[:-1])
    loader, learner = make_loader('normal', batch_size=4), make_learner(TASKS, seed=1)
    student = begin_training(RCD(DIS), learner=learner, teacher=teacher, loader=loader)
    network = make_teacher(make_learner(TASKS[:-1], seed=2), TASKS[:-1]).learner
    torch.testing.assert_close(
        student.method.initial, distances_by_hand(network, teacher, images_of(learner, loader, 4)))


# ---- the losses ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('distance', [DIS, dict(DIS, temperature=2.0), HAD])
def test_the_terms_are_the_multipliers_times_the_distances_relative_to_the_first(distance):
    method = RCD(distance)
    student = begin_training(method, learner=make_learner(TASKS, seed=1)).eval()
    with torch.no_grad():
        for parameter in student.learner.backbone.parameters():
            parameter.mul_(1.1)
    method.multipliers, method.initial = torch.tensor([0.5, 3.0]), torch.tensor([2.0, 0.25])
    batch = make_batch('normal')
    losses = losses_of(student, batch)
    plain = begin(METHODS.build(dict(distance, alpha=2.0)), TASKS, student.learner, method.teacher).eval()
    terms = losses_of(plain, batch)  # alpha over the number of old tasks is 1
    for name, multiplier, initial in (('segmentation', 0.5, 2.0), ('depth', 3.0, 0.25)):
        expected = sum(value for term, value in terms.items() if term.endswith(name)) / initial
        torch.testing.assert_close(losses[f'distance_{name}'], expected.detach())
        torch.testing.assert_close(losses[f'loss_rcd_{name}'], multiplier * expected)
        assert losses[f'multiplier_{name}'] == multiplier
        assert not losses[f'distance_{name}'].requires_grad
    torch.testing.assert_close(losses['loss_new_normal'], terms['loss_new_normal'])
    assert len(losses) == 7
    assert method.multipliers.tolist() == [0.5, 3.0]  # evaluation is no training step


def test_what_is_logged_is_not_summed():
    losses = losses_of(begin_training(RCD(DIS)), make_batch('normal'))
    total, logged = Student.parse_losses(None, losses)
    assert set(logged) == {*losses, 'loss'}
    torch.testing.assert_close(total, sum(value for name, value in losses.items() if name.startswith('loss_')))


def test_in_the_first_phase_it_is_vanilla_bit_for_bit():
    states = [copy_of_state(take_steps(begin_training(method, ['depth']), 'depth')) for method in (RCD(DIS), Vanilla())]
    assert is_same(*states)
    assert RCD(DIS).state_dict() == {} and not RCD.requires.own_first_phase


@given(scale=st.floats(1e-3, 1e3))
def test_the_unit_of_a_distance_does_not_matter(scale):
    method = RCD(DIS)
    ratios = torch.tensor([0.3, 2.0]) * scale / (torch.tensor([0.2, 0.8]) * scale)
    expected = method.ascend(torch.tensor([0.1, 0.1]), torch.tensor([1.5, 2.5]))
    torch.testing.assert_close(method.ascend(torch.tensor([0.1, 0.1]), ratios), expected)


# ---- the ascent ----------------------------------------------------------------------------------------------------

def test_the_multipliers_follow_the_recursion_by_hand():
    """ln m rises by 0.1 where the ratio is 2.5 and kappa 1.5, and falls by 0.05 where it is 1."""
    method, multipliers = RCD(DIS, kappa=1.5, start=0.2, rate=0.1), torch.tensor([0.2, 0.2])
    for step in range(1, 4):
        multipliers = method.ascend(multipliers, torch.tensor([2.5, 1.0]))
        assert multipliers.tolist() == pytest.approx([0.2 * math.exp(0.1 * step), 0.2 * math.exp(-0.05 * step)])


def test_each_training_step_ascends_once_after_its_losses():
    method = RCD(DIS, rate=0.3)
    student = begin_training(method)
    expected = [0.1, 0.1]
    for step in range(3):
        losses = losses_of(student, make_batch('normal', seed=step))
        assert [losses[f'multiplier_{name}'].item() for name in TASKS[:2]] == pytest.approx(expected)
        expected = [value * math.exp(0.3 * (losses[f'distance_{name}'].item() - 1.5))
                    for name, value in zip(TASKS, expected, strict=False)]
        assert method.multipliers.tolist() == pytest.approx(expected)


@given(st.lists(st.floats(0, 1e30) | st.just(math.inf) | st.just(math.nan), min_size=1, max_size=20))
def test_the_multipliers_stay_finite_and_within_their_bounds_whatever_the_distances(ratios):
    method, multipliers = RCD(DIS), torch.tensor([0.1])
    for ratio in ratios:
        after = method.ascend(multipliers, torch.tensor([ratio]))
        assert BOUNDS[0] <= round(after.item(), 6) <= BOUNDS[1]
        assert math.isfinite(ratio) or torch.equal(after, multipliers)
        multipliers = after


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 0.1), st.floats(0.1, 1))
def test_the_multipliers_stay_within_other_bounds_that_are_given(ratios, lowest, highest):
    method, multipliers = RCD(DIS, bounds=(lowest, highest)), torch.tensor([0.1])
    for ratio in ratios:
        multipliers = method.ascend(multipliers, torch.tensor([ratio]))
        assert lowest - 1e-6 <= multipliers.item() <= highest + 1e-6


def test_a_rate_of_0_keeps_the_weights_as_they_are():
    method = RCD(DIS, start=50.0, rate=0.0)
    assert method.ascend(torch.tensor([50.0]), torch.tensor([9.0])).tolist() == [50.0]


class Number(nn.Module):
    """A learner of one number for all tasks; the loss of a task is half its squared distance from a target."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))
        self.tasks = dict.fromkeys(('old', 'new'), self)
        self.head = 'number'

    def distinct_outputs(self, names):
        return list(names)

    def pseudo_label(self, prediction):
        return prediction

    def loss_map(self, prediction, target):
        return (prediction - target).square() / 2

    def loss(self, prediction, target, valid):
        return self.loss_map(prediction, target).mean()


class Zero:
    """A teacher that answers 0."""

    def predictions(self, batch, names):
        return {name: torch.zeros(1) for name in names}


@pytest.mark.parametrize('kappa, optimum, multiplier', [
    # minimise (x - 3)^2 / 2 subject to x^2 / 2 <= kappa / 2: x = sqrt(kappa), where 3 - x = m x / D(0) = 2 m x.
    (1.0, 1.0, 1.0), (4.0, 2.0, 0.25), (1.5, 1.5**0.5, (3 - 1.5**0.5) / (2 * 1.5**0.5)),
    # The constraint holds anyway: the multiplier vanishes.
    (16.0, 3.0, BOUNDS[0])])
def test_it_finds_the_constrained_optimum_and_its_multiplier(kappa, optimum, multiplier):
    method, learner = RCD(DIS, kappa=kappa, rate=0.3), Number(0.0)
    method.begin_phase(learner, Phase(2, ('new', ), ('old', 'new'), teacher=Zero()))
    method.initial, method.multipliers = torch.tensor([0.5]), torch.tensor([0.1])
    optimizer = torch.optim.SGD(learner.parameters(), 0.1)
    batch = Batch(torch.zeros(1), {'new': torch.tensor([3.0])}, {'new': torch.ones(1, dtype=torch.bool)})
    for _ in range(400):
        losses = method.losses(batch, (), dict.fromkeys(('old', 'new'), learner.value[None]))
        optimizer.zero_grad()
        (losses['loss_new_new'] + losses['loss_rcd_old']).backward()
        optimizer.step()
    assert learner.value.item() == pytest.approx(optimum, rel=2e-3)
    assert method.multipliers.item() == pytest.approx(multiplier, rel=2e-2)


# ---- relative to the new loss --------------------------------------------------------------------------------------

def relative(**options):
    return RCD(DIS, normalize_new_loss=True, **options)


def test_the_new_loss_is_divided_by_its_running_mean_by_hand():
    """The mean starts with the first loss and takes over a fiftieth of each later one."""
    plain, method = begin_training(RCD(DIS)), relative()
    student, mean = begin_training(method), None
    for step in range(3):
        torch.manual_seed(step)
        expected = losses_of(plain, make_batch('normal', seed=step))
        torch.manual_seed(step)
        losses = losses_of(student, make_batch('normal', seed=step))
        new = expected.pop('loss_new_normal').item()
        mean = new if mean is None else 0.98 * mean + 0.02 * new
        assert method.new_loss.item() == pytest.approx(mean)
        assert losses.pop('loss_new_normal').item() == pytest.approx(new / mean)
        assert losses.pop('unscaled_normal').item() == new
        assert {name: value.item() for name, value in losses.items()} == {
            name: value.item() for name, value in expected.items()}
    assert MOMENTUM == 0.02


@given(scale=st.floats(1e-3, 1e3))
def test_the_unit_of_the_new_loss_does_not_matter(scale):
    """(3 - 1)^2 / 2 = 2, the first of its mean, is 1 in any unit, and its slope at 1 is -2 / 2."""
    method, learner = relative(), Number(1.0)
    method.begin_phase(learner, Phase(2, ('new', ), ('old', 'new'), teacher=Zero(), loss_weight=scale))
    method.initial, method.multipliers = torch.tensor([0.5]), torch.tensor([0.1])
    batch = Batch(torch.zeros(1), {'new': torch.tensor([3.0])}, {'new': torch.ones(1, dtype=torch.bool)})
    losses = method.losses(batch, (), dict.fromkeys(('old', 'new'), learner.value[None]))
    assert losses['loss_new_new'].item() == pytest.approx(1)
    assert losses['unscaled_new'].item() == pytest.approx(2 * scale) and not losses['unscaled_new'].requires_grad
    losses['loss_new_new'].backward()
    assert learner.value.grad.item() == pytest.approx(-1)


@pytest.mark.parametrize('value', [0.0, math.nan, math.inf])
def test_a_loss_that_says_nothing_of_its_scale_does_not_enter_the_mean(value):
    method = relative()
    method.learner = Number(0.0)
    assert method._running_mean(torch.tensor(value)) == 1 and method.new_loss == 0
    assert method._running_mean(torch.tensor(4.0)) == 4
    assert method._running_mean(torch.tensor(value)) == 4 and method.new_loss == 4


def test_evaluation_leaves_the_mean_as_it_is():
    student = begin_training(relative())
    losses_of(student, make_batch('normal'))
    before = student.method.new_loss.clone()
    losses_of(student.eval(), make_batch('normal', seed=5))
    assert torch.equal(student.method.new_loss, before)


def test_checkpoints_without_the_mean_are_read():
    method = relative()
    method.load_state_dict(dict(multipliers=torch.tensor([0.3]), initial_distances=torch.tensor([0.2])))
    assert method.new_loss == 0 and method.multipliers == 0.3


# ---- what is carried -----------------------------------------------------------------------------------------------

def steps_of(student, steps):
    """Train with plain SGD on the sum of the losses alone, the batches by number."""
    optimizer = torch.optim.SGD(student.learner.parameters(), 0.05)
    for step in steps:
        torch.manual_seed(step)
        losses = losses_of(student.train(), make_batch('normal', seed=step))
        optimizer.zero_grad()
        student.parse_losses(losses)[0].backward()
        optimizer.step()
    return student


@pytest.mark.parametrize('options', [{}, dict(normalize_new_loss=True)])
def test_an_interrupted_phase_goes_on_with_its_multipliers_and_learns_alike(options):
    whole = steps_of(begin_training(RCD(DIS, rate=1.0, **options)), range(2))
    saved = {name: value.clone() for name, value in whole.method.state_dict().items()}
    assert set(saved) == {'multipliers', 'initial_distances', 'new_loss'}
    assert not torch.equal(saved['multipliers'][0:1], torch.tensor([0.1]))
    assert bool(saved['new_loss']) == bool(options)
    learner = make_learner(TASKS, seed=3)
    learner.load_state_dict(copy_of_state(whole.learner))
    resumed = Student(learner, RCD(DIS, rate=1.0, **options), whole.phase)
    resumed.begin_phase(make_loader('normal'), saved)
    for student in (whole, resumed):
        steps_of(student, range(2, 4))
    assert is_same(copy_of_state(whole.learner), copy_of_state(learner))
    assert is_same(whole.method.state_dict(), resumed.method.state_dict())
    assert not torch.equal(whole.method.multipliers, saved['multipliers'])


def test_nothing_is_carried_to_the_next_phase():
    student = begin_training(RCD(DIS))
    student.method.end_phase(student.learner, student.phase, make_loader('normal'))
    assert student.method.state_dict() == {} and student.method.num_stored_images() == 0


def test_combined_with_others_it_is_as_alone():
    alone = RCD(DIS)
    combined = Combined([dict(type='Vanilla'), dict(type='RCD', distance=DIS)])
    losses = [losses_of(begin_training(method), make_batch('normal')) for method in (alone, combined)]
    assert losses[0].keys() == losses[1].keys()
    assert torch.equal(combined.state_dict()['1.multipliers'], alone.multipliers)
    twice = Combined([dict(type='RCD', distance=DIS), dict(type='RCD', distance=HAD)])
    names = losses_of(begin_training(twice), make_batch('normal')).keys()
    assert {'loss_rcd_depth', 'loss_1_rcd_depth', 'multiplier_depth', 'multiplier_1_depth'} <= names


# ---- bad input -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('options, message', [
    (dict(distance=DIS, kappa=0.9), 'kappa=0.9 of RCD is below 1, which asks the student to be closer'),
    (dict(distance=DIS, kappa=math.nan), 'kappa=nan of RCD is below 1'),
    (dict(distance=DIS, bounds=(1.0, 0.1)), r'start=0.1 of RCD is not within bounds=\[1.0, 0.1\], the small'),
    (dict(distance=DIS, start=2.0, bounds=(0.03, 1.0)), r'start=2.0 of RCD is not within bounds=\[0.03, 1.0\]'),
    (dict(distance=dict(type='EWC')), "distance='EWC' of RCD compares no predictions with a teacher"),
    (dict(distance=dict(DIS, evaluation_mode=True)), r'distance.evaluation_mode=True does not suit RCD'),
])
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RCD(**options)


@pytest.mark.parametrize('options, sentence', [
    (dict(distance=DIS, kappa=0.5), 'method.kappa is 0.5, expected a number of at least 1; correct it'),
    (dict(distance=DIS, bounds=[0, 1]), 'method.bounds is [0, 1], expected'),
    (dict(distance=DIS, bounds=[0.1]), 'method.bounds is [0.1], expected a list of two numbers above 0; correct it'),
    (dict(distance=dict(DIS, alpha=1.0)), "method.distance: DIS has no option 'alpha'"),
    (dict(distance=dict(type='DSI')), "method.distance names the unknown method 'DSI'; did you mean 'DIS'?"),
    (dict(), "method: RCD needs the option 'distance'; give it in the config"),
])
def test_a_config_is_refused_before_anything_is_built(options, sentence):
    problem, = component_problems(METHODS, dict(type='RCD', **options), 'method')
    assert problem.startswith(sentence)


def test_a_phase_without_a_teacher_is_refused():
    student = Student(make_learner(TASKS), RCD(DIS), Phase(3, ('normal', ), tuple(TASKS)))
    with pytest.raises(ConfigError, match='RCD has no teacher in phase 3, expected the learner of the phase before'):
        student.begin_phase(make_loader('normal'))


def test_a_student_that_training_mode_does_not_change_is_refused():
    learner = make_learner(['depth', 'segmentation'])
    learner.norm_eval = True
    with pytest.raises(ConfigError, match='the distance of the unchanged student from its teacher in depth is 0, so'):
        begin_training(RCD(DIS), ['depth', 'segmentation'], learner)


def test_distances_that_are_not_finite_are_refused():
    learner = make_learner(TASKS)
    with torch.no_grad():
        learner.heads['depth'].output.bias.fill_(math.nan)
    with pytest.raises(DivergenceError, match='in depth is nan, expected a finite number'):
        begin_training(RCD(DIS), learner=learner)


# ---- several processes ---------------------------------------------------------------------------------------------

def learn(batch_size):
    """Take three steps of a global batch of four, without statistics of how it is split; labels alone are distilled,
    from which an unchanged student is away without such statistics, too.
    """
    tasks = ['segmentation', 'normal']
    learner = make_learner(tasks, seed=1)
    learner.norm_eval = True
    method = relative(rate=1.0)
    student = begin_training(method, tasks, learner, loader=make_loader('normal', batch_size, count=10))
    with torch.no_grad():
        learner.heads['segmentation'].output.weight.mul_(1.5)
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    part = slice(rank * batch_size, (rank + 1) * batch_size)
    course = []
    for step in range(3):
        whole = make_batch('normal', batch_size=4, seed=step)
        batch = Batch(
            whole.inputs[part], {'normal': whole.targets['normal'][part]}, {'normal': whole.valid['normal'][part]})
        losses_of(student.train(), batch)
        course.append(method.multipliers)
    return dict(course=torch.stack(course), initial=method.initial, new_loss=method.new_loss)


@pytest.mark.slow
def test_two_processes_have_the_multipliers_of_one(tmp_path):
    one = learn(4)
    first, second = in_two_processes(learn, tmp_path, 2)
    assert torch.equal(first['course'], second['course']) and torch.equal(first['initial'], second['initial'])
    torch.testing.assert_close(first, one)
    assert (one['course'][0] != one['course'][2]).all()
