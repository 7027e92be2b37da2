"""The command that kills runs: a handful of kills, each in the place that was drawn."""
import importlib
import json
import sys

import pytest
from test_engine.tiny_stream import ROOT, run_tool

TOOL = ROOT / 'tools/benchmarks/crash_test.py'


@pytest.fixture
def crash_test(monkeypatch):
    monkeypatch.syspath_prepend(TOOL.parent)
    yield importlib.import_module('crash_test')
    del sys.modules['crash_test']


@pytest.mark.slow
def test_runs_that_are_killed_at_random_moments_end_as_undisturbed_ones(tmp_path):
    out = tmp_path / 'out'
    finished = run_tool(TOOL, '--kills', '3', '--methods', 'ewc', '--jobs', '1', '--seed', '1', '--out', out)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    kills = json.loads((out / 'crash_test.json').read_text())['kills']
    assert len(kills) == 3 and len({kill['drawn'] for kill in kills}) == 3  # each place once, before one comes again
    for kill in kills:
        assert kill['problem'] == '' and kill['places']
        assert kill['drawn'] in (kill['places'][0], 'any time')
    assert 'of 3 runs' in finished.stdout and '0 runs ended otherwise than undisturbed' in finished.stdout
    assert not [path for path in (out / 'runs').iterdir() if path.is_dir() and path.name != 'ewc']


def test_kills_are_spread_over_methods_and_places(crash_test):
    plan = crash_test.plan(['a', 'b', 'c'], 26, seed=0)
    assert {name: len(places) for name, places in plan.items()} == dict(a=9, b=9, c=8)
    everywhere = {*crash_test.PLACES, crash_test.ANY}
    assert len(everywhere) == 8 and all(set(places[:8]) == everywhere for places in plan.values())
    assert crash_test.plan(['a', 'b', 'c'], 26, seed=0) == plan != crash_test.plan(['a', 'b', 'c'], 26, seed=1)


def test_the_table_counts_every_kill_and_every_run(crash_test):
    kills = [crash_test.Kill('a', 'write', ('write', 'start'), ''), crash_test.Kill('a', 'start', ('start', ), 'files'),
             crash_test.Kill('b', 'any time', ('training', ), '')]
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in crash_test.table(kills).splitlines()]
    assert rows[0] == ['method', 'runs', *crash_test.PLACES, 'otherwise than undisturbed']
    assert rows[2:] == [['a', '2', '2', '0', '0', '0', '0', '0', '1', '1'],
                        ['b', '1', '0', '0', '0', '1', '0', '0', '0', '0'],
                        ['all', '3', '2', '0', '0', '1', '0', '0', '1', '1']]
