import importlib.machinery
import json
import sys
import types

import pytest
from mmengine.config import Config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lhl.errors import ConfigError
from lhl.progress import add_trackers, missing_packages, without_trackers
from lhl.progress.trackers import Trackers


def config(folder, *backends):
    (folder / 'run').mkdir(exist_ok=True)
    return Config(dict(work_dir=str(folder / 'run'), method=dict(type='HAD'), randomness=dict(seed=3),
                       visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend'), *backends])))


def write(cfg, *points):
    trackers = Trackers(cfg)
    trackers.open()
    for step, loss in points:
        trackers.add({'loss': loss}, step)
    trackers.close()


@pytest.fixture
def package(monkeypatch):
    """Put a stand-in in the place of a package."""
    def put(name, **content):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
        return module
    return put


def test_an_option_of_the_command_line_adds_a_backend_once():
    cfg = Config(dict(visualizer=dict(type='Visualizer', vis_backends=[
        dict(type='LocalVisBackend'), dict(type='WandbVisBackend', init_kwargs=dict(project='mine'))])))
    add_trackers(cfg, ['wandb', 'tensorboard', 'tensorboard'])
    assert [backend['type'] for backend in cfg.visualizer.vis_backends] == [
        'LocalVisBackend', 'WandbVisBackend', 'TensorboardVisBackend']
    assert cfg.visualizer.vis_backends[1]['init_kwargs'] == dict(project='mine')
    bare = Config(dict(a=1))
    add_trackers(bare, ['mlflow'])
    assert bare.visualizer.to_dict() == dict(type='Visualizer', vis_backends=[
        dict(type='LocalVisBackend'), dict(type='MLflowVisBackend')])


def test_a_phase_opens_only_what_is_its_own():
    visualizer = dict(type='Visualizer', vis_backends=[
        dict(type='TensorboardVisBackend'), dict(type='LocalVisBackend')])
    assert without_trackers(visualizer) == dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
    assert without_trackers(None) is None and without_trackers(dict(type='Visualizer')) == dict(type='Visualizer')


def test_a_missing_package_is_named_with_its_installation(monkeypatch, package):
    monkeypatch.setattr('lhl.progress.trackers.find_spec', lambda name: None if name == 'wandb' else object())
    sentence, = missing_packages(dict(vis_backends=[dict(type='TensorboardVisBackend'), dict(type='WandbVisBackend')]))
    assert 'WandbVisBackend' in sentence and 'run `pip install wandb`' in sentence
    assert not list(missing_packages(None)) and not list(missing_packages(dict(vis_backends=['odd'])))


def test_tensorboard_has_one_curve_that_a_resumed_run_goes_on_with(tmp_path):
    cfg = config(tmp_path, dict(type='TensorboardVisBackend'))
    write(cfg, (10, 2.0), (20, 1.5))
    write(cfg, (30, 1.0))
    events = EventAccumulator(str(tmp_path / 'run/tensorboard'))
    events.Reload()
    assert [(point.step, point.value) for point in events.Scalars('loss')] == [(10, 2.0), (20, 1.5), (30, 1.0)]


def test_weights_and_biases_goes_on_with_its_run_and_gets_the_steps(tmp_path, package):
    begun, logged = [], []
    package('wandb', init=lambda **options: begun.append(options), finish=lambda: logged.append('end'),
            log=lambda scalars, step: logged.append((step, scalars['loss'])))
    cfg = config(tmp_path, dict(type='WandbVisBackend', init_kwargs=dict(project='rooms')))
    write(cfg, (10, 2.0))
    write(cfg, (20, 1.5))
    assert logged == [(10, 2.0), 'end', (20, 1.5), 'end']
    first, second = begun
    assert (first['project'], first['name'], first['resume']) == ('rooms', 'run', 'allow')
    assert first['id'] == second['id'] == json.loads((tmp_path / 'run/trackers.json').read_text())['wandb']
    assert first['config']['method'] == dict(type='HAD')


def test_mlflow_goes_on_with_its_run(tmp_path, package, monkeypatch):
    import os
    calls = []

    class Run:
        def __init__(self):
            self.info = types.SimpleNamespace(run_id=os.environ.pop('MLFLOW_RUN_ID', 'new'))
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    package('mlflow', set_tracking_uri=calls.append, get_experiment_by_name=lambda name: None,
            create_experiment=lambda *a, **k: None, set_experiment=lambda name: None, set_tag=lambda *a: None,
            log_params=calls.append, active_run=Run, log_metrics=lambda scalars, step: calls.append((step, scalars)),
            end_run=lambda: calls.append('end'), MlflowException=Exception)
    cfg = config(tmp_path, dict(type='MLflowVisBackend'))
    write(cfg, (10, 2.0))
    assert calls == [f'sqlite:///{tmp_path / "run/mlflow/mlflow.db"}', dict(method='HAD', seed=3),
                     (10, {'loss': 2.0}), 'end']
    (tmp_path / 'run/trackers.json').write_text('{"mlflow": "of before"}')
    write(cfg, (20, 1.0))
    assert json.loads((tmp_path / 'run/trackers.json').read_text()) == {'mlflow': 'of before'}
    assert 'MLFLOW_RUN_ID' not in os.environ


def test_a_tracker_that_cannot_be_opened_is_said_in_a_sentence(tmp_path, package):
    def refuse(**options):
        raise RuntimeError('no network')
    package('wandb', init=refuse)
    with pytest.raises(ConfigError, match='the tracker wandb cannot be opened .*no network.*train without it'):
        Trackers(config(tmp_path, dict(type='WandbVisBackend'))).open()


def test_a_tracker_that_fails_later_is_said_once_and_left(tmp_path, package, capsys):
    def fail(scalars, step):
        raise RuntimeError('the server is gone')
    package('wandb', init=lambda **options: None, finish=lambda: None, log=fail)
    trackers = Trackers(config(tmp_path, dict(type='WandbVisBackend'), dict(type='TensorboardVisBackend')))
    trackers.open()
    for step in (1, 2):
        trackers.add({'loss': 1.0}, step)
    assert [name for name, _ in trackers.opened] == ['tensorboard']
    trackers.close()
