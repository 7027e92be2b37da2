import json
import shutil

import pytest
import torch
from test_engine.tiny_stream import STREAM

from lhl.apis import write_report
from lhl.apis.inference import load_learners
from lhl.apis.report import spread_positions
from lhl.engine import read_checkpoint, write_checkpoint
from lhl.errors import RunError
from lhl.evaluation import Results


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
    document['stream'][2] = document['phases'][2]['tasks'][0] = 'edges'
    document['higher_is_better']['edges'] = document['higher_is_better'].pop('normal')
    document['phases'][2]['metrics']['edges'] = document['phases'][2]['metrics'].pop('normal')
    (run / 'results.json').write_text(json.dumps(document))
    with pytest.raises(RunError, match='learned segmentation, depth, edges but .* learned segmentation, depth, normal'):
        write_report([first, run], tmp_path / 'report')
