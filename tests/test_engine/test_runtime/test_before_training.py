"""The moment in which a method looks at the data of the phase that begins."""
import time

import pytest

from lhl.engine import train_stream
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.evaluation import Results
from lhl.methods import Method
from test_engine.tiny_stream import STREAM, stream_config


@pytest.fixture
def looked_at(monkeypatch):
    """Record the phases in which the method was shown the data, and how many images there were."""
    calls = []
    monkeypatch.setattr(Method, 'before_training', lambda self, learner, phase, dataloader: calls.append(
        (phase.index, len(dataloader.dataset), learner is self.learner and phase is self.phase)))
    return calls


def config(tmp_path, data_root, **options):
    return stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'Vanilla',
                         phases=[dict(task=name) for name in STREAM[:2]], **options)


def test_a_phase_shows_its_images_once_and_a_resumed_one_not_again(tmp_path, data_root, looked_at, monkeypatch):
    before_train_iter = ContinualPhaseHook.before_train_iter

    def interrupt(self, runner, batch_idx, data_batch=None):
        if runner.phase.index == 2 and runner.epoch == 1:
            raise KeyboardInterrupt
        before_train_iter(self, runner, batch_idx, data_batch)
    cfg = config(tmp_path, data_root, default_hooks__checkpoint__interval=1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ContinualPhaseHook, 'before_train_iter', interrupt)
        train_stream(cfg)
    assert looked_at == [(1, 9, True), (2, 9, True)]  # the two halves of 18 images
    assert train_stream(cfg, resume=True).finished
    assert len(looked_at) == 2


def test_a_phase_that_is_taken_over_shows_nothing(finished, tmp_path, looked_at):
    cfg, folder = finished('Vanilla')
    looked_at.clear()
    cfg = cfg.copy()
    cfg.work_dir = str(tmp_path / 'run')
    train_stream(cfg, take_over=folder)
    assert looked_at == []


def test_its_seconds_are_seconds_of_training(tmp_path, data_root, monkeypatch):
    monkeypatch.setattr(Method, 'before_training', lambda *arguments: time.sleep(1.5))
    train_stream(config(tmp_path, data_root, train_cfg__max_epochs=1), until=1)
    assert Results.load(tmp_path / 'run').phases[0].seconds > 1.5
