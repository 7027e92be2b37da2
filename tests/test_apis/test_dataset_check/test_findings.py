import json
import re
import shutil

import cv2
import numpy as np
import pytest
from test_datasets.conftest import write_nyuv2
from test_datasets.image_tasks import split_tasks

from lhl.apis import check_dataset
from lhl.apis.dataset_check.axes import CONVENTIONS, AxisFit, describe
from lhl.apis.dataset_check.findings import look_at_axes, look_at_scale
from lhl.apis.dataset_check.reading import Reading
from lhl.apis.dataset_check.report import Report
from lhl.apis.dataset_check.splits import Split
from lhl.apis.dataset_check.statistics import Moments
from lhl.datasets import NYUv2
from lhl.synthetic.rooms import CLASSES
from lhl.tasks import build_tasks

from .rooms_on_disk import SIZE, TARGETS, config, kinds, objects_config, picture


def test_a_task_without_any_valid_pixel_is_a_problem(root, tmp_path):
    for path in (root / 'depth').iterdir():
        cv2.imwrite(str(path), np.zeros(SIZE, np.uint16))
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    assert kinds(report) == ['no target', 'no target']
    assert 'no pixel of any image has a valid target for depth' in report.problems[0].sentence
    assert {key: report.splits['train'].targets['depth'][key] for key in ('images', 'without', 'valid')} == dict(
        images=0, without=4, valid=0)


def test_what_may_be_meant_so_is_only_noted(root, tmp_path):
    (root / 'label/0.png').unlink()
    for folder in TARGETS.values():
        path = root / folder['folder'] / '1.png'
        cv2.imwrite(str(path), picture(path)[:30])
    cv2.imwrite(str(root / 'images/1.png'), np.zeros((30, 64, 3), np.uint8))
    shutil.copy(root / 'images/2.png', root / 'images/3.png')
    targets = dict(TARGETS, depth=dict(TARGETS['depth'], scale=1))
    report = check_dataset(config(root, targets), tmp_path / 'out', workers=0)
    notes = '\n'.join(report.notes)
    assert report.problems == []
    assert 'train: images without a valid pixel for segmentation: 1 of 4' in notes
    assert 'train: the images have 2 sizes' in notes and 'images/1.png' in notes
    assert 'images that repeat the pixels of another one of their split: 1' in notes
    assert re.search(r'train: depth goes up to \d+ m, as if it were stored in millimetres', notes)
    assert report.splits['train'].sizes == {'48 x 64': 3, '30 x 64': 1}


def test_a_class_that_no_image_has_is_noted_and_a_task_without_images_is_a_problem(tmp_path):
    """The first fifth of ten images, one of each class, are those of the classes 2 and 8."""
    few = dict(type='ImageClassification', num_classes=10, labels=[0, 9], head='classes')
    cfg = objects_config(dict(split_tasks(10, 2), few=few), images_per_class=1)
    cfg.val_dataloader.dataset.part = dict(index=0, count=5)
    report = check_dataset(cfg, tmp_path, workers=0)
    assert [(problem.kind, problem.split, problem.sentence.split(';')[0]) for problem in report.problems] == [
        ('no target', 'val', f'no image is of a class of {task}')
        for task in ('classes_0_1', 'classes_4_5', 'classes_6_7', 'few')]
    assert [note for note in report.notes if 'these classes' in note] == [
        'val: no image has these classes of classes_2_3: 3 class 3',
        'val: no image has these classes of classes_8_9: 9 class 9']


def test_statistics_are_those_of_numpy_over_all_pixels_and_no_augmentation(root, tmp_path):
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    for split, numbers in (('train', range(4)), ('val', (4, 5))):
        depth = np.stack([picture(root / f'depth/{number}.png') for number in numbers]) / 1000
        found, known = report.splits[split].targets['depth'], depth[depth > 0]
        expected = dict(mean=known.mean(), std=known.std(), low=known.min(), high=known.max())
        for key, number in expected.items():
            np.testing.assert_allclose(found[key], [number], rtol=1e-6)
        assert found['valid'] == (depth > 0).mean() and found['images'] == len(numbers) and found['without'] == 0
        label = np.stack([picture(root / f'label/{number}.png') for number in numbers])
        for index, name in enumerate(CLASSES):
            share = report.splits[split].targets['segmentation']['classes'][f'{index} {name}']
            assert share['pixels'] == pytest.approx((label == index).sum() / (label < 255).sum())
            assert share['images'] == (label == index).any(axis=(1, 2)).sum()


def test_the_config_line_can_be_pasted_and_keeps_the_other_options(root, tmp_path):
    tasks = dict(depth=dict(type='DepthEstimation', std=5.0, metrics=[dict(type='LossMetric')]))
    report = check_dataset(config(root, tasks=tasks), tmp_path / 'out', workers=0)
    pasted = {}
    block, = re.findall('```python\n(.*?)```', report.markdown(), re.DOTALL)
    exec(block, pasted)  # noqa: S102
    depth = np.stack([picture(root / f'depth/{number}.png') for number in range(4)]) / 1000
    task = build_tasks(pasted['tasks'])['depth']
    known = depth[depth > 0]
    np.testing.assert_allclose([task.mean[0], task.std[0]], [known.mean(), known.std()], rtol=1e-3)
    assert pasted['tasks']['depth']['metrics'] == [dict(type='LossMetric')]
    assert any('configured with mean=0 and std=5' in note for note in report.notes)


def flip(path):
    """Store normals with y up and z towards the viewer, red and blue swapped: x = 3rd, y = -2nd, z = -1st."""
    stored = picture(path)[..., ::-1]
    flipped = np.where(stored.any(-1, keepdims=True), np.stack(
        [255 - stored[..., 2], 255 - stored[..., 1], stored[..., 0]], axis=-1), 0)
    cv2.imwrite(str(path), np.ascontiguousarray(flipped[..., ::-1]))


def test_a_planted_flip_is_a_problem_and_its_cure_is_one(root, tmp_path):
    for path in (root / 'normal').iterdir():
        flip(path)
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    problem, = report.problems
    assert problem.kind == 'axes' and 'x = 3rd, y = -2nd, z = -1st' in problem.sentence
    cure = re.search(r'set targets\.normal to channels=(.*), scale=(.*), offset=(.*)$', problem.sentence).groups()
    channels, scale, offset = map(json.loads, cure)
    targets = dict(TARGETS, normal=dict(TARGETS['normal'], channels=channels, scale=scale, offset=offset))
    cured = check_dataset(config(root, targets), tmp_path / 'out', workers=0)
    assert cured.problems == [] and cured.axes.startswith('As expected')


def test_normals_of_other_images_fit_under_no_axes(root, tmp_path):
    generator = np.random.default_rng(0)
    for path in (root / 'normal').iterdir():
        normals = generator.normal(size=(*SIZE, 3))
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        cv2.imwrite(str(path), ((normals + 1) / 2 * 255).round().astype(np.uint8))
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    assert kinds(report) == ['axes'] and 'fit the depth under no axes' in report.problems[0].sentence


def test_an_image_that_is_trained_and_validated_on_is_in_two_splits_with_itself(root, tmp_path):
    (root / 'val.txt').write_text('3\n4\n5\n')
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    problem, = report.problems
    assert (problem.kind, problem.split) == ('in two splits', 'train and val')
    assert problem.sentence.startswith(f"'{root / 'images/3.png'}' is in both, so")


def test_unreadable_images_are_no_duplicates(root, tmp_path):
    for number in (0, 1, 5):
        (root / f'images/{number}.png').write_bytes(b'not a picture')
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    assert kinds(report) == ['image'] * 3 and not [note for note in report.notes if 'repeat' in note]


def test_phases_may_share_images_and_repeated_ones_are_counted_within_each_split(root, tmp_path):
    """Two phases read the same training images in other encodings, one of them twice: no image repeats itself."""
    shutil.copy(root / 'images/0.png', root / 'images/1.png')
    cfg = config(root)
    cfg.phases[1] = dict(task='depth', train_dataloader=dict(dataset=dict(targets=dict(depth=dict(scale=0.01)))))
    report = check_dataset(cfg, tmp_path / 'out', workers=0)
    assert report.problems == [] and list(report.splits) == ['train (segmentation, normal)', 'train (depth)', 'val']
    note, = [note for note in report.notes if 'repeat' in note]
    assert note == ('images that repeat the pixels of another one of their split: 2, such as '
                    f"'{root / 'images/1.png'}', the same as '{root / 'images/0.png'}'")


def test_a_validation_image_with_the_pixels_of_a_training_image_is_named_with_both_paths(root, tmp_path):
    shutil.copy(root / 'images/5.png', root / 'images/0.png')
    shutil.copy(root / 'images/5.png', root / 'images/4.png')
    problem, = check_dataset(config(root), tmp_path / 'out', workers=0).problems
    assert problem.sentence.startswith(
        f"'{root / 'images/0.png'}' and '{root / 'images/4.png'}' have the same pixels, so")


def test_each_split_has_axes_of_its_own(root, tmp_path):
    """The right axes of four training images do not outvote the wrong ones of two validation images."""
    for number in (4, 5):
        flip(root / f'normal/{number}.png')
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    problem, = report.problems
    assert (problem.kind, problem.split) == ('axes', 'val') and 'x = 3rd, y = -2nd, z = -1st' in problem.sentence
    train, val = report.axes.split('\n\n')
    assert train.startswith('train: As expected') and val.startswith('val: Stored otherwise')


@pytest.mark.parametrize('mean, std, is_far', [
    (0.0, 1.0, True), (1.0, 1.0, False), (1.0, 1.9, False), (1.0, 2.1, True), (1.0, 0.49, True), (1.9, 1.0, False),
    (2.1, 1.0, True)])
def test_a_task_is_far_from_its_images_beyond_one_deviation_or_a_factor_of_two(mean, std, is_far):
    """Of targets with mean 1 and standard deviation 1; only the mean may be one deviation away."""
    is_far = is_far and mean != 0.0
    task = build_tasks(dict(depth=dict(type='DepthEstimation', mean=mean, std=std)))['depth']
    report = Report('mine')
    look_at_scale(report, task, dict(type='DepthEstimation'), Moments.of(np.array([[0.0], [2.0]])))
    assert report.config_lines == ["depth=dict(type='DepthEstimation', mean=1.0, std=1.0)"]
    assert bool(report.notes) == is_far


@pytest.mark.parametrize('type_name, targets', [
    ('DepthEstimation', np.full((5, 1), 3.0)), ('SurfaceNormalEstimation', np.array([[0, 0.6, 0.8], [0, 0.8, 0.6]]))])
def test_a_channel_of_one_value_is_noted_and_gives_no_config_line(type_name, targets):
    report = Report('mine')
    task = build_tasks(dict(mine=dict(type=type_name)))['mine']
    look_at_scale(report, task, dict(type=type_name), Moments.of(targets))
    assert report.notes == ['a channel of all targets of mine has one value; there is nothing to learn in it']
    assert report.config_lines == []


def test_only_training_images_decide_the_statistics_of_a_task(root, tmp_path):
    """The validation images lie ten times as far."""
    for number in (4, 5):
        cv2.imwrite(str(root / f'depth/{number}.png'), picture(root / f'depth/{number}.png') * 10)
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    depth = np.stack([picture(root / f'depth/{number}.png') for number in range(4)]) / 1000
    line, = [line for line in report.config_lines if line.startswith('depth=')]
    assert f'mean={float(f"{depth[depth > 0].mean():.4g}")!r}' in line


@pytest.mark.parametrize('farthest, is_noted', [(999.0, False), (1001.0, True)])
def test_depth_beyond_a_kilometre_is_noted(root, tmp_path, farthest, is_noted):
    depth = np.full(SIZE, 500.0, np.float32)
    depth[0, 0] = farthest
    for number in range(6):
        (root / f'depth/{number}.png').unlink()
        np.save(root / f'depth/{number}.npy', depth)
    targets = dict(TARGETS, depth=dict(folder='depth'))
    notes = check_dataset(config(root, targets), tmp_path / 'out', workers=0).notes
    assert any('as if it were stored in millimetres' in note for note in notes) == is_noted


def test_images_of_one_colour_are_noted(root, tmp_path):
    cv2.imwrite(str(root / 'images/2.png'), np.full((*SIZE, 3), 7, np.uint8))
    only_red = picture(root / 'images/1.png')
    only_red[..., :2] = 0
    cv2.imwrite(str(root / 'images/1.png'), only_red)
    notes = check_dataset(config(root), tmp_path / 'out', workers=0).notes
    assert [note for note in notes if 'one colour' in note] == [
        f"train: images of one colour only: 1, such as '{root / 'images/2.png'}'"]


@pytest.mark.parametrize('angle, fits', [(44.9, True), (45.1, False)])
def test_beyond_45_degrees_no_axes_fit(angle, fits):
    degrees = np.full(48, 90.0)
    degrees[0] = angle
    report = Report('mine')
    look_at_axes(report, {}, {'train': [Reading(0, 'a.png', axes=AxisFit(degrees * 100, 100))]})
    assert report.axes.startswith('As expected' if fits else 'Under no axes') and bool(report.problems) == (not fits)
    assert f'on average {angle} degrees' in report.axes


class DenseDatasetWithoutTasks:
    tasks = {}


def test_axes_of_files_that_lhl_cannot_read_otherwise_are_to_be_stored_otherwise(tmp_path):
    root = write_nyuv2(tmp_path / 'nyuv2', count=1)
    tasks = dict(normal=dict(type='SurfaceNormalEstimation'))
    dataset = NYUv2(root, 'train', tasks, [])
    degrees = np.full(48, 90.0)
    degrees[CONVENTIONS.index(((2, 1, 0), (1, -1, -1)))] = 3.0
    report = Report('mine')
    look_at_axes(report, {'train': Split(True, dataset)}, {
        'train': [Reading(0, 'a.png', axes=AxisFit(degrees * 100, 100)), Reading(1, 'b.png')]})
    problem, = report.problems
    assert problem.sentence.endswith('store components [2, 1, 0] of them, counted from 0, times [1, -1, -1]')


@pytest.mark.parametrize('convention', [1, 7, 8, 47])
def test_every_other_convention_is_a_problem(convention):
    degrees = np.full(48, 90.0)
    degrees[convention] = 3.0
    report = Report('mine')
    look_at_axes(report, {'train': Split(True, DenseDatasetWithoutTasks())}, {
        'train': [Reading(0, 'a.png', axes=AxisFit(degrees * 100, 100))]})
    assert [problem.kind for problem in report.problems] == ['axes'] and report.axes.startswith('Stored otherwise')
    assert f'({describe(convention)} component: on average 3.0 degrees from those of the depth, instead of 90.0)' in (
        report.problems[0].sentence)


def test_without_depth_or_normals_nothing_is_said_about_axes():
    report = Report('mine')
    look_at_axes(report, {}, {'train': [Reading(0, 'a.png')]})
    assert report.axes == '' and report.problems == []
