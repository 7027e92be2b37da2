import pytest
import torch

from lhl.errors import ConfigError
from lhl.losses import distribution_balanced_loss, edge_set, interval_groups, saliency_guided_loss, threshold_groups
from lhl.methods import HAD, Vanilla
from lhl.registry import METHODS

from .conftest import begin, losses_of, make_batch, make_learner, make_teacher

DISTRIBUTION_BALANCED = dict(type='DistributionBalancedLoss')
SALIENCY_GUIDED = dict(type='SaliencyGuidedLoss', edge_threshold=0.5)


def make_had(**options):
    return METHODS.build(dict(
        dict(type='HAD', alpha=2.0, group_threshold=0.6, distribution_balanced=DISTRIBUTION_BALANCED,
             saliency_guided=SALIENCY_GUIDED), **options))


def terms_of(student, batch, old):
    """The two terms of an old task, ``None`` for one that is dropped."""
    losses = losses_of(student, batch)
    return losses.get(f'loss_distribution_balanced_{old}'), losses.get(f'loss_saliency_guided_{old}')


def predictions_of(student, batch, old):
    """Student and teacher of an old task."""
    return student(batch.inputs)[old], student.phase.teacher.learner(batch.inputs)[old]


def by_hand(old, student, teacher, groups=lambda label: threshold_groups(label, 0.6)):
    """Loss map (Eq. 7), groups and their number, without asking the task."""
    if old == 'segmentation':
        labels = teacher.argmax(1)
        return -student.log_softmax(1).gather(1, labels[:, None])[:, 0], labels, 5
    loss_map = (student - teacher).abs()[:, 0] if old == 'depth' else 1 - (student * teacher).sum(1)
    return loss_map, *groups(teacher)


# ---- the equations -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('old, new', [('segmentation', 'depth'), ('depth', 'normal'), ('normal', 'segmentation')])
def test_with_one_old_task_and_alpha_2_the_distillation_is_l_db_plus_l_sg(old, new):
    student = begin(make_had(), [old, new]).eval()
    batch = make_batch(new, batch_size=3)
    loss_map, groups, count = by_hand(old, *predictions_of(student, batch, old))
    l_db = distribution_balanced_loss(loss_map, groups, count).mean()
    l_sg = saliency_guided_loss(loss_map, 0.5).mean()
    l_new = losses_of(begin(Vanilla(), [old, new], student.learner).eval(), batch)[f'loss_new_{new}']
    student = begin(make_had(), [old, new], student.learner, make_teacher(make_learner([old], seed=2), [old])).eval()
    losses = losses_of(student, batch)
    assert set(losses) == {f'loss_new_{new}', f'loss_distribution_balanced_{old}', f'loss_saliency_guided_{old}'}
    assert l_db > 0 and l_sg > 0
    torch.testing.assert_close(losses[f'loss_new_{new}'], l_new)
    torch.testing.assert_close(sum(losses.values()) - l_new, l_db + l_sg, rtol=1e-4, atol=1e-6)


def test_with_two_old_tasks_each_term_weighs_a_quarter_of_alpha():
    student = begin(make_had(alpha=6.0), ['segmentation', 'depth', 'normal']).eval()
    batch = make_batch('normal')
    for old in ('segmentation', 'depth'):
        loss_map, groups, count = by_hand(old, *predictions_of(student, batch, old))
        balanced, saliency = terms_of(student, batch, old)
        torch.testing.assert_close(balanced, 6 / 4 * distribution_balanced_loss(loss_map, groups, count).mean())
        torch.testing.assert_close(saliency, 6 / 4 * saliency_guided_loss(loss_map, 0.5).mean())


def test_in_the_first_phase_it_is_l_new():
    batch = make_batch('depth')
    had, vanilla = (losses_of(begin(method, ['depth']).eval(), batch) for method in (make_had(), Vanilla()))
    assert had == vanilla


def test_identical_nets_have_no_loss_and_no_gradient_in_regression():
    learner = make_learner(['depth', 'segmentation'])
    student = begin(make_had(), ['depth', 'segmentation'], learner, make_teacher(learner, ['depth'])).eval()
    balanced, saliency = terms_of(student, make_batch('segmentation'), 'depth')
    assert balanced.item() == saliency.item() == 0
    (balanced + saliency).backward()
    assert all((parameter.grad == 0).all() for parameter in learner.heads['depth'].parameters())


def test_the_groups_are_the_teacher_s_and_not_the_student_s():
    student = begin(make_had(), ['depth', 'normal']).eval()
    batch = make_batch('normal')
    ours, theirs = predictions_of(student, batch, 'depth')
    assert not torch.equal(threshold_groups(ours, 0.6)[0], threshold_groups(theirs, 0.6)[0])
    loss_map = (ours - theirs).abs()[:, 0]
    balanced, _ = terms_of(student, batch, 'depth')
    by_student = distribution_balanced_loss(loss_map, *threshold_groups(ours, 0.6)).mean()
    torch.testing.assert_close(balanced, distribution_balanced_loss(loss_map, *threshold_groups(theirs, 0.6)).mean())
    assert abs(balanced - by_student) > 1e-4 * balanced


@pytest.mark.parametrize('old, new', [('segmentation', 'depth'), ('depth', 'segmentation')])
def test_the_terms_of_a_batch_are_the_mean_over_its_images(old, new):
    student = begin(make_had(), [old, new]).eval()
    prediction, teacher = predictions_of(student, make_batch(new, batch_size=3), old)
    prediction[1] *= 3  # images of different difficulty must not be pooled
    task = student.learner.tasks[old]
    together = student.method.distillation(task, prediction, teacher)
    alone = [student.method.distillation(task, prediction[i:i + 1], teacher[i:i + 1]) for i in range(3)]
    assert len({terms['saliency_guided'].item() for terms in alone}) == 3
    for name, value in together.items():
        torch.testing.assert_close(value, torch.stack([terms[name] for terms in alone]).mean())


def test_the_whole_loss_of_a_batch_is_the_mean_over_its_images_too():
    student = begin(make_had(), ['depth', 'segmentation']).eval()
    batch = make_batch('segmentation', batch_size=3)
    together = terms_of(student, batch, 'depth')
    alone = []
    for i in range(3):
        image = type(batch)(batch.inputs[i:i + 1], *({name: value[i:i + 1] for name, value in entry.items()}
                                                     for entry in (batch.targets, batch.valid)))
        alone.append(torch.stack(terms_of(student, image, 'depth')))
    torch.testing.assert_close(torch.stack(together), torch.stack(alone).mean(0), rtol=1e-4, atol=1e-6)


# ---- ablations, by config ------------------------------------------------------------------------------------------

@pytest.mark.parametrize('dropped, kept', [('distribution_balanced', 1), ('saliency_guided', 0)])
def test_dropping_a_term_leaves_the_other_one_with_its_half(dropped, kept):
    batch = make_batch('normal')
    full = terms_of(begin(make_had(), ['depth', 'normal']).eval(), batch, 'depth')
    part = terms_of(begin(make_had(**{dropped: None}), ['depth', 'normal']).eval(), batch, 'depth')
    assert part[1 - kept] is None
    torch.testing.assert_close(part[kept], full[kept])


def test_neither_term_is_refused():
    with pytest.raises(ConfigError, match='neither distribution_balanced nor saliency_guided; keep one of them, or '
                                          'use the method DIS or Vanilla'):
        HAD(1.0, 0.5, distribution_balanced=None, saliency_guided=None)


@pytest.mark.parametrize('options', [dict(mean='arithmetic'), dict(divisor='fixed')])
def test_options_of_the_distribution_balanced_loss_come_from_the_config(options):
    student = begin(make_had(distribution_balanced=dict(DISTRIBUTION_BALANCED, **options)),
                    ['segmentation', 'depth']).eval()
    batch = make_batch('depth')
    loss_map, groups, count = by_hand('segmentation', *predictions_of(student, batch, 'segmentation'))
    assert len(groups.unique()) < count  # or the divisor would not matter
    balanced, _ = terms_of(student, batch, 'segmentation')
    torch.testing.assert_close(balanced, distribution_balanced_loss(loss_map, groups, count, **options).mean())
    assert abs(balanced - distribution_balanced_loss(loss_map, groups, count).mean()) > 1e-3


@pytest.mark.parametrize('num_intervals', [5, 10, 15])
@pytest.mark.parametrize('old', ['depth', 'normal'])
def test_regression_can_be_split_into_intervals_of_equal_width(old, num_intervals):
    student = begin(make_had(num_intervals=num_intervals), [old, 'segmentation']).eval()
    batch = make_batch('segmentation')
    ours, theirs = predictions_of(student, batch, old)
    expected, two_groups = (
        distribution_balanced_loss(*by_hand(old, ours, theirs, groups)).mean()
        for groups in (lambda label: interval_groups(label, num_intervals), lambda label: threshold_groups(label, 0.6)))
    balanced, _ = terms_of(student, batch, old)
    torch.testing.assert_close(balanced, expected, rtol=1e-4, atol=1e-6)
    assert abs(balanced - two_groups) > 1e-4 * two_groups


def test_intervals_leave_segmentation_with_its_classes():
    batch = make_batch('depth')
    intervals, classes = (terms_of(begin(make_had(num_intervals=n), ['segmentation', 'depth']).eval(), batch,
                                   'segmentation') for n in (5, None))
    assert intervals == classes


@pytest.mark.parametrize('old, new', [('segmentation', 'depth'), ('depth', 'segmentation')])
def test_edges_can_be_those_of_the_student_s_prediction(old, new):
    student = begin(make_had(edge_source='prediction'), [old, new]).eval()
    batch = make_batch(new)
    ours, theirs = predictions_of(student, batch, old)
    loss_map, _, _ = by_hand(old, ours, theirs)
    edges = edge_set(ours.softmax(1) if old == 'segmentation' else ours, 0.5)
    assert not torch.equal(edges, edge_set(loss_map, 0.5))
    expected = torch.stack([image[mask].mean() for image, mask in zip(loss_map, edges, strict=True)]).mean()
    _, saliency = terms_of(student, batch, old)
    torch.testing.assert_close(saliency, expected)


def test_options_of_the_saliency_guided_loss_come_from_the_config():
    options = dict(edge_threshold=0.1, normalize=False)
    student = begin(make_had(saliency_guided=dict(SALIENCY_GUIDED, **options)), ['depth', 'normal']).eval()
    batch = make_batch('normal')
    loss_map, _, _ = by_hand('depth', *predictions_of(student, batch, 'depth'))
    _, saliency = terms_of(student, batch, 'depth')
    torch.testing.assert_close(saliency, saliency_guided_loss(loss_map, **options).mean())


def test_an_unknown_source_of_edges_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="edge_source='teacher' is unknown to HAD; use 'loss' or 'prediction'"):
        make_had(edge_source='teacher')


# ---- training ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('identical', [True, False])
def test_all_terms_and_gradients_are_finite_and_float32_under_bfloat16_autocast(identical):
    tasks = ['segmentation', 'depth', 'normal']
    learner = make_learner(tasks)
    teacher = make_teacher(learner if identical else make_learner(tasks[:-1], seed=2), tasks[:-1])
    student = begin(make_had(), tasks, learner, teacher).train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = losses_of(student, make_batch('normal'))
    assert len(losses) == 5
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())
    sum(losses.values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in learner.parameters())


def test_the_gradient_reaches_backbone_and_old_heads_and_not_the_new_one_or_the_teacher():
    student = begin(make_had(), ['segmentation', 'depth', 'normal']).train()
    teacher = student.method.phase.teacher.learner.requires_grad_(True)
    losses = losses_of(student, make_batch('normal'))
    sum(value for name, value in losses.items() if not name.startswith('loss_new_')).backward()
    for module in (student.learner.backbone, student.learner.heads['segmentation'], student.learner.heads['depth']):
        assert sum(parameter.grad.abs().sum() for parameter in module.parameters()) > 0
    assert all(parameter.grad is None for parameter in student.learner.heads['normal'].parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize('training', [True, False])
def test_steps_from_a_student_equal_to_its_teacher_stay_finite(training):
    # The start of a phase: in training batch statistics keep the two a little apart, in evaluation nothing does.
    tasks = ['normal', 'depth']
    learner = make_learner(tasks)
    student = begin(make_had(alpha=20.0), tasks, learner, make_teacher(learner, ['normal'])).train(training)
    optimizer = torch.optim.Adam(learner.parameters(), 1e-3)
    for seed in range(2):
        losses = losses_of(student, make_batch('depth', seed=seed))
        assert (losses['loss_distribution_balanced_normal'] > 0) == (training or seed > 0)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert all(parameter.isfinite().all() for parameter in learner.parameters())
