import pytest
import torch
from mmengine.config import Config

from lhl.errors import ConfigError
from lhl.methods.gpm import GPM, extend_basis
from lhl.methods.sgp import SGP
from lhl.registry import METHODS

from .test_gpm import CONFIGS, NO_BASIS, copy_of_state, diagonal, end, leaks, second_phase, train


def importance_of(scale, *strengths):
    strengths = torch.tensor(strengths, dtype=torch.float64)
    return SGP(scale).importance(strengths, strengths[:0]).tolist()


@pytest.mark.parametrize('scale, expected', [
    (0.0, (1, 1 / 2, 1 / 4)),
    (0.1, (1, .524, .268)),
    (1.0, (1, .667, .4)),
    (10.0, (1, .917, .786)),
    (1000.0, (1, .999, .997)),
])
def test_importances_of_the_reference_sheet(scale, expected):
    assert importance_of(scale, 4.0, 2.0, 1.0) == pytest.approx(expected, abs=5e-4)


def test_g2_the_importances_after_a_second_phase():
    method = SGP(scale=1.0)
    basis, strengths = extend_basis(diagonal(4, 2, 1), NO_BASIS, 0.95)
    first = method.importance(strengths, strengths[:0])
    assert first.tolist() == pytest.approx([1, 2 / 3])
    basis, strengths = extend_basis(diagonal(1, 3, 2), basis, 0.95)
    assert basis.shape == (3, 3)
    assert method.importance(strengths, first).tolist() == pytest.approx([1, 1, 0.8])  # 1 + 1/2, 2/3 + 1, 4/5


def test_without_new_directions_only_the_importances_rise():
    method = SGP(scale=0.0)
    basis, _ = extend_basis(diagonal(4, 2, 1), NO_BASIS, 0.95)
    basis, strengths = extend_basis(diagonal(1, 2, 0), basis, 0.95)
    assert basis.shape == (3, 2)
    assert method.importance(strengths, torch.tensor([0.25, 0.125])).tolist() == pytest.approx([0.75, 1.0])


@pytest.mark.parametrize('scale', [0.0, 1.0, 1e9])
def test_directions_without_strength_are_not_protected(scale):
    assert importance_of(scale) == [] and importance_of(scale, 0.0, 0.0) == [0, 0]


def test_a_large_scale_is_gpm():
    students = [second_phase(SGP, scale=1e9), second_phase(GPM)]
    before = copy_of_state(students[0].learner)
    sgp, gpm = (train(student) for student in students)
    assert any((sgp[name] - before[name]).abs().max() > 1e-2 for name in sgp if name.endswith('conv1.weight'))
    for name in gpm:
        torch.testing.assert_close(sgp[name], gpm[name], atol=1e-5, rtol=1e-5)


def test_a_small_scale_lets_weak_directions_learn():
    leaking = []
    for scale in (0.0, 10.0, 1e9):
        student = second_phase(SGP, scale=scale)
        before = copy_of_state(student.learner)
        train(student, steps=1)
        leaking.append(sum(leak for leak, _ in leaks(student, before).values()))
    assert leaking[0] > leaking[1] > 1000 * leaking[2]


def test_the_strongest_direction_of_each_layer_does_not_move_in_a_step_of_adam():
    student = second_phase(SGP, scale=0.1)
    before = copy_of_state(student.learner)
    train(student, steps=1)
    for name, basis in student.method.bases.items():
        assert student.method.importances[name][0] == 1
        student.method.bases[name] = basis[:, :1]
    for name, (leak, change) in leaks(student, before).items():
        assert leak < 1e-6 < change, name


def test_importances_rise_over_phases_and_stay_in_0_1():
    student = second_phase(SGP, scale=0.1)
    old = dict(student.method.importances)
    end(student, 'normal')
    for name, importance in student.method.importances.items():
        assert (importance >= 0).all() and (importance <= 1).all()
        assert (importance[:len(old[name])] >= old[name]).all()


@pytest.mark.parametrize('scale', [-0.1, float('inf'), float('nan')])
def test_a_wrong_scale_is_refused(scale):
    with pytest.raises(ConfigError, match=f'scale={scale} is impossible for SGP'):
        SGP(scale)


@pytest.mark.parametrize('stream, scale', [('r18_nyuv2', 0.1), ('r50_nyuv2', 10.0), ('tiny_synthrooms', None)])
def test_the_shipped_configs_change_nothing_but_the_method(stream, scale):
    cfg, vanilla = (Config.fromfile(CONFIGS / f'{name}/{name}_{stream}.py').to_dict() for name in ('sgp', 'vanilla'))
    method = METHODS.build(cfg.pop('method'))
    assert type(method) is SGP and scale in (None, method.scale) and vanilla.pop('method')
    assert cfg == vanilla
