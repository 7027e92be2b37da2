"""A disk that is full, read-only or gone: one sentence, nothing half written, and an exact resume."""
import builtins
import errno
import io
import os
import re
import shutil
from itertools import cycle

import pytest
from test_engine.tiny_stream import FOLDERS, listing, stream_config

import lhl.atomic
from lhl.apis import test_learner as score_learner
from lhl.cli import main
from lhl.engine import train_stream
from lhl.engine.checkpoint import training_checkpoints
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.errors import RunError, WriteError
from lhl.evaluation import Results
from lhl.weight_files import read_checkpoint

REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO)


class Disk:
    """Refuses chosen operations below a folder: making folders, opening files to write, writing, syncing, renaming.

    ``refuse`` is asked with the name of each operation and of its file, whose digits it gets as ``#``.
    """

    def __init__(self, folder, monkeypatch):
        self.folder, self.refuse, self.number, self.refused = str(folder), None, errno.ENOSPC, False
        open_, mkdir, replace, fsync, raw = builtins.open, os.mkdir, os.replace, os.fsync, lhl.atomic._RawFile
        disk = self

        class RawFile(io.FileIO):
            refusal = None

            def __init__(self, path, mode):
                disk.ask('open', path)
                super().__init__(path, mode)

            def write(self, data):
                try:
                    disk.ask('write', self.name)
                except OSError:
                    super().write(memoryview(data)[:len(data) // 2])  # there was room for half of it
                    self.refusal = OSError(disk.number, os.strerror(disk.number))
                    raise self.refusal from None
                return super().write(data)

        def opening(path, mode='r', *args, **kwargs):
            writes = isinstance(path, (str, os.PathLike)) and not set(mode).isdisjoint('wax')
            if writes:
                disk.ask('open', path)
            file = open_(path, mode, *args, **kwargs)
            if writes and str(path).startswith(disk.folder):
                write = file.write
                file.write = lambda text: (disk.ask('write', path), write(text))[1]
            return file

        assert raw.__bases__ == (io.FileIO, )
        monkeypatch.setattr(lhl.atomic, '_RawFile', RawFile)
        monkeypatch.setattr(builtins, 'open', opening)
        monkeypatch.setattr(io, 'open', opening)  # pathlib's
        monkeypatch.setattr(os, 'mkdir', lambda path, *args: (self.ask('mkdir', path), mkdir(path, *args))[1])
        monkeypatch.setattr(os, 'replace', lambda old, new: (self.ask('replace', new), replace(old, new))[1])
        monkeypatch.setattr(os, 'fsync', lambda number: (
            self.ask('fsync', os.readlink(f'/proc/self/fd/{number}')), fsync(number))[1])

    def ask(self, operation, path):
        path = str(path)
        if path.startswith(self.folder):
            name = re.sub(r'\d+', '#', path.removeprefix(self.folder))
            if self.refuse is not None and self.refuse(f'{operation} {name}'):
                self.refused = True
                raise OSError(self.number, os.strerror(self.number), path)


def assert_intact(run):
    """All that has its name can be read, and nothing else is there."""
    assert not [name for name in listing(run) if 'tmp' in name or 'lock' in name]
    for path in (*run.glob('*/*.pth'), *run.glob('*/*.safetensors')):
        read_checkpoint(path, needs_digest=True)
    if (run / 'results.json').exists():
        Results.load(run)


@pytest.mark.parametrize('share', [6, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_that_is_refused_one_operation_after_the_other_ends_with_the_weights_of_an_undisturbed_one(
        share, tmp_path, data_root, monkeypatch):
    """Each attempt continues where the one before was stopped, and is stopped at the first operation that is new.

    Of these every fourth is refused, or each: making a folder, opening, writing half of, syncing and renaming a file.
    """
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'whole',
                        phases=[dict(task='depth'), dict(task='normal')], train_cfg__max_epochs=1)
    cfg.default_hooks.logger.interval = 2
    whole = train_stream(cfg)
    run = tmp_path / 'run'
    cfg.work_dir = str(run)
    disk, seen, refused = Disk(run, monkeypatch), [], []

    def refuse(operation):
        is_log = operation.startswith('write') and operation.endswith('.log')
        if operation in seen or is_log or '/.lock' in operation or len(refused) > attempts:
            return False
        seen.append(operation)
        if len(seen) % share == 0:
            refused.append(operation)
        return len(seen) % share == 0
    disk.refuse = refuse
    for attempts, number in enumerate(cycle(REFUSALS)):
        disk.number = number
        try:
            resumed = train_stream(cfg, resume=(run / 'results.json').exists())
        except (WriteError, RunError) as error:
            sentence = str(error)
        else:
            break
        assert re.fullmatch(rf'{run}\S* cannot be written( to)? \({os.strerror(number)}\); [^;\n]+', sentence), sentence
        assert len(refused) == attempts + 1
        if run.exists():
            assert_intact(run)
    assert len(refused) == len(seen) // share >= 55 // share
    assert [phase.weights_sha256 for phase in resumed.phases] == [phase.weights_sha256 for phase in whole.phases]
    assert [phase.metrics for phase in resumed.phases] == [phase.metrics for phase in whole.phases]
    assert_intact(run)


def refused_at(cfg, moment, act, monkeypatch, resume=False):
    """Do something to the disk at the beginning of an iteration, and give the sentence that the run ends with."""
    original = ContinualPhaseHook.before_train_iter

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if (runner.phase.index, runner.iter) == moment:
            act()
        original(self, runner, batch_idx, data_batch)
    with monkeypatch.context() as patch, pytest.raises((WriteError, RunError)) as caught:
        patch.setattr(ContinualPhaseHook, 'before_train_iter', before_train_iter)
        train_stream(cfg, resume)
    return str(caught.value)


@pytest.fixture
def cfg(tmp_path, data_root):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', phases=[dict(task='depth'),
                                                                               dict(task='normal')])
    cfg.default_hooks.logger.interval = 100
    return cfg


def test_a_folder_that_was_removed_is_not_made_again(cfg, tmp_path, monkeypatch):
    run = tmp_path / 'run'
    sentence = refused_at(cfg, (2, 1), lambda: shutil.rmtree(run), monkeypatch)
    assert sentence == (f'{run} was removed or replaced while it was written to; what was in it is gone, so begin '
                        f'again, in another `work_dir` if this one is in use')
    assert not run.exists()


def test_a_run_does_not_write_into_another_one_that_took_its_place(cfg, tmp_path, monkeypatch):
    run = tmp_path / 'run'

    def replace():
        shutil.rmtree(run)
        (run / FOLDERS[0]).mkdir(parents=True)
        (run / '.lock').touch()
        before.update(listing(run))
    before = {}
    assert 'was removed or replaced' in refused_at(cfg, (1, 1), replace, monkeypatch)
    assert listing(run) == before and before


def test_something_in_the_place_of_a_file_or_folder_is_one_sentence_and_the_run_goes_on_without_it(
        cfg, tmp_path, monkeypatch):
    run = tmp_path / 'run'
    weights, second = run / 'phase1_depth/phase.safetensors', run / 'phase2_normal'
    sentence = refused_at(cfg, (1, 4), lambda: weights.mkdir(), monkeypatch)
    assert sentence == (f'{weights} cannot be written (Is a directory); check the path, and add `resume=True` to '
                        f'continue from what was saved')
    assert len(training_checkpoints(run / 'phase1_depth')) == 2  # all was trained
    weights.rmdir()
    second.touch()
    with pytest.raises(WriteError, match=rf'{second} cannot be written \(File exists\); check the path, and add'):
        train_stream(cfg, resume=True)
    second.unlink()
    assert train_stream(cfg, resume=True).finished


@pytest.mark.parametrize('name', ['results.json', 'config.py', '.lock'])
def test_a_folder_where_a_file_of_the_run_should_be_is_one_sentence(cfg, tmp_path, name):
    (tmp_path / 'run' / name).mkdir(parents=True)
    with pytest.raises((RunError, WriteError), match=rf'^{tmp_path}/run\S* [^\n]*$'):
        train_stream(cfg)
    assert os.listdir(tmp_path / 'run') == [name]


def test_a_log_that_cannot_be_written_is_said_once_and_costs_nothing_else(cfg, tmp_path, monkeypatch, capfd):
    cfg.log_level = 'INFO'
    disk = Disk(tmp_path / 'run', monkeypatch)
    disk.refuse = lambda operation: operation.startswith('write') and operation.endswith('.log') and not disk.refused
    assert train_stream(cfg, until=1).phases
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and re.fullmatch(
        rf'{tmp_path}/run/phase1_depth/\S+\.log cannot be written \(No space left on device\); the run continues '
        rf'without it', lines[0])


def test_scoring_where_nothing_can_be_written_is_one_sentence(finished, tmp_path, monkeypatch):
    run = shutil.copytree(finished('HAD')[1], tmp_path / 'run')
    before, disk = listing(run), Disk(tmp_path / 'run', monkeypatch)
    disk.refuse, disk.number = lambda operation: True, errno.EROFS
    with pytest.raises(WriteError, match=rf'{run}/\S+/test\S* cannot be written \(Read-only file system\); make it'):
        score_learner(run)
    assert listing(run) == before


COMMANDS = dict(
    compare=lambda run, out, config: ('compare', run, '--reference', run, '--out', out / 'a.md'),
    report=lambda run, out, config: ('report', run, '--out', out, '--views', '0'),
    test=lambda run, out, config: ('test', run, '--out', out / 'a.json'),
    check=lambda run, out, config: ('check-dataset', config, '--out', out, '--workers', '1'),
    convert=lambda run, out, config: ('convert', 'synth-rooms', out, '--train', '1', '--val', '1', '--size', '32',
                                      '48', '--processes', '1'),
    benchmark=lambda run, out, config: ('benchmark', 'tiny', '--work-dir', out, '--only', 'Vanilla'))


@pytest.mark.parametrize('operation', ['mkdir', 'write'])
@pytest.mark.parametrize('name', COMMANDS)
def test_what_a_command_cannot_write_is_one_sentence_with_no_leftovers(
        name, operation, finished, tmp_path, monkeypatch, capfd):
    cfg, run = finished('HAD')
    out = tmp_path / 'out'
    disk = Disk(out, monkeypatch)
    disk.refuse = lambda found: found.startswith(operation) and not disk.refused
    monkeypatch.setattr('sys.argv', ['lhl', *map(str, COMMANDS[name](run, out, cfg.filename))])
    capfd.readouterr()
    with pytest.raises(SystemExit) as caught:
        main()
    errors = capfd.readouterr().err.splitlines()
    assert caught.value.code == 1
    assert len([line for line in errors if line.startswith('error: ')]) == 1
    assert not [path for path in out.rglob('*') if path.suffix in ('.tmp', '.lock')]
