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
from lhl.engine import train_stream
from lhl.engine.checkpoint import training_checkpoints
from lhl.errors import RunError, WriteError
from lhl.evaluation import Results
from lhl.weight_files import read_checkpoint

REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO)


class Disk:
    """Refuses chosen operations below a folder: making folders, opening files to write, writing, syncing, renaming.

    ``refuse`` is asked with the name of each operation and of its file, whose digits it gets as ``#``.
    """

    def __init__(self, folder, monkeypatch):
        self.folder, self.refuse, self.number = str(folder), lambda operation: False, errno.ENOSPC
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
        monkeypatch.setattr(os, 'mkdir', lambda path, *args: (self.ask('mkdir', path), mkdir(path, *args))[1])
        monkeypatch.setattr(os, 'replace', lambda old, new: (self.ask('replace', new), replace(old, new))[1])
        monkeypatch.setattr(os, 'fsync', lambda number: (
            self.ask('fsync', os.readlink(f'/proc/self/fd/{number}')), fsync(number))[1])

    def ask(self, operation, path):
        path = str(path)
        if path.startswith(self.folder):
            name = re.sub(r'\d+', '#', path.removeprefix(self.folder))
            if self.refuse(f'{operation} {name}'):
                raise OSError(self.number, os.strerror(self.number), path)


def assert_intact(run):
    """All that has its name can be read, and nothing else is there."""
    assert not [name for name in listing(run) if 'tmp' in name or 'lock' in name]
    for path in (*run.glob('*/*.pth'), *run.glob('*/*.safetensors')):
        read_checkpoint(path, needs_digest=True)
    if (run / 'results.json').exists():
        Results.load(run)


def test_every_operation_is_refused_once_and_the_run_ends_with_the_weights_of_an_undisturbed_one(
        tmp_path, data_root, monkeypatch, capfd):
    """Each attempt goes on where the one before was stopped, and is stopped at the first operation that is new."""
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'whole', phases=[dict(task='depth'),
                        dict(task='normal')], train_cfg__max_epochs=2)
    cfg.default_hooks.logger.interval = 2
    whole = train_stream(cfg)
    run = tmp_path / 'run'
    cfg.work_dir = str(run)
    disk, refused, log = Disk(run, monkeypatch), set(), []

    def refuse(operation):
        is_new = not operation.startswith('open /.lock') and operation not in refused and not (
            refusing and not operation.endswith('.log'))
        if is_new:
            refused.add(operation)
            refusing.append(operation)
        return is_new
    disk.refuse = refuse
    for number in cycle(REFUSALS):
        refusing, disk.number = [], number
        try:
            resumed = train_stream(cfg, resume=(run / 'results.json').exists())
            break
        except (WriteError, RunError) as error:
            log.append((refusing, str(error)))
        assert re.fullmatch(rf'{run}\S* cannot be written( to)? \({os.strerror(number)}\); [^;]+', log[-1][1]), log[-1]
        if run.exists():
            assert_intact(run)
    assert [phase.weights_sha256 for phase in resumed.phases] == [phase.weights_sha256 for phase in whole.phases]
    assert [phase.metrics for phase in resumed.phases] == [phase.metrics for phase in whole.phases]
    assert_intact(run)
    written = {operation for operation in refused if operation.startswith('replace')}
    print(*map(str,log), sep='\n')
    assert written
