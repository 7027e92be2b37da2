import math

import pytest
import torch
import torch.nn.functional as F
from test_methods.conftest import SIZE, copy_of_state, make_learner
from test_methods.conftest import TASKS as DENSE_TASKS
from test_methods.training import in_two_processes, is_same

from lhl.errors import ConfigError
from lhl.inversion import QuickDeepInversion, feature_statistics, remembered_statistics, statistics_distance
from lhl.inversion import quick_deep_inversion as module
from lhl.inversion.quick_deep_inversion import drawn_labels
from lhl.losses import total_variation
from lhl.models import Learner
from lhl.registry import MODELS

from .test_statistics import TRANSFORMERS

TASKS = ['segmentation', 'depth', 'normal']
NO_TERMS = dict(feature_weight=0.0, variation_weight=0.0, norm_weight=0.0, target_weight=0.0)


class Recorded(QuickDeepInversion):
    """Keeps the loss of every step."""

    def loss(self, *arguments):
        value = super().loss(*arguments)
        self.course = [*getattr(self, 'course', []), value.item()]
        return value


@pytest.fixture(scope='module')
def teacher():
    return make_learner(TASKS).eval().requires_grad_(False)


def make_images(count=3, seed=0):
    return 0.8 * torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(seed)).clamp(-1.7, 2)


def square_images(count, seed=0):
    return torch.cat([make_images(count, seed), make_images(count, seed + 100)], dim=2)[..., :32, :32]


def inversion(steps=20, learning_rate=0.05, warmup_steps=5, **options):
    return QuickDeepInversion(steps=steps, learning_rate=learning_rate, warmup_steps=warmup_steps, **options)


# ---- the terms -----------------------------------------------------------------------------------------------------

def test_the_loss_is_the_weighted_sum_of_its_terms():
    images = make_images()
    method = QuickDeepInversion(target_weight=2.0, feature_weight=3.0, variation_weight=5.0, norm_weight=7.0)
    expected = 2 * 13 + 3 * 11 + 5 * total_variation(images) + 7 * images.square().sum().sqrt()
    torch.testing.assert_close(method.loss(images, torch.tensor(13.0), torch.tensor(11.0)), expected)


def test_the_target_term_is_1_at_the_start_whatever_the_units_of_the_tasks(teacher):
    recorded = Recorded(steps=1, **{**NO_TERMS, 'target_weight': 1.0})
    recorded(teacher, make_images())
    assert recorded.course == [pytest.approx(1.0)]


def test_an_image_that_is_alone_is_to_keep_its_layout_where_the_loss_is_0(teacher):
    recorded = Recorded(steps=1, **{**NO_TERMS, 'target_weight': 1.0})
    recorded(teacher, make_images(1))
    assert recorded.course == [pytest.approx(1 / 3)]  # the cross-entropy to the most likely class is above 0


def test_the_loss_decreases(teacher):
    recorded = Recorded(steps=30, learning_rate=0.05, warmup_steps=5)
    recorded(teacher, make_images())
    assert len(recorded.course) == 30
    assert recorded.course[-1] < 0.8 * recorded.course[0]


def distance_to_layouts(teacher, images, start, task):
    """How far the teacher's answer is from its answer to the image before, at the start."""
    with torch.no_grad():
        before = teacher.tasks[task].pseudo_label(teacher(start)[task])
        before = torch.stack([before[(index - 1) % len(before)] for index in range(len(before))])
        return teacher.tasks[task].loss_map(teacher(images)[task], before).mean().item()


def test_each_image_takes_on_the_layout_of_another_in_every_task(teacher):
    images = make_images()
    inverted = inversion(steps=40, **{**NO_TERMS, 'target_weight': 1.0})(teacher, images)
    for task in TASKS:
        before, after = (distance_to_layouts(teacher, found, images, task) for found in (images, inverted))
        assert after < 0.5 * before


def distance_of(teacher, images):
    with torch.no_grad(), feature_statistics(teacher.backbone) as found:
        teacher(images)
        return statistics_distance(found, remembered_statistics(teacher.backbone, []))


@pytest.mark.parametrize('option, measure', [
    ('feature_weight', distance_of),
    ('variation_weight', lambda teacher, images: total_variation(images)),
    ('norm_weight', lambda teacher, images: images.norm()),
])
def test_each_other_term_alone_lessens_what_it_measures(teacher, option, measure):
    images = make_images()
    inverted = inversion(**{**NO_TERMS, option: 1.0})(teacher, images)
    assert measure(teacher, inverted) < 0.9 * measure(teacher, images)


def test_without_terms_images_stay_as_they_are(teacher):
    images = make_images()
    assert torch.equal(inversion(**NO_TERMS)(teacher, images), images)


# ---- the steps -----------------------------------------------------------------------------------------------------

def test_the_learning_rate_by_hand():
    hcl = QuickDeepInversion(steps=500, learning_rate=0.03, warmup_steps=100)
    assert [hcl.learning_rate_at(step) for step in (0, 49, 99, 100, 200, 300)] == pytest.approx(
        [0.0003, 0.015, 0.03, 0.03, 0.015 * (1 + math.sqrt(0.5)), 0.015])
    assert 0 < hcl.learning_rate_at(499) < 1e-6


def test_a_run_shorter_than_its_warm_up_only_warms_up():
    assert [QuickDeepInversion(steps=2, warmup_steps=4, learning_rate=1.0).learning_rate_at(step)
            for step in (0, 1)] == [0.25, 0.5]


def test_adam_s_first_step_is_the_learning_rate_whatever_the_gradient(teacher):
    images = make_images() * 0.5  # far from black and white
    moved = (inversion(steps=1, learning_rate=0.06, warmup_steps=3)(teacher, images) - images).abs()
    assert moved.max().item() == pytest.approx(0.02, rel=1e-4)
    assert moved.median().item() == pytest.approx(0.02, rel=1e-2)


def test_pixels_stay_between_black_and_white(teacher):
    inverted = inversion(steps=10, learning_rate=2.0, warmup_steps=0)(teacher, make_images())
    for channel, mean, std in zip(range(3), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True):
        low, high = inverted[:, channel].min().item(), inverted[:, channel].max().item()
        assert low == pytest.approx(-mean / std, abs=1e-5) and high == pytest.approx((1 - mean) / std, abs=1e-5)


# ---- image-level tasks ---------------------------------------------------------------------------------------------

def object_task(*labels):
    return dict(type='ImageClassification', num_classes=6, labels=list(labels), head='objects', label_smoothing=0.1)


def make_classifier(**tasks):
    """A learner of these tasks that tells images apart, with statistics of its own."""
    torch.manual_seed(0)
    learner = Learner(dict(type='CIFARResNet', widen_factor=0.1), dict(type='LinearHead', in_channels=None), tasks)
    with torch.no_grad():
        for name, parameter in learner.heads.named_parameters():
            parameter.mul_(4.0 if name.endswith('weight') else 1.0)
        for seed in range(20):
            learner(square_images(4, seed))
    return learner.eval().requires_grad_(False)


@pytest.fixture(scope='module')
def classifier():
    return make_classifier(first=object_task(0, 3), second=object_task(4))


def labels_of(teacher, count, seed=0):
    return drawn_labels(teacher, count, seed)['first']


def smoothed_cross_entropy(teacher, images, labels):
    logits = teacher(images)['first'].flatten(1)
    assert logits.shape == (len(labels), 6)
    return F.cross_entropy(logits, labels, label_smoothing=0.1).item()


def test_the_classes_of_all_old_tasks_of_a_head_are_asked_for_equally_often(classifier):
    assert list(drawn_labels(classifier, 11, seed=0)) == ['first']  # one head, one target
    assert sorted(labels_of(classifier, 11).tolist()) == [0, 0, 0, 3, 3, 3, 4, 4, 4]
    assert len(set(labels_of(classifier, 2).tolist())) == 2  # fewer images than classes: different ones
    assert labels_of(classifier, 30).tolist() != labels_of(classifier, 30, seed=1).tolist()


@pytest.mark.parametrize('count, expected', [(11, 9), (6, 6), (2, 2)])
def test_images_beyond_an_equal_share_are_left_out(classifier, count, expected):
    images = square_images(count)
    inverted = inversion(steps=1, learning_rate=0.0)(classifier, images)
    assert torch.equal(inverted, images[:expected])


def test_the_target_of_an_image_level_task_is_the_smoothed_cross_entropy_to_the_drawn_classes(classifier):
    images = square_images(6)
    recorded = Recorded(steps=1, **{**NO_TERMS, 'target_weight': 2.0})
    recorded(classifier, images, seed=5)
    expected = smoothed_cross_entropy(classifier, images, labels_of(classifier, 6, seed=5))
    assert recorded.course == [pytest.approx(2 * expected, rel=1e-5)]


def test_the_teacher_sees_the_drawn_class_in_each_inverted_image_and_the_log_says_so(classifier, monkeypatch):
    said, images = [], square_images(9)
    monkeypatch.setattr(module, 'print_log', lambda text, logger: said.append(text))
    inverted = inversion(steps=30, chunk_size=4, **{**NO_TERMS, 'target_weight': 1.0})(classifier, images, seed=1)
    labels = labels_of(classifier, 9, seed=1)
    seen = [classifier(shown)['first'].argmax(1).flatten() for shown in (images, inverted)]
    assert (seen[0] != labels).any() and torch.equal(seen[1], labels)
    inversion(steps=1, learning_rate=0.0, chunk_size=4)(classifier, images, seed=1)
    before = 100 * (seen[0] == labels).sum().item() / 9
    assert said == [f"QuickDeepInversion: the teacher takes {share:.0f} % of the inverted images for what the head "
                    f"'objects' was asked for" for share in (100, before)]


def test_all_terms_together_decrease_and_leave_the_classifier_as_it_is(classifier):
    weights = copy_of_state(classifier)
    recorded = Recorded(steps=30, learning_rate=0.05, warmup_steps=5, chunk_size=200)
    recorded(classifier, square_images(6))
    assert recorded.course[-1] < 0.9 * recorded.course[0]
    assert is_same(classifier.state_dict(), weights)


def test_a_mixed_stream_asks_for_a_class_and_a_layout_of_each_image():
    teacher = make_classifier(depth=DENSE_TASKS['depth'], first=object_task(1, 2), other=dict(
        type='ImageClassification', num_classes=3))
    images, recorded = square_images(6), Recorded(steps=1, **{**NO_TERMS, 'target_weight': 1.0})
    recorded(teacher, images)
    labels = drawn_labels(teacher, 6, seed=0)
    assert list(labels) == ['first', 'other']
    assert sorted(labels['other'].tolist()) == [0, 0, 1, 1, 2, 2]
    of_other = F.cross_entropy(teacher(images)['other'].flatten(1), labels['other']).item()
    of_first = smoothed_cross_entropy(teacher, images, labels['first'])
    assert recorded.course == [pytest.approx((1 + of_first + of_other) / 3, rel=1e-5)]


# ---- chunks and processes ------------------------------------------------------------------------------------------

def test_each_chunk_is_inverted_by_itself(teacher):
    images = make_images(5)
    inverted = inversion(steps=3, chunk_size=2)(teacher, images)
    assert inverted.shape == images.shape
    alone = torch.cat([inversion(steps=3)(teacher, chunk) for chunk in (images[:2], images[2:4], images[4:])])
    assert torch.equal(inverted, alone)
    assert not torch.equal(inverted, inversion(steps=3, chunk_size=5)(teacher, images))


def test_two_processes_share_the_chunks_and_have_what_one_has(teacher, monkeypatch):
    images, made = make_images(5), {}

    def gather(mine):
        made[rank] = mine
        return list(made.values())
    monkeypatch.setattr(module, 'all_gather_object', gather)
    for rank in (1, 0):
        monkeypatch.setattr(module, 'get_dist_info', lambda rank=rank: (rank, 2))
        if rank:
            with pytest.raises(KeyError):  # the other's are not there yet
                inversion(steps=2, chunk_size=2)(teacher, images)
        else:
            inverted = inversion(steps=2, chunk_size=2)(teacher, images)
    assert {rank: sorted(chunks) for rank, chunks in made.items()} == {0: [0, 2], 1: [1]}
    monkeypatch.undo()
    assert torch.equal(inverted, inversion(steps=2, chunk_size=2)(teacher, images))


def inverted_objects(count):
    """Images of a task with two classes, inverted in chunks of eight."""
    classifier = make_classifier(first=object_task(0, 3))
    return inversion(steps=4, chunk_size=8)(classifier, square_images(count), seed=1)


@pytest.mark.parametrize('count', [8, pytest.param(12, marks=pytest.mark.slow)])
def test_two_real_processes_have_the_images_of_one_also_where_one_of_them_has_no_chunk(tmp_path, count):
    one = inverted_objects(count)
    assert len(one) == count and (one - square_images(count)).abs().max() > 0.1
    for images in in_two_processes(inverted_objects, tmp_path, count):
        torch.testing.assert_close(images, one, rtol=0, atol=1e-6)


# ---- what is left behind -------------------------------------------------------------------------------------------

def test_neither_the_teacher_nor_the_images_change(teacher):
    images = make_images()
    weights, pixels = copy_of_state(teacher), images.clone()
    teacher.requires_grad_(True)  # so that a backward pass through it would leave gradients
    inverted = inversion()(teacher, images)
    assert is_same(teacher.state_dict(), weights)
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert not any(part._forward_hooks for part in teacher.modules())
    assert torch.equal(images, pixels) and not torch.equal(inverted, images)
    assert not inverted.requires_grad
    teacher.requires_grad_(False)


#: Teachers with running statistics, without any normalisation, and with layer normalisations.
BACKBONES = dict(
    regnet=dict(type='CIFARRegNet', widen_factor=0.1), lenet=dict(type='CIFARLeNet'),
    vgg=dict(type='CIFARVGG', widen_factor=0.1), **{name: backbone for name, (backbone, _) in TRANSFORMERS.items()})


@pytest.mark.parametrize('backbone', BACKBONES.values(), ids=BACKBONES)
def test_every_kind_of_teacher_is_inverted_and_stays_as_it_is(backbone):
    torch.manual_seed(0)
    head = dict(type='LinearHead', in_channels=None)
    teacher, images = Learner(backbone, head, {name: DENSE_TASKS[name] for name in TASKS}), square_images(4)
    with torch.no_grad():
        for seed in range(20):
            teacher(square_images(4, seed))
    teacher.eval()
    weights = copy_of_state(teacher)
    recorded = Recorded(steps=12, learning_rate=0.05, warmup_steps=3)
    inverted = recorded(teacher, images)
    assert recorded.course[-1] < 0.97 * recorded.course[0]
    assert is_same(teacher.state_dict(), weights)  # buffers, too
    assert not teacher.training and all(parameter.grad is None for parameter in teacher.parameters())
    assert not any(part._forward_hooks for part in teacher.modules())
    assert inverted.isfinite().all() and not torch.equal(inverted, images)


def test_the_same_images_give_the_same_bits(teacher):
    torch.manual_seed(0)
    first = inversion(steps=5)(teacher, make_images())
    torch.manual_seed(1)
    assert torch.equal(inversion(steps=5)(teacher, make_images()), first)


def test_it_is_built_by_name_with_the_options_of_cifar_100():
    built = MODELS.build(dict(type='QuickDeepInversion'))
    assert (built.steps, built.learning_rate, built.feature_weight, built.variation_weight, built.norm_weight) == (
        500, 0.03, 0.2, 0.003, 0.003)


@pytest.mark.parametrize('options, message', [
    (dict(steps=0), 'steps=0 of QuickDeepInversion is too small; give 1 or more'),
    (dict(chunk_size=0), 'chunk_size=0 of QuickDeepInversion is too small; give 1 or more'),
    (dict(norm_weight=-0.1), r'norm_weight=-0.1 of QuickDeepInversion is too small; give 0 or more'),
])
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        QuickDeepInversion(**options)
