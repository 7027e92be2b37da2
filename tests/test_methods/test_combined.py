import io

import pytest
import torch

from lhl.errors import ConfigError
from lhl.methods import DIS, HAD, Method, Phase, Requirements, Vanilla
from lhl.methods.combined import Combined
from lhl.methods.detached_distillation import DetachedDistillation
from lhl.methods.frozen_encoder import FrozenEncoder
from lhl.methods.gpm import GPM
from lhl.methods.lwp import LwP
from lhl.methods.replay import Entry
from lhl.methods.two_stage_distillation import TwoStageDistillation

from .conftest import begin, copy_of_state, losses_of, make_batch, make_learner
from .shared_head import begin_third_phase
from .shared_head import make_batch as make_objects
from .training import add_dropout, is_same, make_loader, take_steps

TASKS = ['segmentation', 'depth', 'normal']
DIS_2 = dict(type=DIS, alpha=2.0)
HAD_3 = dict(type=HAD, alpha=3.0, group_threshold=0.6, distribution_balanced=dict(type='DistributionBalancedLoss'),
             saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))
LWP_1 = dict(type=LwP, alpha=0.0, distance_weight=1.0, group_threshold=0.6)


class Anchor(Method):
    """Pulls the encoder to where it was, edits what it is asked to, and carries two tensors."""

    def __init__(self, weight=1.0, edits=None, images=0, **requires):
        self.requires = Requirements(edits=edits, stored_images=images, **requires)
        self.weight = weight
        self.moments = []

    def begin_phase(self, learner, phase):
        super().begin_phase(learner, phase)
        self.anchor = {name: p.detach().clone() + 0.01 for name, p in learner.backbone.named_parameters()}
        self.moments.append('begin')

    def losses(self, batch, features, outputs):
        assert list(outputs) == list(self.trained_tasks(self.phase))
        moved = [(p - self.anchor[name]).square().sum() for name, p in self.learner.backbone.named_parameters()]
        return {**super().losses(batch, features, outputs), 'loss_anchor': self.weight * sum(moved)}

    def edit_gradients(self, learner):
        learner.backbone.conv1.weight.grad.zero_()
        self.moments.append('gradients')

    def edit_update(self, learner, before):
        learner.backbone.conv1.weight.copy_(before['backbone.conv1.weight'])
        self.moments.append('update')

    def end_phase(self, learner, phase, dataloader):
        self.moments.append('end')

    def state_dict(self):
        return {'weight': torch.tensor(self.weight), 'a.b': torch.arange(3)}

    def load_state_dict(self, state):
        assert set(state) == {'weight', 'a.b'}
        self.weight = state['weight'].item()

    def num_stored_images(self):
        return self.requires.stored_images


def combine(*methods):
    return Combined([dict(method) for method in methods])


# ---- the trivial case ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('config', [
    dict(type=Vanilla), DIS_2, HAD_3, LWP_1, dict(type=FrozenEncoder), dict(type=Anchor, edits='update'),
    dict(type=TwoStageDistillation, alpha=1.0, optimizer=dict(type='Adam', lr=1e-2), epochs=1)],
    ids=lambda config: config['type'].__name__)
@pytest.mark.parametrize('vanilla_first', [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_method_combined_with_vanilla_is_that_method_bit_for_bit(config, vanilla_first):
    pair = [dict(type=Vanilla), config] if vanilla_first else [config, dict(type=Vanilla)]
    states = []
    for method in (combine(config).methods[0], combine(*pair)):
        student = begin(method, TASKS, add_dropout(make_learner(TASKS, seed=1)))
        take_steps(student, 'normal', steps=2)
        torch.manual_seed(0)
        method.end_phase(student.learner, method.phase, make_loader('normal'))
        states.append(copy_of_state(student.learner))
    assert is_same(*states)


# ---- losses --------------------------------------------------------------------------------------------------------

def test_the_terms_of_all_count_and_l_new_once():
    learner, batch, expected = make_learner(TASKS, seed=1), make_batch('normal'), {}
    for config in (HAD_3, dict(type=Anchor, weight=0.5)):
        expected |= losses_of(begin(combine(config).methods[0], TASKS, learner).eval(), batch)
    found = losses_of(begin(combine(HAD_3, dict(type=Anchor, weight=0.5)), TASKS, learner).eval(), batch)
    assert list(found) == list(expected) and found == expected
    assert len(found) == 6 and found['loss_anchor'] > 0


def test_terms_of_one_name_both_count():
    learner, batch = make_learner(TASKS, seed=1), make_batch('normal')
    dis = losses_of(begin(DIS(alpha=1.0), TASKS, learner).eval(), batch)
    found = losses_of(begin(combine(DIS_2, dict(type=DIS, alpha=3.0)), TASKS, learner).eval(), batch)
    assert list(found) == ['loss_new_normal', 'loss_dis_segmentation', 'loss_dis_depth', 'loss_1_dis_segmentation',
                           'loss_1_dis_depth']
    torch.testing.assert_close(found['loss_1_dis_depth'], 1.5 * found['loss_dis_depth'])
    distillation = sum(found.values()) - found['loss_new_normal']
    torch.testing.assert_close(distillation, 5 * (dis['loss_dis_segmentation'] + dis['loss_dis_depth']))


def test_the_loss_of_the_first_phase_is_l_new():
    batch = make_batch('depth')
    methods = (combine(HAD_3, DIS_2), Vanilla())
    found, expected = (losses_of(begin(method, ['depth']).eval(), batch) for method in methods)
    assert found == expected


INVERSION = dict(type='QuickDeepInversion', steps=2, warmup_steps=1)


def test_the_teacher_runs_once_per_batch_however_many_distil():
    learner, batch, runs = make_learner(TASKS, seed=1), make_batch('normal'), []
    distilling = [DIS_2, HAD_3, dict(type='LwF', weight=1.0), dict(LWP_1, alpha=1.0), dict(type='HCL', weight=1.0),
                  dict(type='LocalPOD', weight=1.0)]
    alone = [losses_of(begin(combine(config).methods[0], TASKS, learner).eval(), batch) for config in distilling]
    student = begin(combine(*distilling), TASKS, learner).eval()
    teacher = student.phase.teacher.learner
    for name, module in (('backbone', teacher.backbone), *teacher.heads.items()):
        module.register_forward_hook(lambda *_, name=name: runs.append(name))
    found = losses_of(student, batch)
    assert sorted(runs) == ['backbone', 'depth', 'segmentation']
    total = sum(sum(value for name, value in losses.items() if 'new' not in name) for losses in alone)
    torch.testing.assert_close(sum(found.values()) - found['loss_new_normal'], total)
    losses_of(student, make_batch('normal', seed=1))
    assert len(runs) == 6


def test_inverted_images_are_another_batch_for_the_teacher():
    student, runs = begin(combine(dict(type='HCL', weight=1.0, inversion=INVERSION), DIS_2), TASKS).eval(), []
    student.begin_phase(make_loader('normal'))
    student.phase.teacher.learner.backbone.register_forward_hook(lambda *_: runs.append('backbone'))
    losses_of(student, make_batch('normal'))
    assert runs == ['backbone', 'backbone']


# ---- what is stored ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('first', ['ICaRL', 'HCL'])
@pytest.mark.parametrize('stored_first', [False, True])
def test_der_stores_the_outputs_of_the_training_images_though_another_method_runs_the_head_on_others(
        first, stored_first):
    other = dict(ICaRL=dict(type='ICaRL', weight=1.0, memory_size=6, replay_batch_size=5),
                 HCL=dict(type='HCL', weight=1.0, inversion=INVERSION, inverted_batch_size=3))[first]
    pair = [other, dict(type='DER', weight=1.0, memory_size=50, replay_batch_size=4)]
    method = combine(*(pair[::-1] if stored_first else pair))
    replayed, der = method.methods[::-1] if stored_first else method.methods
    if first == 'ICaRL':
        old = make_objects(6, seed=3)
        replayed.memory = [Entry.of(old.inputs[row], 0, target=old.targets['objects_3'][row] - 4,
                                    valid=torch.ones(1, 1, dtype=torch.bool)) for row in range(6)]
    student, batch = begin_third_phase(method), make_objects()
    student.eval()
    if first == 'HCL':
        replayed.inverted = make_objects(8, seed=5).inputs
    expected = student(batch.inputs)['objects_3']
    losses = losses_of(student, batch)
    assert any('replay' in name or 'inverted' in name for name in losses)
    assert len(der.memory) == 4 and all(entry.task == 2 for entry in der.memory)
    for entry in der.memory:
        row = next(row for row in range(4) if torch.equal(batch.inputs[row], entry.image))
        torch.testing.assert_close(entry.maps['raw'], expected[row], rtol=0, atol=1e-5)


# ---- what learns ---------------------------------------------------------------------------------------------------

def test_a_head_learns_if_one_of_them_trains_it_in_the_stream_s_order():
    phase = Phase(3, ('normal', ), tuple(TASKS))
    detached = dict(type=DetachedDistillation, alpha=1.0)
    assert list(combine(dict(type=Anchor), dict(type=Vanilla)).trained_tasks(phase)) == ['normal']
    assert list(combine(dict(type=Anchor), detached).trained_tasks(phase)) == TASKS


def test_the_encoder_learns_if_all_of_them_train_it():
    first, third = Phase(1, ('depth', ), ('depth', )), Phase(3, ('normal', ), tuple(TASKS))
    frozen = combine(dict(type=FrozenEncoder), DIS_2)
    assert frozen.trains_backbone(first) and not frozen.trains_backbone(third)
    assert combine(dict(type=Vanilla), DIS_2).trains_backbone(third) is True
    weights = dict(type=GPM, freeze_rest=True)
    assert [combine(*methods).trains_backbone(third) for methods in (
        (weights, DIS_2), (DIS_2, weights), (weights, dict(type=FrozenEncoder)))] == ['weights', 'weights', False]


def test_requirements_are_united_and_stored_images_added():
    united = combine(DIS_2, dict(type=Anchor, images=3, same_backbone=True), dict(type=Anchor, images=4,
                                                                                  edits='gradient'))
    assert united.requires == Requirements(teacher=True, same_backbone=True, stored_images=7, edits='gradient')
    assert united.num_stored_images() == 7
    assert combine(dict(type=Anchor, own_first_phase=True), DIS_2).requires.own_first_phase
    assert combine(dict(type=Vanilla), dict(type=Vanilla)).requires == Requirements()


@pytest.mark.parametrize('edits', ['gradient', 'update'])
def test_only_the_method_that_says_so_edits(edits):
    method = combine(dict(type=Anchor), dict(type=Anchor, edits=edits), DIS_2)
    student = begin(method, TASKS)
    before = copy_of_state(student.learner)
    after = take_steps(student, 'normal', steps=2).state_dict()
    method.end_phase(student.learner, method.phase, make_loader('normal'))
    silent, editor, _ = method.methods
    assert silent.moments == ['begin', 'end']
    moment = dict(gradient='gradients', update='update')[edits]
    assert editor.moments == ['begin', moment, moment, 'end']
    assert is_same(before, after, 'backbone.conv1.') and not is_same(before, after, 'backbone.layer1.')


# ---- state ---------------------------------------------------------------------------------------------------------

def test_its_state_holds_each_method_s_and_gives_it_back():
    configs = [dict(type=Anchor, weight=0.25), DIS_2, dict(type=Anchor, weight=4.0)]
    file = io.BytesIO()
    torch.save(combine(*configs).state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert list(state) == ['0.weight', '0.a.b', '2.weight', '2.a.b']
    restored = combine(dict(type=Anchor), DIS_2, dict(type=Anchor))
    restored.load_state_dict(state)
    assert [restored.methods[0].weight, restored.methods[2].weight] == [0.25, 4.0]
    assert all(torch.equal(value, state[name]) for name, value in restored.state_dict().items())


def test_eleven_methods_do_not_mix_up_their_states():
    weights = [float(weight) for weight in range(11)]
    restored = combine(*[dict(type=Anchor)] * 11)
    restored.load_state_dict(combine(*[dict(type=Anchor, weight=weight) for weight in weights]).state_dict())
    assert [method.weight for method in restored.methods] == weights


# ---- refusals ------------------------------------------------------------------------------------------------------

def test_two_methods_that_edit_are_refused():
    with pytest.raises(ConfigError, match='Anchor and Anchor edit gradients or updates, and would undo the edits of '
                                          'each other; give Combined one of them'):
        combine(dict(type=Anchor, edits='gradient'), dict(type=Anchor, edits='update'))


@pytest.mark.parametrize('requirement', ['single_phase', 'separate_models'])
def test_methods_that_do_not_learn_phase_after_phase_are_refused(requirement):
    with pytest.raises(ConfigError, match='Anchor does not learn phase after phase and cannot be part of Combined; '
                                          'use it alone'):
        combine(DIS_2, {'type': Anchor, requirement: True})


def test_no_methods_are_refused():
    with pytest.raises(ConfigError, match='given no methods; give methods='):
        combine()


class Scaled(Method):
    """Learns a factor of its own, whose best value is the given one."""

    def __init__(self, best):
        self.best = best

    def own_parameters(self, phase):
        return {'factor': torch.tensor(0.0)}

    def losses(self, batch, features, outputs):
        return {**super().losses(batch, features, outputs),
                'loss_factor': (self.learned_parameters['factor'] - self.best).square()}


def test_each_method_learns_its_own_parameters():
    """Both call theirs `factor`; a step of SGD moves each by twice its distance, in its own direction."""
    method = combine(dict(type=Scaled, best=1.0), dict(type=Vanilla), dict(type=Scaled, best=-3.0))
    student = begin(method, TASKS[:1])
    assert set(student.method_parameters) == {'0_factor', '2_factor'}
    terms = losses_of(student, make_batch(TASKS[0]))
    assert (terms['loss_factor'].item(), terms['loss_2_factor'].item()) == (1, 9)
    sum(terms.values()).backward()
    assert {name: p.grad.item() for name, p in student.method_parameters.items()} == {'0_factor': -2, '2_factor': 6}
