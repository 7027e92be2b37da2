"""One writer per folder."""
import errno
import fcntl
import os
import shutil
import socket
import subprocess
import sys

import pytest

from lhl.errors import RunError
from lhl.lock import check_still_held, only_writer

#: Holds the lock of a folder until its input ends.
HOLDER = '''
import sys
from lhl.lock import only_writer
with only_writer(sys.argv[1]):
    print('held', flush=True)
    sys.stdin.read()
'''
#: Adds 1 to a number in a folder as often as it is told, whoever else does.
COUNTER = '''
import pathlib, sys
from lhl.errors import RunError
from lhl.lock import only_writer
number, left = pathlib.Path(sys.argv[1], 'number'), int(sys.argv[2])
while left:
    try:
        with only_writer(number.parent):
            number.write_text(str(int(number.read_text()) + 1))
            left -= 1
    except RunError:
        pass
'''


def start(program, *arguments):
    return subprocess.Popen([sys.executable, '-c', program, *map(str, arguments)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def test_a_second_process_is_told_who_holds_the_lock_and_a_dead_holder_does_not(tmp_path):
    with start(HOLDER, tmp_path) as holder:
        assert holder.stdout.readline() == 'held\n'
        with pytest.raises(RunError) as caught, only_writer(tmp_path):
            raise AssertionError
        assert str(caught.value).startswith(
            f'{tmp_path} is in use by process {holder.pid} on {socket.gethostname()}, since 2')
        assert str(caught.value).endswith('; wait until it ends, or choose another `work_dir`')
        holder.kill()
    with only_writer(tmp_path):  # the file of the killed one is still there
        pass
    assert not os.listdir(tmp_path)


def test_the_lock_is_free_after_the_block_and_in_the_same_process_too(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path), pytest.raises(RunError, match=f'in use by process {os.getpid()} '), \
                only_writer(tmp_path):
            raise AssertionError
    with pytest.raises(ZeroDivisionError), only_writer(tmp_path):
        raise ZeroDivisionError
    with only_writer(tmp_path):
        pass


def test_a_forked_process_does_not_hold_the_lock(tmp_path):
    """A loader's worker may outlive its killed parent for seconds."""
    with only_writer(tmp_path):
        begin, end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(end)
            os.read(begin, 1)  # until the parent is done
            os._exit(0)
    with only_writer(tmp_path):
        os.close(end)
    assert os.waitpid(child, 0)[1] == 0


def test_processes_that_race_never_write_at_the_same_time(tmp_path):
    (tmp_path / 'number').write_text('0')
    racers = [start(COUNTER, tmp_path, 50) for _ in range(3)]
    for racer in racers:
        racer.communicate()
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert (tmp_path / 'number').read_text() == '150'


def test_a_folder_that_stays_empty_is_removed_again(tmp_path):
    with only_writer(tmp_path / 'a/b'):
        assert (tmp_path / 'a/b').is_dir()
    assert not os.listdir(tmp_path)
    with only_writer(tmp_path / 'a/b'):
        (tmp_path / 'a/file').touch()
    assert os.listdir(tmp_path / 'a') == ['file']


def test_a_folder_that_cannot_be_written_to_is_one_sentence(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(RunError, match=r'file/run cannot be written to \(Not a directory\); choose another'), \
            only_writer(tmp_path / 'file/run'):
        raise AssertionError


def test_a_file_system_without_locks_is_written_to_with_a_warning(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, 'no locks')
    monkeypatch.setattr(fcntl, 'flock', refuse)
    with pytest.warns(UserWarning, match='is on a file system without locks'), only_writer(tmp_path):
        pass
    assert not os.listdir(tmp_path)


def test_a_folder_that_was_removed_or_replaced_is_not_written_to(tmp_path):
    run = tmp_path / 'run'
    check_still_held()  # without a lock there is nothing to lose
    for replaced in (False, True):
        with only_writer(run):
            check_still_held()
            shutil.rmtree(run)
            if replaced:
                run.mkdir()
                (run / '.lock').write_text('of another run')
            with pytest.raises(RunError, match=f'{run} was removed or replaced while it was written to'):
                check_still_held()
        assert (run / '.lock').exists() == replaced  # the other one's stays
