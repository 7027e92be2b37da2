"""From folders to a config that trains without editing, and to an extension of the run that it becomes."""
import numpy as np
import pytest

from lhl.apis import extend_run, new_config
from lhl.config_files import read_config
from lhl.engine import train_stream
from lhl.errors import ConfigError, DataError

from .pictures import SIZE, write, write_rooms


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    monkeypatch.setattr('lhl.apis.dataset_check.check.draw_contact_sheet', lambda *arguments: None)
    monkeypatch.chdir(tmp_path)
    return write_rooms(tmp_path / 'data')


def short(path):
    cfg = read_config(path)
    cfg.merge_from_dict({'work_dir': path.stem, 'train_cfg.max_epochs': 1, 'log_level': 'WARNING', **{
        f'{loader}_dataloader.{key}': value for loader in ('train', 'val')
        for key, value in dict(num_workers=0, persistent_workers=False).items()}})
    return cfg


def test_forty_pictures_with_masks_for_half_of_them_are_checked_trained_and_extended(rooms, capfd):
    new = new_config('mine', 'data/images', ['depth=data/depth', 'segmentation=data/masks'])
    assert not new.report.problems and (new.report_folder / 'report.md').exists()
    cfg = short(new.path)
    assert cfg.tasks.segmentation.num_classes == 3 and cfg.train_dataloader.dataset.targets.to_dict() == dict(
        depth=dict(folder='depth', scale=0.001, invalid=0), segmentation=dict(folder='masks', invalid=255))
    # Uniform from 1 to 5 m.
    assert cfg.tasks.depth.mean == pytest.approx(3, abs=0.02) and cfg.tasks.depth.std == pytest.approx(
        4 / 12**0.5, abs=0.02)
    results = train_stream(cfg)
    assert [phase.tasks for phase in results.phases] == [['depth'], ['segmentation']]
    assert np.isfinite(results.phases[-1].metrics['depth']['AbsErr'])
    for number in range(40):  # at twice the size
        write(rooms / f'large/{number:03}.png', np.full((64, 96, 3), number, np.uint8))
        write(rooms / f'edges/{number:03}.png', np.full((64, 96), number, np.uint8))
    new = new_config('more', 'data/large', ['edges=data/edges'], extend='mine')
    assert 'size: 32 x 48, at which mine has learned' in new.found
    cfg = short(new.path)
    assert 'model' not in cfg and cfg.val_dataloader.dataset.pipeline[0].size == SIZE
    assert list(extend_run('mine', cfg).phases[-1].metrics) == ['depth', 'segmentation', 'edges']
    assert 'edges of the extension is scored' not in capfd.readouterr().out
    cfg = short(new.path)
    cfg.val_dataloader.dataset.pipeline[0].size, cfg.work_dir = (64, 96), 'other'
    extend_run('mine', cfg, until=2)
    said = capfd.readouterr().out
    assert 'edges of the extension is scored on images of 64 x 96, and what mine has learned on 32 x 48' in said
    with pytest.raises(ConfigError, match='mine has learned depth already'):
        new_config('again', 'data/images', ['depth=data/depth'], extend='mine')


def test_problems_of_single_files_are_listed_and_the_config_stays(rooms):
    (rooms / 'depth/003.png').write_bytes(b'no picture')
    new = new_config('mine', 'data/images', ['depth=data/depth'])
    assert ['003.png' in problem.sentence for problem in new.report.problems] == [True]
    assert '1 cannot be read' in new.found[1] and new.path.exists()


def test_a_split_of_folders(rooms):
    for folder in ('images', 'depth'):
        for number, path in enumerate(sorted((rooms / folder).iterdir())):
            part = rooms / folder / ('val' if number < 10 else 'train')
            part.mkdir(exist_ok=True)
            path.rename(part / path.name)
    new = new_config('mine', 'data/images', ['depth=data/depth'])
    assert not new.report.problems
    assert {name: split.images for name, split in new.report.splits.items()} == dict(train=30, val=10)


def test_what_is_refused_after_the_config_was_written_says_so(rooms, monkeypatch):
    def refuse(stream):
        raise DataError('first', 'the images do not fill a batch')
    monkeypatch.setattr('lhl.apis.own_data.new.check_data', refuse)
    with pytest.raises(DataError) as found:
        new_config('mine', 'data/images', ['depth=data/depth'])
    assert found.value.problems[0] == 'first'
    assert found.value.problems[1].startswith('the images do not fill a batch (in mine.py, which is written; change it')
    assert (rooms.parent / 'mine.py').exists()


@pytest.mark.parametrize('name, targets, options, error, sentence', [
    ('a b', ['depth=data/depth'], {}, ConfigError, "`name` is 'a b'"),
    ('mine', ['depth'], {}, ConfigError, "`target` is 'depth', expected TASK=FOLDER"),
    ('mine', ['depth=data/depth', 'depth=data/masks'], {}, ConfigError, 'names depth twice'),
    ('mine', ['depth=data/depth'], dict(classes=dict(depth=['a'])), ConfigError, "`classes` names 'depth'"),
    ('mine', ['segmentation=data/masks'], dict(classes=dict(segmentation=['a', 'b'])), DataError, 'hold 3 values'),
    ('mine', ['depth=data/nothing'], {}, DataError, "'data/nothing' is no folder")])
def test_an_impossible_argument_is_one_sentence_and_nothing_is_written(rooms, name, targets, options, error, sentence):
    with pytest.raises(error, match=sentence):
        new_config(name, 'data/images', targets, **options)
    assert not list(rooms.parent.glob('*.py'))
    (rooms.parent / 'mine.py').touch()
    with pytest.raises(ConfigError, match='mine.py is there already'):
        new_config('mine', 'data/images', ['depth=data/depth'])
