"""What is written from names of files and classes is read back as it was, and runs nothing."""
import math

import pytest
from mmengine.config import Config

from lhl.apis.own_data.writing import code, comment
from lhl.engine.runtime.learner_runner import PlainConfig

#: mmengine replaces {{$NAME:DEFAULT}} before it reads a config, by a pattern that the default is part of. This one
#: takes away the backslashes before the quotes, so that the text ends early.
INJECTION = '{{$X:|[\\]|}}\'+str(open("canary", "w"))#'


def test_the_attack_is_a_live_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text(f'x = {INJECTION!r}\n')
    Config.fromfile(tmp_path / 'config.py')
    assert (tmp_path / 'canary').exists()


@pytest.mark.parametrize('write', [
    lambda value: f'x = {code(value)}\n', lambda value: PlainConfig(dict(x=value)).pretty_text],
    ids=['own images and exports', 'config of a run'])
def test_any_text_is_read_back_as_it_was_and_runs_nothing(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    value = dict(a=[INJECTION, '{{{', 'it\'s "one"\n'], b={INJECTION: 1.5}, c={'class': None})
    (tmp_path / 'config.py').write_text(write(value))
    assert Config.fromfile(tmp_path / 'config.py').to_dict()['x'] == value
    assert not (tmp_path / 'canary').exists()


def test_a_number_that_is_none_is_read_back():
    inf, nan = eval(code([math.inf, math.nan]))
    assert inf == math.inf and math.isnan(nan)


def test_a_comment_is_a_line_without_what_is_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = comment(f'folder\nopen("canary", "w")\x1b[2J{INJECTION}{{{{{{')
    assert written.startswith('# folder\\nopen') and written.isprintable() and '{{' not in written
    (tmp_path / 'config.py').write_text(f'x = 1\n{written}\n')
    assert Config.fromfile(tmp_path / 'config.py').x == 1 and not (tmp_path / 'canary').exists()
