"""What a method cannot compute at the beginning or the end of a phase is a sentence; processes end it alike."""
import pytest
import torch
from mmengine.runner import ValLoop

from lhl.engine import train_stream
from lhl.errors import DivergenceError
from lhl.evaluation import Results
from lhl.methods import EWC, HCL
from test_engine.tiny_stream import METHODS, stream_config

SMALL = dict(phases=[dict(task='segmentation'), dict(task='depth')], train_cfg__max_epochs=1)


def diverged(cfg, resume=False):
    with pytest.raises(DivergenceError) as caught:
        train_stream(cfg, resume)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_what_overflows_at_the_end_of_a_phase_is_not_handed_on(tmp_path, data_root, monkeypatch):
    """Squared gradients of 1e20 are no float32; the phase is ended again once that is cured."""
    monkeypatch.setitem(METHODS, 'EWC', dict(type='EWC', penalty=1.0))
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'whole', 'EWC', **SMALL)
    whole = train_stream(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    fisher = EWC._fisher

    def overflown(method, learner, phase, loader):
        values = fisher(method, learner, phase, loader)
        values['conv1.weight' if 'conv1.weight' in values else next(iter(values))].fill_(1e40)
        return values
    with monkeypatch.context() as patch:
        patch.setattr(EWC, '_fisher', overflown)
        sentence = diverged(cfg)
    assert sentence.startswith('phase 1: what EWC keeps of segmentation is not finite (0.fisher.')
    assert sentence.endswith('); lower the learning rate, or check the data of the phase')
    assert Results.load(tmp_path / 'run').phases == []
    resumed = train_stream(cfg, resume=True)
    assert [phase.weights_sha256 for phase in resumed.phases] == [phase.weights_sha256 for phase in whole.phases]


def test_a_decomposition_that_fails_before_the_first_iteration_is_a_sentence(tmp_path, data_root, monkeypatch):
    def fails(method, learner, phase, loader):
        torch.linalg.cholesky(-torch.eye(2))
    monkeypatch.setitem(METHODS, 'HCL', dict(type='HCL', weight=1.0))
    monkeypatch.setattr(HCL, 'before_training', fails)
    sentence = diverged(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'HCL', **SMALL))
    assert sentence.startswith('phase 1: what HCL keeps of segmentation cannot be computed (linalg.cholesky: ')


def test_images_that_an_inversion_has_driven_to_nan_are_not_trained_on(tmp_path, data_root, monkeypatch):
    def inverted(method, learner, phase, loader):
        method.inverted = torch.full((4, 3, 32, 48), torch.nan) if phase.old_tasks else None
    monkeypatch.setitem(METHODS, 'HCL', dict(type='HCL', weight=1.0))
    monkeypatch.setattr(HCL, 'before_training', inverted)
    sentence = diverged(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'HCL', **SMALL))
    assert sentence.startswith('phase 2: what HCL keeps of segmentation, depth is not finite (inverted); lower')


def test_scores_and_the_end_of_a_phase_come_from_the_statistics_of_the_first_process(tmp_path, data_root, monkeypatch):
    """In training each process has statistics of its own; here the first one's would be 1 everywhere."""
    monkeypatch.setattr('lhl.engine.runtime.hooks.continual_phase_hook.broadcast', lambda buffer: buffer.fill_(1))
    monkeypatch.setitem(METHODS, 'EWC', dict(type='EWC', penalty=1.0))
    seen = {'end_phase': [], 'run_iter': []}

    def watch(owner, name, learner_of):
        original = getattr(owner, name)

        def watched(self, *args):
            seen[name] += [bool((buffer == 1).all()) for buffer in learner_of(self, *args).buffers()]
            return original(self, *args)
        monkeypatch.setattr(owner, name, watched)
    watch(EWC, 'end_phase', lambda method, learner, phase, loader: learner)
    watch(ValLoop, 'run_iter', lambda loop, *_: loop.runner.learner)
    train_stream(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'EWC', **SMALL))
    assert all(len(found) > 10 and all(found) for found in seen.values())
