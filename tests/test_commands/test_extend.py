from types import SimpleNamespace

from test_engine.tiny_stream import write_config

import lhl.apis


def test_the_trackers_of_an_extension_are_those_that_were_named(tool, monkeypatch, tmp_path):
    given = []

    def extend(run, cfg, *others):
        given.append((run, [backend['type'] for backend in cfg.visualizer['vis_backends']], cfg.work_dir))
        return SimpleNamespace(phases=[], finished=True)

    monkeypatch.setattr(lhl.apis, 'extend_run', extend)
    monkeypatch.setattr('lhl.visualization.results_table', lambda results: 'the table')
    path = write_config(tmp_path / 'new_task.py', tmp_path)
    code, stdout, _ = tool('extend.py', 'old_run', '--config', path, '--work-dir', tmp_path / 'new', '--tracker',
                           'tensorboard', 'mlflow')
    assert code in (0, None)
    backends = ['LocalVisBackend', 'TensorboardVisBackend', 'MLflowVisBackend']
    assert given == [('old_run', backends, str(tmp_path / 'new'))]
    assert 'the table' in stdout and f'next: lhl predict {tmp_path / "new"}' in stdout
