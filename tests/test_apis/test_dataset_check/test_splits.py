import shutil

import pytest
from test_datasets.conftest import write_nyuv2

from lhl.apis import check_dataset
from lhl.errors import ConfigError

from .rooms_on_disk import PIPELINE, TARGETS, TASKS, config, kinds, write_rooms


def nyuv2_config(root):
    cfg = config(root)
    for split, loader in (('train', cfg.train_dataloader), ('val', cfg.val_dataloader)):
        loader.dataset = dict(type='NYUv2', data_root=str(root), split=split, pipeline=PIPELINE)
    return cfg


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


def test_the_data_of_a_config_is_read_whatever_its_method(root, tmp_path):
    cfg = config(root)
    cfg.method = dict(type='MethodOfMyOwn')
    assert list(check_dataset(cfg, tmp_path / 'out', workers=0).splits) == ['train', 'val']


def test_a_data_set_that_does_not_exist_is_a_problem_too(root, tmp_path):
    cfg = config(root)
    cfg.train_dataloader.dataset.type = 'FolderDatset'
    report = check_dataset(cfg, tmp_path / 'out', workers=0)
    assert kinds(report) == ['data set'] and 'FolderDatset' in report.problems[0].sentence
    assert list(report.splits) == ['val']


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
    with pytest.raises(ConfigError, match="phase 4 names the unknown task 'edges'; known: depth, normal, segmentation"):
        check_dataset(cfg, tmp_path / 'out', workers=0)


def test_each_task_is_looked_for_in_the_validation_data_of_its_own_phase(root, tmp_path, rooms):
    """The other folder has no labels and no normals: were one validation set read for all tasks, they would lack."""
    other = write_rooms(tmp_path / 'other', rooms[::-1])
    (other / 'train.txt').write_text('2\n3\n')
    (other / 'val.txt').write_text('0\n')
    for folder in ('label', 'normal'):
        shutil.rmtree(other / folder)
    cfg = config(root)
    own = dict(dataset=dict(data_root=str(other), targets=dict(_delete_=True, depth=TARGETS['depth'])))
    cfg.phases[1] = dict(task='depth', train_dataloader=own, val_dataloader=own)
    cfg.val_dataloader.dataset.targets = {name: TARGETS[name] for name in ('segmentation', 'normal')}
    report = check_dataset(cfg, tmp_path / 'out', workers=0)
    assert {name: (split.images, list(split.targets)) for name, split in report.splits.items()} == {
        'train (segmentation, normal)': (4, ['segmentation', 'normal']), 'train (depth)': (2, ['depth']),
        'val (segmentation, normal)': (2, ['segmentation', 'normal']), 'val (depth)': (1, ['depth'])}
    assert report.problems == []


def test_a_phase_that_was_trained_elsewhere_is_only_looked_for_where_it_is_scored(root, tmp_path):
    """As in the config of an extended run: the old training images are not here, the last old task is not scored."""
    tasks = {name: TASKS[name] for name in ('segmentation', 'depth')}
    cfg = config(root, tasks=tasks)
    cfg.tasks.normal = cfg.tasks.edges = TASKS['normal']
    old = dict(dataset=dict(targets=dict(_delete_=True, normal=TARGETS['normal'])))
    cfg.phases = [dict(task='normal', trained_by='Vanilla', val_dataloader=old),
                  dict(task='edges', trained_by='Vanilla', val_dataloader=None), *cfg.phases]
    report = check_dataset(cfg, tmp_path / 'out', workers=0)
    assert report.problems == []
    assert {name: list(split.targets) for name, split in report.splits.items()} == {
        'train': ['segmentation', 'depth'], 'val (normal)': ['normal'],
        'val (segmentation, depth)': ['segmentation', 'depth']}


def test_data_that_is_trained_and_validated_on_alike_is_read_as_both(root, tmp_path):
    cfg = config(root)
    cfg.val_dataloader = cfg.train_dataloader
    report = check_dataset(cfg, tmp_path / 'out', workers=0)
    assert {name: split.images for name, split in report.splits.items()} == {'train': 4, 'val': 4}
    assert kinds(report) == ['in two splits'] * 4
