"""Which process of a run prints how it ended."""
import argparse
import sys

import pytest

from lhl.commands.processes import ENDING, is_first_process, processes_of, tell_of_interruption
from lhl.engine.runtime import process_group
from lhl.errors import Interruption, LostProcessError, RunError

LOST = LostProcessError('another process is gone (reset); run the same command again')


@pytest.mark.parametrize('arguments, environment, expected', [
    ([], {}, True), ([], dict(RANK='0'), True), ([], dict(RANK='1'), False), ([], dict(SLURM_PROCID='3'), True),
    (['--launcher', 'slurm'], dict(SLURM_PROCID='3'), False), (['--launcher', 'slurm'], dict(SLURM_PROCID='0'), True),
    (['--launcher', 'mpi'], dict(OMPI_COMM_WORLD_RANK='1'), False)])
def test_the_first_process_is_known_before_anything_is_imported(arguments, environment, expected, monkeypatch):
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, 'argv', ['lhl', 'train', 'c.py', *arguments])
    assert is_first_process() is expected


@pytest.fixture
def end(monkeypatch):
    """Let a process of a run end with an error; what comes out of it."""
    def end(error, claimed, told=False):
        monkeypatch.setattr(process_group, 'meet', lambda launcher: None)
        monkeypatch.setattr(process_group, 'claim_to_tell', lambda is_lost: claimed)
        monkeypatch.setattr(process_group, 'was_told', lambda: told)
        monkeypatch.setenv('TORCH_CPP_LOG_LEVEL', 'ERROR')
        monkeypatch.setenv('LOCAL_RANK', '0')
        with pytest.raises(BaseException) as caught, processes_of(argparse.Namespace(launcher='mpi', local_rank=0)):
            raise error
        return caught.value
    return end


@pytest.mark.parametrize('error', [RunError('no'), ValueError('a bug'), LOST])
def test_an_error_comes_out_of_one_process(end, error, monkeypatch):
    monkeypatch.delenv(ENDING, raising=False)
    assert end(error, claimed=True) is error
    silent = end(error, claimed=False)
    assert isinstance(silent, SystemExit) and silent.code == 1


def test_an_interruption_is_silent_where_it_follows_from_an_error(end):
    interruption = Interruption(15)
    assert end(interruption, claimed=True) is interruption
    assert end(interruption, claimed=True, told=True).code == 1


def test_the_launcher_is_told_what_it_cannot_know(end, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(ENDING, str(tmp_path))
    assert end(LOST, claimed=True).code == 1
    tell_of_interruption('interrupted in phase 2')
    left = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert left == dict(lost='another process is gone (reset)', interrupted='interrupted in phase 2')
    assert end(LOST, claimed=True, told=True).code == 1 and (tmp_path / 'told').exists()
    monkeypatch.setenv(ENDING, str(tmp_path / 'gone'))
    tell_of_interruption('the launcher is gone')
    assert not capsys.readouterr().err
    monkeypatch.delenv(ENDING)
    tell_of_interruption('interrupted')
    assert capsys.readouterr().err == 'interrupted\n'
