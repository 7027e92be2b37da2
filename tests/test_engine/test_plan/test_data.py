"""The data of all phases before the first one: counts by hand, of 18 images in three phases, read in batches of two."""
import shutil

import numpy as np
import pytest

from lhl.engine import Stream, train_stream
from lhl.engine.plan.data import check_data
from lhl.errors import ConfigError, DataError
from test_engine.tiny_stream import STREAM, listing, stream_config, write_data


@pytest.fixture
def config(tmp_path, data_root):
    def build(root=data_root, **options):
        return stream_config(tmp_path / 'c.py', root, tmp_path / 'run', 'Vanilla', **options)
    return build


def refused(cfg, kind):
    with pytest.raises(kind) as refusal:
        train_stream(cfg)
    assert not listing(cfg.work_dir)
    return refusal.value.problems


def test_data_that_are_there_are_read_and_nothing_is_written(config, tmp_path):
    check_data(Stream.from_config(config()))
    assert not (tmp_path / 'run').exists()


def test_phases_that_do_not_fill_a_batch_are_all_named_before_the_first(config):
    assert refused(config(train_dataloader__batch_size=7), ConfigError) == tuple(
        f'the 6 images of phase {index} do not fill a batch of 7 per process; lower train_dataloader.batch_size'
        for index in (1, 2, 3))


def test_a_single_phase_that_does_not_is_named_with_its_own_option(config):
    phases = [dict(task=name) for name in STREAM]
    phases[2]['train_dataloader'] = dict(batch_size=7)
    assert refused(config(phases=phases), ConfigError) == (
        'the 6 images of phase 3 do not fill a batch of 7 per process; lower phases[2].train_dataloader.batch_size', )


def test_a_batch_of_one_image_is_refused_where_the_network_cannot_normalise_it(config):
    found = refused(config(train_dataloader__batch_size=5, train_dataloader__drop_last=False), ConfigError)  # 5 + 1
    assert len(found) == 3 and found[0].startswith(
        'a batch of phase 1 holds a single image, with which the model cannot be trained (ValueError: ASPPHead '
        'normalises one')


def test_missing_files_of_train_and_val_are_told_together(config, tmp_path):
    root = write_data(tmp_path / 'data')
    shutil.rmtree(root / 'train/depth')
    shutil.rmtree(root / 'val/normal')
    found = refused(config(root), DataError)
    assert [sentence.split(':')[0] for sentence in found] == ['train_dataloader', 'val_dataloader']
    assert 'depth' in found[0] and 'normal' in found[1]


def test_missing_data_are_told_beside_a_mistake_of_the_config(config):
    found = refused(config('/no/such/folder', optim_wrapper__optimizer__lr=-1), ConfigError)
    assert found[0].startswith('optim_wrapper.optimizer.lr is -1, expected a number above 0')
    assert [sentence.split(';')[0] for sentence in found[1:]] == [
        f"{split}_dataloader: data_root '/no/such/folder' is not a folder" for split in ('train', 'val')]


def test_the_first_image_of_every_phase_is_read(config, tmp_path):
    root = write_data(tmp_path / 'data')
    for path in (root / 'train/normal').iterdir():
        np.save(path, np.load(path)[:5])
    found = refused(config(root), DataError)
    assert len(found) == 1
    assert "of task 'normal' cannot be used: found shape (5, 48, 3), expected (32, 48, 3)" in found[0]


@pytest.mark.parametrize('schedule, sentence', [
    (dict(type='LinearLR', by_epoch=False, begin=6, end=9), 'LinearLR acts from iteration 6 on, but phase 1 has 6'),
    (dict(type='MultiStepLR', milestones=[2, 3]), 'MultiStepLR acts from epoch 2 on, but phase 1 has 2 epochs'),
])
def test_a_schedule_that_never_acts_is_refused_in_every_phase(config, schedule, sentence):
    cfg = config()  # two epochs of three batches
    cfg.param_scheduler = schedule
    found = refused(cfg, ConfigError)
    assert len(found) == 3 and found[0].startswith(f'param_scheduler: {sentence}')
    cfg.param_scheduler = {**schedule, **({'begin': 5} if 'begin' in schedule else {'milestones': [1, 3]})}
    check_data(Stream.from_config(cfg))


def test_schedules_of_epochs_are_refused_where_there_are_none(config):
    cfg = config()
    cfg.train_cfg = dict(by_epoch=False, max_iters=4)
    cfg.param_scheduler = dict(type='MultiStepLR', milestones=[2])
    assert refused(cfg, ConfigError)[0] == ('param_scheduler: MultiStepLR counts epochs, but phase 1 is 4 iterations '
                                            'long; set by_epoch=False')


def test_images_that_are_trained_on_and_scored_are_said_aloud(config, capsys):
    cfg = config()
    check_data(Stream.from_config(cfg))
    assert 'trained on, too' not in capsys.readouterr().out
    cfg.val_dataloader.dataset.update(split='train', part=dict(index=1, count=6))
    check_data(Stream.from_config(cfg))  # the 18 images of all phases hold the sixth of them
    assert 'val_dataloader: 3 of the 3 images are trained on, too, such as ' in capsys.readouterr().out
