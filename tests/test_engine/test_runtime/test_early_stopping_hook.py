import math
import shutil

import pytest

from lhl.engine import Stream, train_stream
from lhl.engine.plan import config_hash, training_hash
from lhl.engine.runtime.hooks.early_stopping_hook import PhaseStoppingHook, waited
from lhl.engine.runtime.loops import PhaseEpochLoop
from lhl.errors import ConfigError
from lhl.evaluation import Results
from test_engine.tiny_stream import FOLDERS, stream_config

#: An improvement of so much in every validation is out of reach: the phase stops as soon as it may.
NEVER = dict(metric='segmentation/PixAcc', patience=2, min_delta=1000.)


@pytest.mark.parametrize('scores, higher, min_delta, count', [
    ([], True, 0., 0), ([1.], True, 0., 0), ([1., 2., 2.], True, 0., 1), ([3., 2., 1.], True, 0., 2),
    ([3., 2., 1.], False, 0., 0), ([3., 2.5, 2.], False, 0.5, 0), ([3., 2.5, 2.1], False, 1., 2),
    ([1., math.nan, 2.], True, 0., 0), ([math.nan, math.nan], True, 0., 2), ([math.nan, 1., 0.], True, 0., 1),
    ([5., 1., 4., 6.], True, 0., 0)])
def test_what_counts_as_an_improvement(scores, higher, min_delta, count):
    assert waited(scores, higher, min_delta) == count


def config(folder, data_root, early_stopping, **options):
    cfg = stream_config(folder / 'c.py', data_root, folder / 'run', 'Vanilla', train_cfg__val_interval=1,
                        train_cfg__max_epochs=5, **options)
    cfg.phases = [dict(task='segmentation', early_stopping=early_stopping)]
    return cfg


@pytest.fixture(scope='module')
def stopped(tmp_path_factory, data_root):
    cfg = config(tmp_path_factory.mktemp('stopped'), data_root, NEVER)
    return cfg, train_stream(cfg)


def test_a_phase_stops_when_its_metric_has_not_improved_for_long_enough_and_says_so(stopped):
    # The first score is the best by definition; two more are no improvement: three epochs of nine batches of two of
    # the 18 images, which a single phase takes all of.
    cfg, results = stopped
    phase, = results.phases
    assert phase.iterations == 27
    assert phase.stopped_early == ('after epoch 3 of 5: segmentation/PixAcc has not improved by more than 1000 in '
                                   '2 validations')
    assert Results.load(cfg.work_dir).phases[0].stopped_early == phase.stopped_early


def test_a_phase_that_goes_on_to_its_end_is_not_said_to_have_stopped(stopped, tmp_path, data_root):
    results = train_stream(config(tmp_path, data_root, {**NEVER, 'patience': 5}))
    assert (results.phases[0].iterations, results.phases[0].stopped_early) == (45, '')


@pytest.mark.parametrize('epochs, before_validation', [(2, False), (2, True), (3, True)])
@pytest.mark.slow
def test_a_resumed_phase_stops_where_an_undisturbed_one_does(stopped, tmp_path, data_root, monkeypatch, epochs,
                                                             before_validation):
    """Ended after its checkpoint was written: before its epoch was scored, or in the epoch after."""
    cfg = config(tmp_path, data_root, NEVER)
    run_epoch = PhaseEpochLoop.run_epoch

    def failing(loop):
        if not before_validation and loop.epoch == epochs:
            raise KeyboardInterrupt
        run_epoch(loop)
        if before_validation and loop.epoch == epochs:
            raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(PhaseEpochLoop, 'run_epoch', failing)
        with pytest.raises(KeyboardInterrupt):
            train_stream(cfg)
    assert (tmp_path / 'run' / FOLDERS[0] / f'epoch_{epochs}.pth').exists()
    again, (_, undisturbed) = train_stream(cfg, resume=True), stopped
    assert again.phases[0].stopped_early == undisturbed.phases[0].stopped_early
    assert again.phases[0].weights_sha256 == undisturbed.phases[0].weights_sha256


def test_a_phase_that_is_taken_over_keeps_what_it_was(stopped, tmp_path, data_root):
    cfg, results = stopped
    taken = train_stream(config(tmp_path, data_root, NEVER), take_over=cfg.work_dir)
    for name in ('iterations', 'stopped_early', 'weights_sha256'):
        assert getattr(taken.phases[0], name) == getattr(results.phases[0], name)


def test_only_a_phase_that_may_stop_early_depends_on_what_it_is_scored_on(stopped, tmp_path, data_root):
    def hashes(**options):
        stream = Stream.from_config(config(tmp_path, data_root, options.pop('early_stopping', NEVER), **options))
        return config_hash(stream), training_hash(stream, 1)
    shutil.copytree(data_root, tmp_path / 'other')
    other = dict(val_dataloader__dataset__data_root=str(tmp_path / 'other'))
    assert hashes()[1] != hashes(**other)[1]
    plain, moved = (stream_config(tmp_path / 'p.py', data_root, tmp_path / 'p', 'Vanilla', **more)
                    for more in ({}, other))
    assert training_hash(Stream.from_config(plain), 1) == training_hash(Stream.from_config(moved), 1)


@pytest.mark.parametrize('early_stopping, options, sentence', [
    (dict(metric='segmentation/mIuO'), {}, "found the metric 'segmentation/mIuO'; did you mean 'segmentation/mIoU' or"),
    (dict(metric='depth/AbsErr'), {}, "found the metric 'depth/AbsErr'"),
    (dict(metric='segmentation/mIoU', patience=0), {}, 'patience is 0, expected a whole number of at least 1'),
    (dict(metric='segmentation/mIoU', min_delta=-1), {}, 'min_delta is -1, expected a number of at least 0'),
    (dict(metric='segmentation/mIoU', patient=3), {}, "patient"),
    (dict(patience=3), {}, 'metric'),
    (dict(metric='segmentation/mIoU'), dict(val_interval=None), 'nothing is scored before the phase ends; set'),
    (dict(metric='segmentation/mIoU'), dict(by_epoch=False, max_iters=4, max_epochs=None), 'it counts epochs, but')])
def test_what_cannot_be_is_said_before_training(tmp_path, data_root, early_stopping, options, sentence):
    cfg = config(tmp_path, data_root, early_stopping)
    loop = {**cfg.train_cfg.to_dict(), **options}
    cfg.train_cfg = {key: value for key, value in loop.items() if value is not None}
    with pytest.raises(ConfigError) as found:
        Stream.from_config(cfg)
    assert sentence in str(found.value) and 'early_stopping' in str(found.value), found.value
    assert not (tmp_path / 'run').exists()


def test_a_phase_without_validation_data_cannot_stop_early(tmp_path, data_root):
    cfg = config(tmp_path, data_root, NEVER)
    cfg.val_dataloader = None
    with pytest.raises(ConfigError, match='no val_dataloader to be scored on'):
        Stream.from_config(cfg)


def test_another_validation_set_of_the_phase_is_no_score():
    hook = PhaseStoppingHook('depth/AbsErr', False)
    hook.after_val_epoch(None, {'segmentation/mIoU': 1.0})
    assert hook.scores == {}
