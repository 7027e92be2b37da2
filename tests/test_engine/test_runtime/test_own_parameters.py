"""What a method itself learns: trained and resumed with the learner, and no part of what a phase saves."""
import math

import pytest
import torch

from lhl.engine import PhaseRunner, read_checkpoint, train_stream
from lhl.engine.checkpoint import training_checkpoints
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.methods import Method
from test_engine.tiny_stream import STREAM, stream_config

FOLDER = 'phase1_' + '_'.join(STREAM)


@pytest.fixture
def config(tmp_path, data_root):
    def build(task_weights='learned', name='run'):
        cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / name, 'Vanilla', phases=[dict(tasks=list(STREAM))],
                            default_hooks__checkpoint__interval=1, optim_wrapper__optimizer__weight_decay=0.1)
        cfg.method = dict(type='Joint', task_weights=task_weights)
        return cfg
    return build


@pytest.fixture
def optimizers(monkeypatch):
    """The optimizers of all phases, as they were when a phase had been trained."""
    used, train = [], PhaseRunner.train

    def record(runner):
        model = train(runner)
        used.append(runner.optim_wrapper.optimizer)
        return model
    monkeypatch.setattr(PhaseRunner, 'train', record)
    return used


def learned(run):
    """The numbers in the last training checkpoint of a run."""
    state = read_checkpoint(training_checkpoints(run / FOLDER)[0])['state_dict']
    return {name: state[f'method_parameters.{name}'].item() for name in STREAM}


def test_they_are_learned_without_decay_in_a_group_of_their_own(config, optimizers, tmp_path):
    train_stream(config())
    groups = {group['name']: group for group in optimizers[0].param_groups}
    assert {name: group['weight_decay'] for name, group in groups.items()} == dict(
        encoder=0.1, new_head=0.1, method=0.0)
    assert len(groups['method']['params']) == len(STREAM)
    assert all(value != 0 for value in learned(tmp_path / 'run').values())


def test_a_phase_saves_and_counts_the_learner_alone(config, tmp_path):
    results, fixed = train_stream(config()), train_stream(config(None, 'fixed'))
    ours, theirs = (read_checkpoint(tmp_path / name / FOLDER / 'phase.safetensors') for name in ('run', 'fixed'))
    assert ours['state_dict'].keys() == theirs['state_dict'].keys() and ours['method'] == {}
    assert results.phases[0].parameters == fixed.phases[0].parameters
    assert results.phases[0].weights_sha256 != fixed.phases[0].weights_sha256


@pytest.mark.slow
def test_a_run_interrupted_within_a_phase_ends_as_it_would_have(config, tmp_path, monkeypatch):
    before_train_iter = ContinualPhaseHook.before_train_iter

    def interrupt(self, runner, batch_idx, data_batch=None):
        if runner.epoch == 1:
            raise KeyboardInterrupt
        before_train_iter(self, runner, batch_idx, data_batch)
    whole = train_stream(config(name='whole'))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ContinualPhaseHook, 'before_train_iter', interrupt)
        train_stream(config())
    resumed = train_stream(config(), resume=True)
    assert resumed.phases[0].weights_sha256 == whole.phases[0].weights_sha256
    assert learned(tmp_path / 'run') == learned(tmp_path / 'whole')


def test_the_final_weights_are_logged(config, tmp_path):
    cfg = config()
    cfg.log_level = 'INFO'
    train_stream(cfg)
    log, = (tmp_path / 'run' / FOLDER).glob('*/*.log')
    expected = ', '.join(f'{name} {math.exp(-value):.4g}' for name, value in learned(tmp_path / 'run').items())
    assert f'Joint: the final weights of the tasks are {expected}' in log.read_text()


def test_each_phase_has_its_own(tmp_path, data_root, monkeypatch):
    seen, begin, losses = {}, Method.begin_phase, Method.losses

    def record(self, learner, phase):
        seen[phase.index] = {name: value.item() for name, value in self.learned_parameters.items()}
        begin(self, learner, phase)
    monkeypatch.setattr(Method, 'own_parameters', lambda self, phase: {
        name: torch.tensor(float(phase.index)) for name in phase.new_tasks})
    monkeypatch.setattr(Method, 'begin_phase', record)
    monkeypatch.setattr(Method, 'losses', lambda self, *arguments: losses(self, *arguments) | {
        'loss_own': sum(self.learned_parameters.values())})
    train_stream(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'Vanilla', train_cfg__max_epochs=1),
                 until=2)
    assert seen == {1: dict(segmentation=1.0), 2: dict(depth=2.0)}


def test_a_run_that_is_taken_over_needs_none(config, tmp_path):
    first = train_stream(config())
    again = train_stream(config(name='again'), take_over=tmp_path / 'run')
    assert again.phases[0].weights_sha256 == first.phases[0].weights_sha256
