"""What the launcher says when a run has ended: one sentence, or nothing where a process has said it."""
import importlib

import pytest
from test_engine.tiny_stream import ROOT


@pytest.fixture(scope='module')
def launch():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(ROOT / 'tools')
        return importlib.import_module('launch')


@pytest.mark.parametrize('codes, left, expected', [
    ({0: 1, 1: 1}, dict(told=''), ''),
    ({0: -9}, dict(told=''), ''),
    ({1: -9, 0: -15}, {}, 'process 1 was killed by SIGKILL, as the system does when memory runs out'),
    ({2: -11, 3: 1}, dict(lost='gone', interrupted='interrupted'), 'process 2 was killed by SIGSEGV'),
    ({0: 1}, dict(lost='gone (Connection closed)', interrupted='interrupted'), 'gone (Connection closed)'),
    ({0: 1, 1: -9}, dict(lost='gone (Timed out waiting)'), 'gone (Timed out waiting)'),
    ({0: 143, 1: -15}, dict(interrupted='interrupted in phase 2'), 'interrupted in phase 2'),
    ({1: -15}, {}, 'process 1 was killed by SIGTERM'),
    ({0: 2, 1: 2}, {}, '')])
def test_what_ended_a_run(launch, tmp_path, codes, left, expected):
    for name, text in left.items():
        (tmp_path / name).write_text(text)
    assert launch.ending(codes, tmp_path) == expected
