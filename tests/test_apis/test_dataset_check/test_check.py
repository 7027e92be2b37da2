import json
import re
import runpy
import sys
from pathlib import Path

import pytest
from test_datasets.image_tasks import split_tasks
from test_engine.tiny_stream import ROOT

from lhl.apis import check_dataset
from lhl.apis.dataset_check.check import samples_to_show
from lhl.apis.dataset_check.reading import Reading
from lhl.apis.dataset_check.statistics import TargetStatistics
from lhl.synthetic.objects import CLASSES as SHAPES

from .rooms_on_disk import config, damage, objects_config


def test_nothing_is_wrong_with_good_data_and_three_files_say_so(root, tmp_path, with_picture):
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    assert report.problems == []
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'contact_sheet.png', 'report.json', 'report.md']
    assert json.loads((tmp_path / 'out/report.json').read_text()) == report.document()
    assert (tmp_path / 'out/report.md').read_text() == report.markdown() + '\n'
    assert '**No problem found.**' in report.markdown() and '(contact_sheet.png)' in report.markdown()
    assert report.axes.startswith('As expected')


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


def test_tasks_that_divide_the_classes_are_counted_by_their_own_and_shown_in_one_column(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr('lhl.apis.dataset_check.check.draw_contact_sheet',
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


@pytest.mark.parametrize('readable, shown', [
    (range(10), [0, 3, 6, 9]), (range(1, 10, 2), [1, 3, 7, 9]), ([2, 5], [2, 5]), ([7], [7]), ([], [])])
def test_four_readable_samples_with_the_most_targets_are_shown_evenly_spread(readable, shown):
    """The first ten have two targets, some of them with problems; ten more have one target."""
    target = TargetStatistics(1, 4, 4)
    readings = [Reading(number, f'{number}.png', [] if number in readable else [('target', 'broken')],
                        targets=dict(depth=target, normal=target)) for number in range(10)]
    readings += [Reading(number, f'{number}.png', targets=dict(depth=target)) for number in range(10, 20)]
    if not readable:
        del readings[10:]
    assert [reading.position for reading in samples_to_show(readings)] == shown


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
    assert printed.splitlines()[-2:] == ['report: there/report.md',
                                         'next: correct the files or mine.py, and check again']


def test_the_tool_says_in_one_sentence_that_there_is_no_config(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path / 'no.py') == 1
    assert re.fullmatch(r'error: config .*no\.py does not exist.*\n', capsys.readouterr().err)
