from pathlib import Path

import pytest
from sentences import the_error
from test_engine.tiny_stream import write_config

from lhl.apis.strength_search import Step, Trial


def test_the_steps_reach_the_search_with_values_as_python_reads_them(tool, tmp_path, data_root, monkeypatch):
    found = []

    def search(*arguments):
        found.extend(arguments)
        return [Trial(1, 'method.alpha', value, 'run', score, {'depth': {'AbsErr': 1.0}})
                for value, score in ((0.5, 1.0), (2, 3.0))]
    monkeypatch.setattr('lhl.apis.search_strengths', search)
    config = write_config(tmp_path / 'c.py', data_root)
    code, stdout, _ = tool('search.py', config, '--reference', 'v', '--work-dir', tmp_path / 'trials', '--seed', 4,
                           '--step', 'method.alpha', '0.5', '2', '--step', 'method.mode', 'l1', '--step', 'a', '[1,2]',
                           '--cfg-options', 'train_cfg.max_epochs=7')
    cfg, steps, reference, work_dir, trust_config = found
    assert code == 0 and stdout.splitlines()[-3:-1] == [
        'best: method.alpha=2', f"trials: {Path(tmp_path, 'trials/search.md')}"]
    assert steps == [Step('method.alpha', [0.5, 2]), Step('method.mode', ['l1']), Step('a', [[1, 2]])]
    assert (reference, work_dir, trust_config) == ('v', str(tmp_path / 'trials'), False)
    assert cfg.randomness.seed == 4 and cfg.train_cfg.max_epochs == 7 and cfg.launcher == 'none'


def test_an_option_without_values_is_refused(tool, tmp_path, data_root):
    config = write_config(tmp_path / 'c.py', data_root)
    code, _, stderr = tool('search.py', config, '--reference', 'v', '--work-dir', tmp_path, '--step', 'method.alpha')
    assert '--step method.alpha has no values' in the_error(code, stderr)


@pytest.mark.parametrize('missing', ['--reference', '--work-dir', '--step'])
def test_nothing_is_searched_without_a_reference_steps_and_a_folder(tool, missing):
    options = {'--reference': ['v'], '--work-dir': ['w'], '--step': ['a', '1']}
    arguments = [word for name, words in options.items() if name != missing for word in (name, *words)]
    code, _, stderr = tool('search.py', 'c.py', *arguments)
    assert code == 2 and missing in stderr
