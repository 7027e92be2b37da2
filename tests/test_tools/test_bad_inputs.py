"""The command that gives lhl bad inputs: what counts as a good answer, and, slow, a sample of the inputs."""
import importlib
import re

import pytest
from test_engine.tiny_stream import ROOT, run_tool


@pytest.mark.slow
def test_a_sample_of_bad_configs_arguments_and_files_is_refused_in_sentences(tmp_path):
    """In full it takes minutes: ``python tools/benchmarks/bad_inputs.py``."""
    result = run_tool('tools/benchmarks/bad_inputs.py', '--short', '--jobs', '1')
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    inputs, *counts = map(int, re.findall(r'\d+', result.stdout.split('| all |')[1].splitlines()[0]))
    assert inputs >= 40
    assert sum(counts[:3]) == inputs


@pytest.mark.parametrize('status, output, verdict', [
    (0, {}, 'accepted'), (1, dict(err='error: no'), 'refused'), (2, dict(err='usage: lhl\nlhl: error: no'), 'refused'),
    (1, {}, 'traceback'), (98, dict(trace='Traceback ...'), 'traceback'), (None, {}, 'hung'),
    (1, dict(err='error: no', began='1'), 'late'), (1, dict(err='Traceback (most recent call last):'), 'traceback')])
def test_answers_are_told_apart(monkeypatch, status, output, verdict):
    monkeypatch.syspath_prepend(ROOT / 'tools/benchmarks')
    bad_inputs = importlib.import_module('bad_inputs')
    case = bad_inputs.Case('config', 'x', ())
    assert bad_inputs._verdict(case, status, {'out': '', 'err': '', 'trace': '', 'began': '', **output}) == verdict
    valid, good = case._replace(valid='why'), case._replace(name=bad_inputs.GOOD_COMMAND)
    content = case._replace(is_content=True)
    answers = [bad_inputs._verdict(one, status, {'out': '', 'err': '', 'trace': '', 'began': '', **output})
               for one in (valid, good, content)]
    assert answers == ['valid' if status == 0 else verdict,
                       'misjudged' if verdict in ('refused', 'late') else verdict,
                       'while reading' if verdict == 'late' else verdict]
