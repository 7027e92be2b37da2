import copy
import functools
import itertools
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.nn.functional import avg_pool2d

from lhl.engine import MethodOptimWrapper
from lhl.errors import ConfigError
from lhl.methods import Phase, Teacher, Vanilla
from lhl.methods.pod import GlobalPOD, LocalPOD
from lhl.models import Learner
from lhl.registry import METHODS, MODELS

from .conftest import BACKBONE, HEAD, TASKS, begin, copy_of_state, losses_of, make_batch

METHODS_AND_NORMS = list(itertools.product((LocalPOD, GlobalPOD), ('fro', 'l1', 'l2')))
CONFIGS = Path(__file__).parents[2] / 'configs'
OLD_AND_NEW = ('segmentation', 'depth')


def make_learner(tasks, seed=0):
    """A learner that gives the maps of all four stages."""
    torch.manual_seed(seed)
    learner = Learner(dict(BACKBONE, out_indices=(0, 1, 2, 3)), HEAD, {name: TASKS[name] for name in tasks})
    with torch.no_grad():
        for _ in range(3):
            learner.train()(torch.randn(4, 3, 24, 40))
    return learner


def begin_second(method, seed=1, teacher_seed=2):
    learner, teacher = make_learner(OLD_AND_NEW, seed), make_learner(OLD_AND_NEW[:1], teacher_seed)
    if seed == teacher_seed:
        weights = learner.state_dict()
        teacher.load_state_dict({name: weights[name] for name in teacher.state_dict()})
    return begin(method, OLD_AND_NEW, learner, Teacher(teacher))


def train(student, steps=2):
    wrapper = MethodOptimWrapper(
        torch.optim.Adam([p for p in student.parameters() if p.requires_grad], 1e-3, weight_decay=1e-4))
    for step in range(steps):
        torch.manual_seed(step)
        wrapper.update_params(sum(losses_of(student.train(), make_batch('depth', seed=step)).values()))
    return student.learner.state_dict()


@functools.cache
def vanilla_weights():
    return train(begin_second(Vanilla()))


@pytest.mark.parametrize('method', [LocalPOD, GlobalPOD])
def test_in_the_first_phase_it_is_l_new(method):
    batch = make_batch('segmentation')
    pod, vanilla = (losses_of(begin(m, ['segmentation']).eval(), batch) for m in (method(weight=1.0), Vanilla()))
    assert pod == vanilla and list(pod) == ['loss_new_segmentation']


@pytest.mark.parametrize('method, norm', METHODS_AND_NORMS)
def test_without_weight_it_is_vanilla_bit_for_bit(method, norm):
    pod, vanilla = train(begin_second(method(weight=0.0, norm=norm))), vanilla_weights()
    assert all(torch.equal(pod[name], vanilla[name]) for name in vanilla)
    weighted = train(begin_second(method(weight=1.0, norm=norm)))
    assert not all(torch.equal(weighted[name], vanilla[name]) for name in vanilla)


@pytest.mark.parametrize('method, norm', METHODS_AND_NORMS)
def test_equal_nets_have_no_loss_and_a_finite_gradient(method, norm):
    student = begin_second(method(weight=1.0, norm=norm), seed=1, teacher_seed=1).eval()
    loss = losses_of(student, make_batch('depth'))['loss_pod']
    loss.backward()
    assert loss.item() == 0
    gradients = [parameter.grad for parameter in student.learner.backbone.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


@pytest.mark.parametrize('method, norm', METHODS_AND_NORMS)
def test_the_loss_is_the_mean_over_all_stages_and_images_times_the_weight(method, norm):
    student = begin_second(method(weight=3.0, norm=norm, scales=(1, 2))).eval()
    batch = make_batch('depth', batch_size=3)
    maps = [net.extract_features(batch.inputs) for net in (student.learner, student.method.phase.teacher.learner)]
    assert [map.shape[1:] for map in maps[0]] == [(8, 6, 10), (16, 3, 5), (32, 3, 5), (64, 3, 5)]
    total = 0
    for ours, theirs in zip(*maps, strict=True):
        parts = []
        for image in range(3):
            # 3x5 maps split in two share their middle row and column.
            halves = dict(rows=dict(zip((6, 3), ([(0, 3), (3, 6)], [(0, 2), (1, 3)]), strict=True))[ours.shape[2]],
                          columns=dict(zip((10, 5), ([(0, 5), (5, 10)], [(0, 3), (2, 5)]), strict=True))[
                              ours.shape[3]])
            pooled = []
            for net in (ours, theirs):
                squares = net[image].double().square()
                bands = [squares[..., a:b].mean(2) for a, b in halves['columns']]
                strips = [squares[:, a:b].mean(1) for a, b in halves['rows']]
                if method is LocalPOD:
                    numbers = [squares.mean(2), squares.mean(1), *bands, *strips]
                else:
                    whole = avg_pool2d(squares, squares.shape[1:]).flatten()
                    grid = torch.stack([torch.stack([squares[:, a:b, c:d].mean((1, 2)) for c, d in halves['columns']])
                                        for a, b in halves['rows']])
                    numbers = [whole, whole, grid.sum(0), grid.sum(1)]
                pooled.append(torch.cat([number.flatten() for number in numbers]))
            difference = pooled[0] - pooled[1]
            parts.append(dict(fro=difference.square().sum().sqrt(), l1=difference.abs().sum(),
                              l2=difference.square().mean())[norm])
        total = total + 3.0 * sum(parts) / len(parts) / 4
    assert total > 0.01
    torch.testing.assert_close(losses_of(student, batch)['loss_pod'].double(), total, rtol=1e-4, atol=0)


def test_old_heads_are_bit_identical_after_training():
    student = begin_second(LocalPOD(weight=1.0))
    before = copy_of_state(student.learner)
    after = train(student)
    assert student.learner.trained_tasks == ('depth', )
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith('heads.segmentation'))
    assert not all(torch.equal(after[name], before[name]) for name in before if name.startswith('backbone'))


def test_the_gradient_reaches_the_backbone_and_neither_heads_nor_teacher():
    student = begin_second(GlobalPOD(weight=1.0)).train()
    teacher = student.method.phase.teacher.learner.requires_grad_(True)  # so that only no_grad keeps the gradient out
    losses_of(student, make_batch('depth'))['loss_pod'].backward()
    assert all(parameter.grad is not None for parameter in student.learner.backbone.parameters())
    assert all(parameter.grad is None for parameter in student.learner.heads.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_training_leaves_the_teacher_as_it_was():
    student = begin_second(LocalPOD(weight=1.0))
    teacher = student.phase.teacher.learner
    before = copy_of_state(teacher)
    train(student)
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())


def test_following_the_loss_brings_the_features_to_the_teacher_s():
    student = begin_second(LocalPOD(weight=1.0)).eval()
    optimizer, batch, course = torch.optim.Adam(student.learner.parameters(), 1e-2), make_batch('depth'), []
    for _ in range(15):
        loss = losses_of(student, batch)['loss_pod']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.append(loss.item())
    assert course[-1] < 0.5 * course[0]


@pytest.mark.parametrize('method', [LocalPOD, GlobalPOD])
def test_features_in_half_precision_are_pooled_in_float32_also_under_autocast(method):
    student = begin_second(method(weight=1.0))
    maps = [300 * torch.rand(2, 8, 6, 9).half() for _ in range(2)]  # squares up to 90000 overflow in half
    teacher = copy.copy(student.method.phase.teacher.learner)
    object.__setattr__(teacher, 'extract_features', lambda inputs: (maps[1], ))
    student.method.phase = Phase(2, ('depth', ), OLD_AND_NEW, teacher=Teacher(teacher))
    batch, found = make_batch('depth'), []
    outputs = dict(depth=torch.ones(2, 1, 24, 40))
    for dtype, features in ((torch.float32, maps[0].float()), (torch.bfloat16, maps[0])):
        with torch.autocast('cpu', torch.bfloat16, enabled=dtype is torch.bfloat16):
            found.append(student.method.losses(batch, (features, ), outputs)['loss_pod'])
    assert found[1].dtype == torch.float32 and found[1].isfinite()
    assert found[0].item() == found[1].item()


def test_it_carries_no_state_and_needs_teacher_and_backbone():
    method = LocalPOD(weight=1.0)
    assert method.state_dict() == {}
    assert method.requires.teacher and method.requires.same_backbone and not method.requires.edits


@pytest.mark.parametrize('options, message', [
    (dict(weight=-1.0), 'weight=-1.0 is impossible for LocalPOD'),
    (dict(weight=float('nan')), 'weight=nan is impossible for LocalPOD'),
    (dict(weight=1.0, norm='L1'), "norm='L1' is unknown to LocalPOD; use 'fro', 'l1' or 'l2'"),
    (dict(weight=1.0, scales=()), r'scales=\(\) is impossible'),
    (dict(weight=1.0, scales=(1, 0)), r'scales=\(1, 0\) is impossible'),
    (dict(weight=1.0, scales=(1, 2.5)), r'scales=\(1, 2.5\) is impossible'),
])
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        LocalPOD(**options)


@pytest.mark.parametrize('variant', [f'{pooling}_pod_{norm}' for pooling in ('local', 'global')
                                     for norm in ('fro', 'l1', 'l2')])
@pytest.mark.parametrize('stream', ['r18_nyuv2', 'r50_nyuv2', 'tiny_synthrooms'])
def test_the_shipped_configs_change_nothing_but_the_method_and_the_maps_given(variant, stream):
    cfg = Config.fromfile(CONFIGS / f'pod/{variant}_{stream}.py')
    vanilla = Config.fromfile(CONFIGS / f'vanilla/vanilla_{stream}.py')
    method = METHODS.build(cfg.method)
    assert (type(method), method.norm) == (
        dict(local=LocalPOD, global_=GlobalPOD)[variant.split('_')[0].replace('global', 'global_')],
        variant.split('_')[-1])
    assert cfg.model.backbone.out_indices == (0, 1, 2, 3)
    merged = cfg.to_dict()
    merged['method'] = vanilla.method.to_dict()
    merged['model']['backbone']['out_indices'] = vanilla.model.backbone.out_indices
    for phase in merged['phases']:
        phase.pop('method', None)  # its strength in that phase
    assert merged == vanilla.to_dict()


def test_giving_all_maps_changes_neither_the_first_weights_nor_the_predictions():
    learners = []
    for name in ('pod/local_pod_fro', 'vanilla/vanilla'):
        model = Config.fromfile(CONFIGS / f'{name}_tiny_synthrooms.py').model.to_dict()
        model['tasks'] = dict(depth=TASKS['depth'])
        torch.manual_seed(0)
        learner = MODELS.build(model)
        learner.init_weights()
        learners.append(learner)
    pod, vanilla = (learner.state_dict() for learner in learners)
    assert list(pod) == list(vanilla) and all(torch.equal(pod[name], vanilla[name]) for name in vanilla)
    inputs = torch.randn(2, 3, 24, 40)
    assert torch.equal(*(learner.eval()(inputs)['depth'] for learner in learners))
