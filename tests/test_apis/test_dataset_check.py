import copy
import json
import re
import runpy
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from test_datasets.conftest import write_nyuv2
from test_datasets.image_tasks import split_tasks
from test_engine.tiny_stream import ROOT

from lhl.apis import check_dataset
from lhl.apis.dataset_check.axes import CONVENTIONS, fit_axes, normals_of_depth
from lhl.apis.dataset_check.statistics import Moments, merge
from lhl.errors import ConfigError
from lhl.synthetic.objects import CLASSES as SHAPES
from lhl.synthetic.rooms import CLASSES, render
from lhl.tasks import build_tasks

SIZE = 48, 64
TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=13, classes=list(CLASSES)),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'))
TARGETS = dict(
    segmentation=dict(folder='label', invalid=255),
    depth=dict(folder='depth', scale=0.001, invalid=0),
    normal=dict(folder='normal', scale=2 / 255, offset=-1, invalid=0))
PIPELINE = [dict(type='RandomScaleCrop'), dict(type='RandomHorizontalFlip'), dict(type='PackSample')]


@pytest.fixture
def with_picture():
    """A test that asks for it gets the contact sheet, whose half a second is most of a run's time."""


@pytest.fixture(autouse=True)
def without_picture(request, monkeypatch):
    if 'with_picture' not in request.fixturenames:
        monkeypatch.setattr(sys.modules['lhl.apis.dataset_check'], 'draw_contact_sheet', lambda *arguments: None)


@pytest.fixture(scope='session')
def rooms():
    return [render(seed, *SIZE) for seed in range(6)]


def write_rooms(root, rooms):
    """Write rooms as pictures of their own encodings, four to train on and two to validate on."""
    for folder in ('images', 'label', 'depth', 'normal'):
        (root / folder).mkdir(parents=True)
    for number, view in enumerate(rooms):
        normals = np.where(view.measured[..., None], ((view.normal + 1) / 2 * 255).round(), 0).astype(np.uint8)
        pictures = dict(images=view.image[..., ::-1], label=np.where(view.labelled, view.label, 255).astype(np.uint8),
                        depth=(view.depth * view.measured * 1000).round().astype(np.uint16), normal=normals[..., ::-1])
        for folder, picture in pictures.items():
            assert cv2.imwrite(str(root / folder / f'{number}.png'), picture)
    (root / 'train.txt').write_text('0\n1\n2\n3\n')
    (root / 'val.txt').write_text('4\n5\n')
    return root


@pytest.fixture
def root(tmp_path, rooms):
    return write_rooms(tmp_path / 'mine', rooms)


def config(root, targets=TARGETS, tasks=TASKS, **options):
    loader = dict(dataset=dict(type='FolderDataset', data_root=str(root), targets=targets, pipeline=PIPELINE,
                               splits=dict(train='train.txt', val='val.txt'), **options))
    cfg = Config(dict(tasks=tasks, phases=[dict(task=name) for name in tasks], train_dataloader=loader,
                      val_dataloader=copy.deepcopy(loader)))
    cfg.train_dataloader.dataset.split, cfg.val_dataloader.dataset.split = 'train', 'val'
    return cfg


def nyuv2_config(root):
    cfg = config(root)
    for split, loader in (('train', cfg.train_dataloader), ('val', cfg.val_dataloader)):
        loader.dataset = dict(type='NYUv2', data_root=str(root), split=split, pipeline=PIPELINE)
    return cfg


def kinds(report):
    return [problem.kind for problem in report.problems]


def picture(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


# ---- what is found ---------------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_good_data_and_three_files_say_so(root, tmp_path, with_picture):
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    assert report.problems == []
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'contact_sheet.png', 'report.json', 'report.md']
    assert json.loads((tmp_path / 'out/report.json').read_text()) == report.document()
    assert (tmp_path / 'out/report.md').read_text() == report.markdown() + '\n'
    assert '**No problem found.**' in report.markdown() and '(contact_sheet.png)' in report.markdown()
    assert report.axes.startswith('As expected')


def damage(root):
    """Plant problems of all kinds, and give the words that name each."""
    (root / 'depth/0.png').write_bytes((root / 'depth/0.png').read_bytes()[:-30])
    label = picture(root / 'label/0.png')
    label[3, 4] = 77
    cv2.imwrite(str(root / 'label/0.png'), label)
    (root / 'images/1.png').write_bytes(b'not a picture')
    cv2.imwrite(str(root / 'normal/2.png'), picture(root / 'normal/2.png')[1:])
    np.save(root / 'depth/5.npy', np.array([dict()], dtype=object), allow_pickle=True)
    (root / 'depth/5.png').unlink()
    shutil.copy(root / 'images/3.png', root / 'images/4.png')
    return [('target', 'depth/0.png', 'truncated'), ('target', 'label/0.png', 'label 77'),
            ('image', 'images/1.png', 'not an image'), ('target', 'normal/2.png', r'\(47, 64, 3\)'),
            ('target', 'depth/5.npy', 'pickled'), ('in two splits', 'images/4.png', 'images/3.png.*the same pixels')]


@pytest.mark.parametrize('workers', [0, 2])
def test_all_problems_of_all_kinds_are_found_in_one_run(root, tmp_path, workers):
    planted = damage(root)
    report = check_dataset(config(root), tmp_path / 'out', workers)
    for kind, path, words in planted:
        found = [problem for problem in report.problems if problem.kind == kind and path in problem.sentence]
        assert len(found) == 1 and re.search(words, found[0].sentence)
        assert found[0].sentence in report.markdown()
    assert len(report.problems) == len(planted)
    assert [report.splits[split].unreadable for split in ('train', 'val')] == [3, 1]
    # What is good of a damaged sample counts: image 1 is lost with its targets, of image 0 only the normals are left.
    assert {task: numbers['images'] for task, numbers in report.splits['train'].targets.items()} == dict(
        segmentation=2, depth=2, normal=2)


def test_an_error_that_nobody_foresaw_is_one_more_line(root, tmp_path, monkeypatch):
    from lhl.datasets import FolderDataset
    original = FolderDataset.load_target

    def load_target(self, sample, task):
        if (sample, task.name) == ('2', 'depth'):
            raise ZeroDivisionError('oh')
        return original(self, sample, task)
    monkeypatch.setattr(FolderDataset, 'load_target', load_target)
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    problem, = report.problems
    assert 'depth/2.png' in problem.sentence and 'ZeroDivisionError: oh' in problem.sentence


def test_a_task_whose_files_cannot_be_listed_is_named_and_the_others_are_read(tmp_path):
    root = write_nyuv2(tmp_path / 'nyuv2', count=3)
    shutil.rmtree(root / 'train/depth')
    (root / 'train/normal/1.npy').unlink()
    report = check_dataset(nyuv2_config(root), tmp_path / 'out', workers=0)
    listed = [problem for problem in report.problems if problem.kind == 'data set']
    assert len(listed) == 2 and all(problem.split == 'train' for problem in listed)
    assert "train/depth' is missing" in listed[0].sentence and "train/normal/1.npy' is missing" in listed[1].sentence
    assert list(report.splits['train'].targets) == ['segmentation'] and report.splits['train'].images == 3
    assert list(report.splits['val'].targets) == list(TASKS)


def test_a_missing_data_root_is_said_once_per_split_and_leaves_no_picture(tmp_path, with_picture):
    report = check_dataset(config(tmp_path / 'nowhere'), tmp_path / 'out', workers=0)
    assert kinds(report) == ['data set'] * 2 and [problem.split for problem in report.problems] == ['train', 'val']
    assert not (tmp_path / 'out/contact_sheet.png').exists() and (tmp_path / 'out/report.md').exists()


def test_a_data_set_that_does_not_exist_is_a_problem_too(root, tmp_path):
    cfg = config(root)
    cfg.train_dataloader.dataset.type = 'FolderDatset'
    report = check_dataset(cfg, tmp_path / 'out', workers=0)
    assert kinds(report) == ['data set'] and 'FolderDatset' in report.problems[0].sentence
    assert list(report.splits) == ['val']


def test_a_task_without_any_valid_pixel_is_a_problem(root, tmp_path):
    for path in (root / 'depth').iterdir():
        cv2.imwrite(str(path), np.zeros(SIZE, np.uint16))
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    assert kinds(report) == ['no target', 'no target']
    assert 'no pixel of any image has a valid target for depth' in report.problems[0].sentence


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


# ---- statistics ------------------------------------------------------------------------------------------------


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


@given(st.lists(st.lists(st.floats(-1e3, 1e3), max_size=30), min_size=1, max_size=6))
def test_moments_of_parts_add_up_to_those_of_the_whole(parts):
    total = None
    for part in parts:
        total = merge(total, Moments.of(np.array(part).reshape(-1, 1) + 1e6))
    values = np.concatenate([np.array(part) for part in parts]) + 1e6
    if not values.size:
        assert total is None
        return
    np.testing.assert_allclose(total.mean, values.mean(), rtol=1e-12)
    np.testing.assert_allclose(total.std, values.std(), atol=1e-6)
    assert (total.count, total.low[0], total.high[0]) == (values.size, values.min(), values.max())


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


# ---- axes ------------------------------------------------------------------------------------------------------


def test_every_permutation_and_sign_of_the_axes_is_recognised(rooms):
    whole = sum((fit_axes(view.depth, view.normal, view.measured) for view in rooms[1:]),
                start=fit_axes(rooms[0].depth, rooms[0].normal, rooms[0].measured))
    assert whole.best == 0 and whole.mean_angle(0) < 15
    view = rooms[0]
    for number, (order, signs) in enumerate(CONVENTIONS):
        stored = np.zeros_like(view.normal)
        for axis in range(3):
            stored[..., order[axis]] = signs[axis] * view.normal[..., axis]
        assert fit_axes(view.depth, stored, view.measured).best == number


def test_a_plane_has_its_own_normal_everywhere():
    height, width = 48, 64
    focal = width / 2 / np.tan(np.radians(30))
    normal = np.array([0.3, -0.5, -0.8]) / np.linalg.norm([0.3, -0.5, -0.8])
    rows, columns = np.mgrid[:height, :width]
    rays = np.stack([(columns - 31.5) / focal, (rows - 23.5) / focal, np.ones((height, width))], axis=-1)
    depth = -2 / (rays @ normal)
    found, usable = normals_of_depth(depth, depth > 0)
    assert usable[2:-2, 2:-2].mean() > 0.9
    np.testing.assert_allclose(found[usable], np.broadcast_to(normal, found[usable].shape), atol=1e-9)


def test_a_wall_in_front_of_the_camera_speaks_against_no_turn_about_the_optical_axis():
    depth, normal = np.full(SIZE, 2.0), np.broadcast_to([0.0, 0.0, -1.0], (*SIZE, 3))
    assert fit_axes(depth, normal, np.full(SIZE, True)).best == 0


def test_too_few_valid_pixels_say_nothing():
    valid = np.zeros(SIZE, bool)
    valid[10:15, 10:15] = True
    assert fit_axes(np.full(SIZE, 2.0), np.ones((*SIZE, 3)), valid) is None


def test_a_planted_flip_is_a_problem_and_its_cure_is_one(root, tmp_path):
    """Normals with y up and z towards the viewer, red and blue swapped: x = 3rd, y = -2nd, z = -1st component."""
    for path in (root / 'normal').iterdir():
        stored = picture(path)[..., ::-1]
        flipped = np.where(stored.any(-1, keepdims=True), np.stack(
            [255 - stored[..., 2], 255 - stored[..., 1], stored[..., 0]], axis=-1), 0)
        cv2.imwrite(str(path), np.ascontiguousarray(flipped[..., ::-1]))
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


# ---- which data ------------------------------------------------------------------------------------------------


def test_phases_with_data_of_their_own_are_read_each_for_its_tasks(root, tmp_path, rooms):
    other = write_rooms(tmp_path / 'other', rooms[::-1])
    (other / 'train.txt').write_text('2\n')
    cfg = config(root)
    cfg.phases[1] = dict(task='depth', train_dataloader=dict(dataset=dict(data_root=str(other))))
    report = check_dataset(cfg, tmp_path / 'out', workers=0)
    assert {name: list(split.targets) for name, split in report.splits.items()} == {
        'train (segmentation, normal)': ['segmentation', 'normal'], 'train (depth)': ['depth'],
        'val': ['segmentation', 'depth', 'normal']}
    assert [split.images for split in report.splits.values()] == [4, 1, 2]


def test_the_images_are_not_divided_among_the_phases_unless_the_config_does(root, tmp_path):
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    assert report.splits['train'].images == 4
    divided = check_dataset(config(root, part=dict(index=0, count=2)), tmp_path / 'out', workers=0)
    assert [(split.images, split.left_out) for split in divided.splits.values()] == [(2, 2), (1, 1)]


@pytest.mark.parametrize('section', ['tasks', 'phases', 'train_dataloader', 'val_dataloader'])
def test_a_config_without_data_is_refused(root, tmp_path, section):
    cfg = config(root)
    cfg.pop(section)
    with pytest.raises(ConfigError, match=f"the config has no '{section}'"):
        check_dataset(cfg, tmp_path / 'out', workers=0)


def test_a_phase_of_an_unknown_task_is_refused(root, tmp_path):
    cfg = config(root)
    cfg.phases.append(dict(task='edges'))
    with pytest.raises(ConfigError, match="phase 4 names the unknown task 'edges'"):
        check_dataset(cfg, tmp_path / 'out', workers=0)


# ---- the tool --------------------------------------------------------------------------------------------------


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['check_dataset.py', *map(str, arguments), '--workers', '0'])
    try:
        runpy.run_path(str(ROOT / 'tools/check_dataset.py'), run_name='__main__')
    except SystemExit as end:
        return end.code
    return 0


def test_the_tool_prints_the_report_and_exits_with_1_if_something_is_wrong(root, tmp_path, monkeypatch, capsys,
                                                                               with_picture):
    config(root).dump(tmp_path / 'mine.py')
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, 'mine.py') == 0
    assert '**No problem found.**' in capsys.readouterr().out
    assert Path('work_dirs/check/mine/report.md').exists()
    damage(root)
    assert run(monkeypatch, 'mine.py', '--out', 'there') == 1
    printed = capsys.readouterr().out
    assert '**6 problems** (target 4, image 1, in two splits 1)' in printed
    assert printed.strip().endswith('there/report.md')


def test_the_tool_says_in_one_sentence_that_there_is_no_config(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path / 'no.py') == 1
    assert re.fullmatch(r'error: config .*no\.py does not exist.*\n', capsys.readouterr().err)


# ---- images with one class each --------------------------------------------------------------------------------


def objects_config(tasks, **options):
    loader = dict(dataset=dict(dict(type='SynthObjects', images_per_class=3, part=None, pipeline=PIPELINE), **options))
    cfg = Config(dict(tasks=tasks, phases=[dict(task=name) for name in tasks], train_dataloader=loader,
                      val_dataloader=copy.deepcopy(loader)))
    cfg.train_dataloader.dataset.split, cfg.val_dataloader.dataset.split = 'train', 'val'
    return cfg


def test_tasks_that_divide_the_classes_are_counted_by_their_own_and_shown_in_one_column(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(sys.modules['lhl.apis.dataset_check'], 'draw_contact_sheet',
                        lambda samples, tasks, path: drawn.append((samples, tasks)))
    report = check_dataset(objects_config(split_tasks(10, 2)), tmp_path, workers=0)
    assert report.problems == report.notes == []
    assert report.splits['train'].targets['classes_4_5'] == dict(
        images=6, without=24, valid=0.2, classes={'4 class 4': dict(images=3), '5 class 5': dict(images=3)})
    assert '| class     | train: images | val: images |' in report.markdown()
    (samples, tasks), = drawn
    assert list(tasks) == ['classes']
    labels = [sample['targets']['classes'].item() for sample in samples.values()]
    assert all(sample['valid']['classes'].all() for sample in samples.values())
    assert [f'{SHAPES[label]}_' in name for label, name in zip(labels, samples, strict=True)] == [True] * 8


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
