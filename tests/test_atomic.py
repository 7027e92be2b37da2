"""A file is written whole or not at all."""
import contextlib
import os
import resource

import pytest
import torch

from lhl.atomic import atomic_write, remove_leftovers, writing
from lhl.errors import WriteError
from lhl.weight_files import read_checkpoint, write_checkpoint


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


# ---- a disk that refuses -------------------------------------------------------------------------------------------

@contextlib.contextmanager
def files_up_to(size):
    """Let the system refuse to write more than ``size`` bytes into a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize('name', ['epoch_1.pth', 'phase.safetensors'])
@pytest.mark.parametrize('room', [0, 1000, 50_000, 80_000])
def test_weights_that_do_not_fit_are_one_sentence_and_leave_those_before(tmp_path, name, room):
    path = tmp_path / name
    small, large = (dict(state_dict=dict(a=torch.zeros(size)), lhl=dict(version=1)) for size in (1, 20_000))
    write_checkpoint(small, path)
    with files_up_to(room), pytest.raises(WriteError) as caught:
        write_checkpoint(large, path)
    assert str(caught.value) == f'{path} cannot be written (File too large); make room there'
    assert os.listdir(tmp_path) == [name] and read_checkpoint(path)['state_dict']['a'].shape == (1, )
    write_checkpoint(large, path)
    assert read_checkpoint(path)['state_dict']['a'].shape == (20_000, )


def test_a_path_that_is_no_place_for_a_file_is_one_sentence(tmp_path):
    (tmp_path / 'file').touch()
    (tmp_path / 'folder').mkdir()
    for path, reason in ((tmp_path / 'file/a', 'File exists'), (tmp_path / 'file/a/b', 'Not a directory'),
                         (tmp_path / 'folder', 'Is a directory'), (tmp_path / ('a' * 250), 'File name too long')):
        with pytest.raises(WriteError) as caught, atomic_write(path):
            pass
        assert str(caught.value) == f'{path} cannot be written ({reason}); check the path'
    assert sorted(os.listdir(tmp_path)) == ['file', 'folder'] and not os.listdir(tmp_path / 'folder')


def test_an_error_of_what_is_written_is_not_taken_for_one_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / 'a'):
        (tmp_path / 'missing').read_bytes()
    with pytest.raises(FileNotFoundError), writing(tmp_path / 'a'):
        (tmp_path / 'missing').read_bytes()  # beside the folder that is written to
    with pytest.raises(WriteError, match='missing/b cannot be written'), writing(tmp_path):
        (tmp_path / 'missing/b').touch()
    assert not os.listdir(tmp_path)


def test_what_a_killed_process_has_left_is_removed_and_nothing_else(tmp_path):
    names = ['.a.pth.123.tmp', '.b.tmp', 'c.1.tmp', '.d.pth.12x.tmp', 'e.pth']
    for name in names:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(names[1:])
