"""A training that diverges ends in a sentence, and what it had saved before stays."""
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from lhl.datasets import DenseDataset
from lhl.engine import train_stream
from lhl.engine.checkpoint import read_checkpoint, training_checkpoints
from lhl.engine.runtime.hooks import ContinualPhaseHook, finite_hook
from lhl.errors import ConfigError, DivergenceError
from lhl.evaluation import Results
from lhl.methods import HAD
from test_engine.tiny_stream import FOLDERS, stream_config, write_data


@pytest.fixture
def config(tmp_path, data_root):
    """A config of the tiny stream that logs, and so looks at losses, every second iteration."""
    def make(**options):
        return stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', default_hooks__logger__interval=2,
                             **options)
    return make


def spoil(monkeypatch, phase, iteration, term=None, value=float('nan')):
    """Make a loss term of one iteration, or only its gradients, not finite; the paths of that batch are collected."""
    losses, count, files = HAD.losses, [0], []
    load = DenseDataset.__getitem__
    recent = []

    def record(dataset, key):
        sample = load(dataset, key)
        recent.append(sample['meta']['image_path'])
        return sample

    def spoiled(method, batch, features, outputs):
        terms = losses(method, batch, features, outputs)
        if method.phase.index == phase:
            count[0] += 1
            if count[0] == iteration:
                files.extend(recent[-2:])
                if term is None:  # the square root's slope at 0 is infinite
                    name = next(iter(terms))
                    terms[name] = terms[name] + ((features[0] * 0).sum() * 0).sqrt()
                else:
                    terms[term] = terms[term] * value
        return terms
    monkeypatch.setattr(HAD, 'losses', spoiled)
    monkeypatch.setattr(DenseDataset, '__getitem__', record)
    return files


@pytest.mark.parametrize('iteration, value, said', [(1, float('nan'), 'nan'), (2, float('inf'), 'inf')])
def test_a_loss_that_is_not_finite_is_found_within_an_interval_with_its_term_and_files(
        config, monkeypatch, iteration, value, said):
    cfg, term = config(), 'loss_distribution_balanced_segmentation'
    files = spoil(monkeypatch, 2, iteration, term, value)
    with pytest.raises(DivergenceError) as caught:
        train_stream(cfg)
    assert str(caught.value) == (
        f'phase 2, iteration {iteration}: the loss term {term} of the task segmentation is {said}, on the batch of '
        f'{files[0]}, {files[1]}; the last good checkpoint is {cfg.work_dir}/{FOLDERS[0]}/phase.safetensors; '
        f'lower the learning rate, check these files, or set `optim_wrapper.nonfinite=skip`')
    assert len(Results.load(cfg.work_dir).phases) == 1


def test_the_last_good_checkpoint_is_not_replaced_and_the_run_goes_on_from_it(config, monkeypatch, finished):
    cfg = config()
    with monkeypatch.context() as patch:
        spoil(patch, 1, 6, 'loss_new_segmentation')
        with pytest.raises(DivergenceError, match=r'phase 1, iteration 6: .* checkpoint is \S+/epoch_1\.pth; lower'):
            train_stream(cfg)
    checkpoint, = training_checkpoints(Path(cfg.work_dir, FOLDERS[0]))
    assert all(weight.isfinite().all() for weight in read_checkpoint(checkpoint)['state_dict'].values())
    resumed = train_stream(cfg, resume=True)
    assert [phase.weights_sha256 for phase in resumed.phases] == [
        phase.weights_sha256 for phase in Results.load(finished('HAD')[1]).phases]


def test_a_gradient_that_is_not_finite_is_found_though_its_loss_is(config, monkeypatch):
    files = spoil(monkeypatch, 1, 3)
    with pytest.raises(DivergenceError, match=f'phase 1, iteration 3: a gradient is not finite, on the batch of '
                                              f'{re.escape(", ".join(files))}'):
        train_stream(config())


def test_weights_that_the_last_update_made_infinite_are_not_saved(config):
    cfg = config(optim_wrapper__optimizer__lr=1e38, param_scheduler=[], train_cfg__max_epochs=1)
    cfg.phases = [dict(task='segmentation')]
    with pytest.raises(DivergenceError, match=r'phase 1, .*; nothing was saved before; lower the learning rate'):
        train_stream(cfg)
    assert not list(Path(cfg.work_dir).rglob('*.pth'))


def test_overflow_of_gradients_under_loss_scaling_is_normal(config, monkeypatch):
    cfg = config(optim_wrapper__amp='float16')
    cfg.phases = [dict(task='segmentation')]
    spoil(monkeypatch, 1, 3)
    assert train_stream(cfg).finished


def test_a_loss_scaling_that_finds_no_scale_stops_the_run(config, monkeypatch):
    monkeypatch.setattr(finite_hook, 'MIN_LOSS_SCALE', 40000.0)  # after one overflow it is 32768
    spoil(monkeypatch, 1, 3)
    with pytest.raises(DivergenceError, match='by iteration 3: the gradients are not finite, .* now 32768; nothing'):
        train_stream(config(optim_wrapper__amp='float16'))


def test_skipping_leaves_weights_and_statistics_as_if_the_batch_had_not_been(config, monkeypatch):
    cfg = config(optim_wrapper__nonfinite='skip')
    cfg.phases = [dict(task='segmentation')]
    spoil(monkeypatch, 1, 3, 'loss_new_segmentation')
    states = []
    before = ContinualPhaseHook.before_train_iter

    def record(hook, runner, batch_idx, data_batch=None):
        if runner.iter in (2, 3):
            states.append({name: tensor.clone() for name, tensor in runner.learner.state_dict().items()})
        before(hook, runner, batch_idx, data_batch)
    monkeypatch.setattr(ContinualPhaseHook, 'before_train_iter', record)
    assert train_stream(cfg).finished
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    log, = Path(cfg.work_dir, FOLDERS[0]).glob('*/*.log')
    text = log.read_text()
    assert 'phase 1, iteration 3: the loss term loss_new_segmentation of the task segmentation is nan' in text
    assert 'skipped, as 1 of at most 10' in text


def test_more_than_the_limit_is_not_skipped(config, monkeypatch):
    cfg = config(optim_wrapper__nonfinite='skip', optim_wrapper__max_skipped=0)
    spoil(monkeypatch, 1, 3, 'loss_new_segmentation')
    with pytest.raises(DivergenceError, match='more than 0 iterations of the phase were skipped; nothing was saved'):
        train_stream(cfg)


@pytest.mark.parametrize('options, said', [
    (dict(optim_wrapper__nonfinite='skp'), "nonfinite='skp' is unknown; did you mean 'skip'"),
    (dict(optim_wrapper__max_skipped=-1), 'max_skipped=-1 is impossible; give a whole number of at least 0')])
def test_options_are_checked_before_anything_is_written(config, options, said):
    cfg = config(**options)
    with pytest.raises(ConfigError, match=re.escape(said)):
        train_stream(cfg)
    assert not Path(cfg.work_dir).exists()


def test_targets_of_which_none_is_valid_and_metrics_that_are_null_are_said_aloud(tmp_path):
    data = write_data(tmp_path / 'data')
    for path in data.glob('*/label/*.npy'):
        np.save(path, np.full_like(np.load(path), -1))
    cfg = stream_config(tmp_path / 'c.py', data, tmp_path / 'run', 'Vanilla')
    cfg.phases = [dict(task='segmentation')]
    train_stream(cfg)
    log, = (tmp_path / 'run' / FOLDERS[0]).glob('*/*.log')
    text = log.read_text()
    assert f'task segmentation: no training target of {data} was valid in the iterations up to ' in text
    assert 'was valid in all 18 iterations of phase 1' in text
    assert f'task segmentation: mIoU, PixAcc is not a finite number on the validation data of {data}' in text
