from lhl.engine import train_stream
from lhl.evaluation import Results
from test_engine.tiny_stream import stream_config, write_data


def test_each_task_has_the_metrics_of_its_own_data_set(tmp_path, data_root, finished):
    """The first two tasks are scored on the first data set as in a run that knows no other."""
    _, run = finished('HAD')
    cfg = stream_config(tmp_path / 'config.py', data_root, tmp_path / 'run', 'HAD')
    other = write_data(tmp_path / 'other', per_phase=1, val=3)
    cfg.phases = [dict(task='segmentation'), dict(task='depth'),
                  dict(task='normal', val_dataloader=dict(dataset=dict(data_root=str(other))))]
    results = train_stream(cfg)
    one = Results.load(run)
    assert results.phases[2].weights_sha256 == one.phases[2].weights_sha256
    assert results.phases[1].metrics == one.phases[1].metrics
    assert list(results.phases[2].metrics) == ['segmentation', 'depth', 'normal']
    assert {name: results.phases[2].metrics[name] == one.phases[2].metrics[name]
            for name in one.stream} == dict(segmentation=True, depth=True, normal=False)


def test_a_run_without_validation_data_trains_and_scores_nothing(tmp_path, data_root):
    cfg = stream_config(tmp_path / 'config.py', data_root, tmp_path / 'run', 'HAD')
    cfg.phases = [dict(task=name, val_dataloader=None) for name in ('segmentation', 'depth', 'normal')]
    results = train_stream(cfg)
    assert [phase.metrics for phase in results.phases] == [
        dict(segmentation={}), dict(segmentation={}, depth={}), dict(segmentation={}, depth={}, normal={})]
