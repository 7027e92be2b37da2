"""A file is written whole or not at all."""
import os

import pytest

from lhl.atomic import atomic_write


def test_the_old_file_is_there_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    with atomic_write(path) as file:
        file.write(b'new')
        file.flush()
        assert path.read_bytes() == b'old'
        assert [name for name in os.listdir(tmp_path) if not name.startswith('.')] == ['file']  # the rest is hidden
    assert path.read_bytes() == b'new' and os.listdir(tmp_path) == ['file']


def test_nothing_is_left_of_a_block_that_raises(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    with pytest.raises(OSError, match='full'), atomic_write(path) as file:
        file.write(b'half')
        raise OSError('full')
    assert path.read_bytes() == b'old' and os.listdir(tmp_path) == ['file']


def test_folders_are_made(tmp_path):
    with atomic_write(str(tmp_path / 'a/b/file')) as file:
        file.write(b'new')
    with atomic_write(tmp_path / 'a/b/file2'):
        pass
    assert (tmp_path / 'a/b/file').read_bytes() == b'new' and (tmp_path / 'a/b/file2').read_bytes() == b''


def test_what_replaces_the_old_file_is_on_the_disk_before(tmp_path, monkeypatch):
    calls, replace = [], os.replace
    monkeypatch.setattr(os, 'fsync', lambda number: calls.append(('fsync', os.fstat(number).st_size)))
    monkeypatch.setattr(os, 'replace', lambda *paths: (calls.append(('replace', paths[1].name)), replace(*paths)))
    with atomic_write(tmp_path / 'file') as file:
        file.write(b'new')
    assert calls == [('fsync', 3), ('replace', 'file')]


def test_two_processes_do_not_write_into_the_same_hidden_file(tmp_path, monkeypatch):
    with atomic_write(tmp_path / 'file') as first:
        monkeypatch.setattr(os, 'getpid', lambda: -1)
        with atomic_write(tmp_path / 'file') as second:
            assert first.name != second.name
