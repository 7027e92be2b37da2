"""Each ablation of Table 4 and Figure 5, as shipped, has the terms it says and is HAD in all else."""
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config

from lhl.errors import ConfigError
from lhl.losses import distribution_balanced_loss, edge_set, interval_groups, saliency_guided_loss, threshold_groups
from lhl.registry import METHODS

from .conftest import begin, losses_of, make_batch

HAD = Path(__file__).parents[2] / 'configs/had'
BASES = ('r18_nyuv2', 'r50_nyuv2', 'tiny_synthrooms')
SEARCHED = ('synthrooms3', 'synthrooms3_normals_first')  # each form of HAD has strengths of its own
TINY = 'tiny_synthrooms'  # the values of one are those of all, because the options are
ROBUST = dict(type='DistributionBalancedLoss', relative_epsilon=0.1)
BALANCED, SALIENCY = 'loss_distribution_balanced_depth', 'loss_saliency_guided_depth'


def read(path):
    return Config.fromfile(HAD / path).to_dict()


def terms_of(config, tasks=('depth', 'normal')):
    """The terms of the distillation, and what they are computed from."""
    method = METHODS.build(config['method'])
    student = begin(method, list(tasks)).eval()
    batch = make_batch(tasks[-1])
    losses = losses_of(student, batch)
    losses.pop(f'loss_new_{tasks[-1]}')
    return losses, student(batch.inputs)['depth'].detach(), method.phase.teacher.learner(batch.inputs)['depth']


@pytest.mark.parametrize('base', BASES)
@pytest.mark.parametrize('name, difference', [
    ('no_sg', dict(saliency_guided=None)),
    ('no_db', dict(distribution_balanced=None)),
    ('arithmetic', dict(distribution_balanced=dict(ROBUST, mean='arithmetic'))),
    ('softened_balance', dict(distribution_balanced=dict(ROBUST, balance=0.5))),
    ('arithmetic_regression', dict(arithmetic_regression=True)),
    ('class_saliency', dict(saliency_of_regression=False)),
    ('soft_targets', dict(temperature=1.0)),
    ('evaluation_mode', dict(evaluation_mode=True)),
    ('5_groups', dict(num_intervals=5)),
    ('10_groups', dict(num_intervals=10)),
    ('15_groups', dict(num_intervals=15)),
    ('prediction_edges', dict(edge_source='prediction'))])
def test_an_ablation_differs_from_had_in_one_option(name, difference, base):
    had, ablation = read(f'had_{base}.py'), read(f'ablations/had_{name}_{base}.py')
    assert ablation['method'] == {**had['method'], **difference} != had['method']
    assert {**ablation, 'method': None} == {**had, 'method': None}


@pytest.mark.parametrize('base', BASES)
def test_the_default_is_robust_and_the_literal_form_differs_in_the_epsilon_alone(base):
    had, literal = read(f'had_{base}.py'), read(f'had_literal_{base}.py')
    assert had['method']['distribution_balanced'] == ROBUST
    assert literal['method'] == {**had['method'], 'distribution_balanced': dict(ROBUST, relative_epsilon=1e-6)}
    assert {**literal, 'method': None} == {**had, 'method': None}
    assert METHODS.build(had['method']).distribution_balanced.relative_epsilon == 0.1


def test_every_ablation_is_covered_here():
    paths = list((HAD / 'ablations').glob('*.py'))
    assert len([path for path in paths if path.stem.endswith(BASES)]) == 12 * len(BASES)
    assert {path.stem for path in paths if not path.stem.endswith(BASES)} == {
        'had_soft_targets_tiny_synthtaskonomy', *(f'had_class_saliency_{base}' for base in SEARCHED)}
    soft = read('ablations/had_soft_targets_tiny_synthtaskonomy.py')
    assert soft['method'] == dict(read('had_tiny_synthtaskonomy.py')['method'], temperature=1.0)


@pytest.mark.parametrize('base', SEARCHED)
def test_class_saliency_differs_from_had_in_one_option_and_in_searched_strengths(base):
    had, ablation = read(f'had_{base}.py'), read(f'ablations/had_class_saliency_{base}.py')
    assert ablation['method'] == {**had['method'], 'saliency_of_regression': False}
    assert [set(phase['method']) for phase in ablation['phases'][1:]] == [{'alpha'}] * 2
    assert {**ablation, 'method': None, 'phases': None} == {**had, 'method': None, 'phases': None}


def test_without_a_term_the_other_one_keeps_its_value():
    had, _, _ = terms_of(read(f'had_{TINY}.py'))
    assert set(had) == {BALANCED, SALIENCY}
    assert terms_of(read(f'ablations/had_no_sg_{TINY}.py'))[0] == {BALANCED: had[BALANCED]}
    assert terms_of(read(f'ablations/had_no_db_{TINY}.py'))[0] == {SALIENCY: had[SALIENCY]}


def test_the_arithmetic_mean_and_the_intervals_change_the_balanced_term_alone():
    config = read(f'had_{TINY}.py')
    had, student, teacher = terms_of(config)
    alpha, threshold = config['method']['alpha'], config['method']['group_threshold']
    loss_map = (student - teacher).abs()[:, 0]
    expected = {'arithmetic': distribution_balanced_loss(
        loss_map, *threshold_groups(teacher, threshold), mean='arithmetic')}
    for count in (5, 10, 15):
        expected[f'{count}_groups'] = distribution_balanced_loss(loss_map, *interval_groups(teacher, count))
    for name, losses in expected.items():
        found, _, _ = terms_of(read(f'ablations/had_{name}_{TINY}.py'))
        torch.testing.assert_close(found[BALANCED].detach(), alpha / 2 * losses.mean(), rtol=1e-4, atol=1e-6)
        assert found[SALIENCY] == had[SALIENCY] and found[BALANCED] != had[BALANCED]


def test_the_edges_of_the_prediction_change_the_saliency_guided_term_alone():
    config = read(f'had_{TINY}.py')
    had, student, teacher = terms_of(config)
    edges = edge_set(student, config['method']['saliency_guided']['edge_threshold'])
    loss_map = (student - teacher).abs()[:, 0]
    expected = torch.stack([image[mask].mean() for image, mask in zip(loss_map, edges, strict=True)]).mean()
    found, _, _ = terms_of(read(f'ablations/had_prediction_edges_{TINY}.py'))
    torch.testing.assert_close(found[SALIENCY].detach(), config['method']['alpha'] / 2 * expected)
    assert found[BALANCED] == had[BALANCED] and found[SALIENCY] != had[SALIENCY]


def test_arithmetic_means_for_regression_alone_leave_the_geometric_ones_of_classes():
    had, arithmetic, mixed = (read(name) for name in (
        f'had_{TINY}.py', f'ablations/had_arithmetic_{TINY}.py', f'ablations/had_arithmetic_regression_{TINY}.py'))
    assert terms_of(mixed)[0] == terms_of(arithmetic)[0] != terms_of(had)[0]
    tasks = ('segmentation', 'depth', 'normal')
    of_all, of_mixed = terms_of(had, tasks)[0], terms_of(mixed, tasks)[0]
    assert of_mixed['loss_distribution_balanced_segmentation'] == of_all['loss_distribution_balanced_segmentation']
    assert of_mixed[BALANCED] != of_all[BALANCED]


def test_without_saliency_of_regression_classes_alone_keep_that_term():
    tasks = ('segmentation', 'depth', 'normal')
    of_all, of_classes = (terms_of(read(name), tasks)[0] for name in (
        f'had_{TINY}.py', f'ablations/had_class_saliency_{TINY}.py'))
    assert SALIENCY in of_all and of_classes == {name: value for name, value in of_all.items() if name != SALIENCY}


def test_a_regression_task_without_either_term_is_refused():
    config = dict(read(f'ablations/had_no_db_{TINY}.py')['method'], saliency_of_regression=False)
    with pytest.raises(ConfigError, match='tasks without classes would not be distilled; keep one of the two terms'):
        METHODS.build(config)


def test_soft_targets_are_the_teacher_s_probabilities_in_the_groups_of_its_labels():
    config = read(f'ablations/had_soft_targets_{TINY}.py')
    method = METHODS.build(config['method'])
    student, batch = begin(method, ['segmentation', 'depth']).eval(), make_batch('depth')
    losses = losses_of(student, batch)
    ours, theirs = (net(batch.inputs)['segmentation'] for net in (student, method.phase.teacher.learner))
    loss_map = F.kl_div(ours.log_softmax(1), theirs.softmax(1), reduction='none').sum(1)
    for name, expected in (
            ('distribution_balanced', distribution_balanced_loss(loss_map, theirs.argmax(1), 5)),
            ('saliency_guided', saliency_guided_loss(loss_map, config['method']['saliency_guided']['edge_threshold']))):
        torch.testing.assert_close(losses[f'loss_{name}_segmentation'], config['method']['alpha'] / 2 * expected.mean(),
                                   rtol=1e-4, atol=1e-6)
    # A regression has no softer target than its value.
    assert terms_of(config)[0] == terms_of(read(f'had_{TINY}.py'))[0]
