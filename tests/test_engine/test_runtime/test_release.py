"""A phase begins without what the phases before it held."""
import gc
import logging
import multiprocessing
import os
import shutil
import weakref

import pytest
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

from lhl.engine import Stream, train_stream
from lhl.engine.runtime.runner import PhaseRunner
from lhl.engine.runtime.scoring import score_phase
from lhl.errors import DivergenceError
from test_engine.tiny_stream import stream_config


def open_files(folder):
    """The files below a folder that this process has open."""
    links = [f'/proc/self/fd/{number}' for number in os.listdir('/proc/self/fd')]
    paths = [os.readlink(link) for link in links if os.path.lexists(link)]
    return [path for path in paths if path.startswith(str(folder)) and not path.endswith('.lock')]


@pytest.fixture
def held(monkeypatch, tmp_path):
    """What is still there of earlier phases when a phase begins to train, by phase."""
    references, found, train = {}, {}, PhaseRunner.train

    def left():
        names = [f'{phase}: {name}' for (phase, name), reference in references.items() if reference() is not None]
        return names + open_files(tmp_path) + multiprocessing.active_children()

    def watched(runner):
        index, own = runner.phase.index, [path for path in open_files(tmp_path) if f'phase{runner.phase.index}' in path]
        found[index] = [what for what in left() if what not in own]
        assert len(own) == 1  # the log
        model = train(runner)
        parts = dict(
            runner=runner, student=runner.student, learner=runner.learner, method=runner.method,
            weight=next(runner.learner.parameters()), optimizer=runner.optim_wrapper.optimizer,
            wrapper=runner.optim_wrapper, scheduler=runner.param_schedulers[0], loop=runner.train_loop,
            loader=runner.train_dataloader, dataset=runner.train_dataloader.dataset, validation=runner.val_loop,
            logger=runner.logger, hub=runner.message_hub, visualizer=runner.visualizer)
        if runner.phase.teacher is not None:
            parts['teacher'] = runner.phase.teacher
        references.update({(index, name): weakref.ref(part) for name, part in parts.items()})
        return model
    monkeypatch.setattr(PhaseRunner, 'train', watched)
    found['left'] = left
    return found


@pytest.fixture(autouse=True)
def nothing_of_other_tests():
    """Some stop a run in the middle of a phase on purpose."""
    for owner in (MMLogger, MessageHub, Visualizer, DefaultScope):
        for name in registered():
            owner._instance_dict.pop(name, None)


def registered():
    """What mmengine keeps under the names of experiments."""
    return [name for owner in (MMLogger, MessageHub, Visualizer, DefaultScope) for name in owner._instance_dict
            if name.startswith(('phase', 'test_'))]


def test_nothing_of_a_phase_is_left_when_the_next_begins(held, tmp_path, data_root):
    """Without the garbage collector, which may take minutes to come: but for one call after an import that failed."""
    loader = dict(num_workers=1, persistent_workers=True)
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', train_dataloader=loader, val_dataloader=loader,
                        train_cfg__max_epochs=1)
    gc.collect()
    gc.disable()
    try:
        train_stream(cfg)
    finally:
        gc.enable()
    assert {phase: held[phase] for phase in (1, 2, 3)} == {1: [], 2: [], 3: []}
    assert held['left']() == [] and registered() == []
    assert not [handler for handler in map(weakref.ref.__call__, logging._handlerList)
                if str(tmp_path) in getattr(handler, 'baseFilename', '')]


def test_scoring_leaves_nothing(finished, tmp_path):
    cfg, run = finished('HAD')
    run = shutil.copytree(run, tmp_path / 'run')
    score_phase(Stream.from_config(cfg), 3, run / 'phase3_normal/phase.safetensors')
    assert open_files(run) == [] and registered() == []


def test_a_phase_that_failed_leaves_neither_files_nor_workers(tmp_path, data_root):
    loader = dict(num_workers=1, persistent_workers=True)
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', train_dataloader=loader,
                        optim_wrapper__optimizer__lr=1e30)
    with pytest.raises(DivergenceError):
        train_stream(cfg)
    assert open_files(tmp_path) == [] and registered() == [] and multiprocessing.active_children() == []


def test_a_phase_that_cannot_be_built_leaves_no_log_open(tmp_path, data_root, monkeypatch):
    def fails(runner, *_):
        raise DivergenceError('built half')
    monkeypatch.setattr(PhaseRunner, 'register_hooks', fails)
    with pytest.raises(DivergenceError, match='built half'):
        train_stream(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run'))
    assert open_files(tmp_path) == [] and registered() == []
