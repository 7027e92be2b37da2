import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from test_datasets.image_tasks import split_tasks
from test_engine.tiny_stream import STREAM

from lhl.apis import write_report
from lhl.apis.inference import load_learners
from lhl.apis.report import draw_predictions, spread_positions, view_of
from lhl.engine import read_checkpoint, write_checkpoint
from lhl.errors import RunError
from lhl.evaluation import Results
from lhl.tasks import build_tasks


def test_the_panel_has_every_task_of_every_run(finished, separate, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr('lhl.apis.report.draw_panel', lambda views, tasks, path: drawn.append((views, tasks)))
    table = write_report([separate, finished('Vanilla')[1]], tmp_path / 'report', num_views=2)
    assert 'SingleTask' in table and (tmp_path / 'report/curves.png').stat().st_size > 1000
    (views, tasks), = drawn
    assert len(views) == 2 and list(tasks) == list(STREAM)
    for view in views:
        assert list(view.targets) == list(STREAM)
        assert {name: set(of_run) for name, of_run in view.predictions.items()} == {
            'SingleTask': set(STREAM), 'Vanilla': set(STREAM)}
    # Each task is predicted by its own model.
    first = load_learners(separate)[-1]
    image = torch.from_numpy(views[0].image).permute(2, 0, 1)[None]
    logits = first(first.data_preprocessor(dict(inputs=image))['inputs'])['segmentation']
    assert (logits.argmax(1)[0].numpy() == views[0].predictions['SingleTask']['segmentation']).all()


def test_runs_are_called_as_compare_calls_them(finished, separate, tmp_path):
    run = finished('Vanilla')[1]
    table = write_report([run, separate], tmp_path, num_views=0, names={run / 'results.json': 'fine-tuning'})
    assert 'fine-tuning' in table and 'Vanilla' not in table and 'SingleTask' in table
    assert 'fine-tuning: final' in (tmp_path / 'table.md').read_text()
    with pytest.raises(RunError, match='nowhere is given a name, but is not among the runs'):
        write_report([run], tmp_path, names={tmp_path / 'nowhere': 'a'})


def test_without_views_there_is_no_panel(finished, tmp_path):
    write_report([finished('Vanilla')[1]], tmp_path, num_views=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['curves.png', 'table.md']


@pytest.mark.parametrize('length, count, positions', [
    (10, 2, [3, 6]), (9, 1, [4]), (100, 3, [25, 50, 74]), (1, 2, [0, 0])])
def test_views_are_spread_evenly_away_from_the_ends(length, count, positions):
    assert spread_positions(length, count) == positions


def test_nothing_to_report_is_refused(tmp_path):
    with pytest.raises(RunError, match='found no run to report'):
        write_report([], tmp_path / 'report')


def test_an_unfinished_run_is_refused_before_anything_is_written(finished, tmp_path):
    run = shutil.copytree(finished('Vanilla')[1], tmp_path / 'run')
    results = Results.load(run)
    del results.phases[2]
    results.save(run)
    with pytest.raises(RunError, match='has finished 2 of 3 phases; continue it with `resume=True`'):
        write_report([finished('Vanilla')[1], run], tmp_path / 'report')
    assert not (tmp_path / 'report').exists()


def test_runs_of_another_stream_or_data_are_refused(finished, tmp_path):
    first, run = finished('Vanilla')[1], shutil.copytree(finished('Vanilla')[1], tmp_path / 'run')
    path = run / 'phase3_normal/phase.safetensors'
    checkpoint = read_checkpoint(path)
    config = json.loads(checkpoint['lhl']['config'])
    config['val_dataloader']['dataset']['data_root'] = 'data/other'
    write_checkpoint({**checkpoint, 'lhl': {**checkpoint['lhl'], 'config': json.dumps(config)}}, path)
    with pytest.raises(RunError, match=rf'{run} was scored on other \(NYUv2, val\) for segmentation, but {first} on'):
        write_report([first, run], tmp_path / 'report')
    document = json.loads((run / 'results.json').read_text())
    del document['sha256']
    document['stream'][2] = document['phases'][2]['tasks'][0] = 'edges'
    document['higher_is_better']['edges'] = document['higher_is_better'].pop('normal')
    document['phases'][2]['metrics']['edges'] = document['phases'][2]['metrics'].pop('normal')
    (run / 'results.json').write_text(json.dumps(document))
    with pytest.raises(RunError, match='learned segmentation, depth, edges but .* learned segmentation, depth, normal'):
        write_report([first, run], tmp_path / 'report')


def test_each_set_shows_its_own_images_with_the_tasks_that_are_scored_on_it(monkeypatch, tmp_path):
    """Of ten images those with the numbers 3 and 6, of five those with 1 and 3."""
    cfg = Config(dict(
        tasks=dict(depth=dict(type='DepthEstimation'), normal=dict(type='SurfaceNormalEstimation')),
        val_dataloader=dict(dataset=dict(length=10)),
        phases=[dict(task='depth'), dict(task='normal', val_dataloader=dict(dataset=dict(length=5)))]))
    drawn = []
    monkeypatch.setattr('lhl.apis.report.DATASETS', SimpleNamespace(
        build=lambda config: [(number, *config['tasks']) for number in range(config['length'])]))
    monkeypatch.setattr('lhl.apis.report.load_learners', lambda run: [])
    monkeypatch.setattr('lhl.apis.report.view_of', lambda sample, tasks, learners: sample)
    monkeypatch.setattr('lhl.apis.report.draw_panel', lambda views, tasks, path: drawn.extend(views))
    draw_predictions(['run'], cfg, ['Vanilla'], tmp_path / 'panel.png', 2)
    assert drawn == [(3, 'depth'), (6, 'depth'), (1, 'normal'), (3, 'normal')]


def test_tasks_of_one_head_have_one_row_with_the_target_of_the_one_that_has_it(monkeypatch):
    tasks = build_tasks(split_tasks(6, 2))
    monkeypatch.setattr('lhl.apis.report.predict', lambda learner, images: {
        name: torch.full((1, 1, 1), number) for number, name in enumerate(tasks)})
    known = torch.full((1, 1), True)
    sample = dict(inputs=torch.zeros(3, 4, 4), targets={name: torch.full((1, 1), 3) for name in tasks},
                  valid={name: known if name == 'classes_2_3' else ~known for name in tasks})
    view = view_of(sample, tasks, {'Vanilla': [None]})
    assert list(view.targets) == list(view.predictions['Vanilla']) == ['classes']
    assert view.valid['classes'].all() and view.predictions['Vanilla']['classes'] == 1  # of the second task
