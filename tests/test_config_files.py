import argparse
import hashlib
import math
import sys

import pytest
from mmengine.config import Config, DictAction
from test_engine.tiny_stream import CONFIGS

from lhl.config_files import (
    config_folder,
    find_config,
    import_custom_modules,
    merge_options,
    parse_options,
    read_config,
    read_written_config,
    with_digest,
)
from lhl.engine.runtime.learner_runner import PlainConfig
from lhl.errors import ConfigError
from lhl.trust import trusting_configs

# ---- where configs are -----------------------------------------------------------------------------------------------

def test_a_checkout_has_its_configs_beside_the_package():
    assert config_folder() == CONFIGS


def test_an_installed_package_has_its_configs_inside(tmp_path, monkeypatch):
    (tmp_path / 'lhl/.mim/configs').mkdir(parents=True)
    (tmp_path / 'configs').mkdir()  # of someone else: the folder of all packages
    monkeypatch.setattr('lhl.config_files.files', {'lhl': tmp_path / 'lhl'}.get)
    assert config_folder() == tmp_path / 'lhl/.mim/configs'


@pytest.mark.parametrize('name', ['had/had_r50_nyuv2.py', 'configs/had/had_r50_nyuv2.py'])
def test_a_config_of_lhl_is_found_from_anywhere(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == CONFIGS / 'had/had_r50_nyuv2.py'
    assert read_config(name).method.type == 'HAD'


def test_a_file_of_one_s_own_is_preferred(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = []
    for path in ('configs/had/had_r50_nyuv2.py', 'had/had_r50_nyuv2.py'):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text('a = 1\n')
        found.append(str(find_config('had/had_r50_nyuv2.py')))
    assert found == ['configs/had/had_r50_nyuv2.py', 'had/had_r50_nyuv2.py']


@pytest.mark.parametrize('name, cure', [
    ('had/had_r50_nyuv.py', r"did you mean 'had/had_r50_nyuv2\.py'"),
    ('configs/had/had_r50_nyuv.py', r"did you mean 'had/had_r50_nyuv2\.py'"),
    ('had_r50_nyuv2.py', r"did you mean 'had/had_r50_nyuv2\.py'"),
    ('/elsewhere/dis_r18_nyuv2.py', r"did you mean .*'dis/dis_r18_nyuv2\.py'"),
    ('qqqqqqqqqqqqqq.py', f'the configs of lhl are in {CONFIGS}')])
def test_a_config_that_does_not_exist_gets_a_suggestion(name, cure):
    with pytest.raises(ConfigError, match=f'config {name.removeprefix("x")} does not exist; {cure}'):
        find_config(name)


def test_a_folder_is_no_config(tmp_path):
    with pytest.raises(ConfigError, match='is a folder, expected a regular file'):
        read_config(tmp_path)


# ---- options ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('options', [
    ['a.b=1', 'c=[x,2]', 'd=None', 'e=a=b'], ['a=1e-3', 'b=true', 'c=False', "d='x y'"], ['a=1,2,3', 'b=[(1,2),(3,4)]'],
    ['a=1', 'a=2'], ['a='], []])
def test_options_are_read_as_by_mmengine(options):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=DictAction)
    assert parse_options(options) == parser.parse_args(['--cfg-options', *options]).cfg_options


def test_options_are_what_they_were_worked_out_to_be():
    assert parse_options(['a.b=1', 'c=[x,2]', 'd=None', 'e=a=b', 'f=(1,2)']) == {
        'a.b': 1, 'c': ['x', 2], 'd': None, 'e': 'a=b', 'f': (1, 2)}


@pytest.mark.parametrize('option, message', [
    ('alpha', "`options` has 'alpha', expected KEY=VALUE"), ('=1', "`options` has '=1', expected KEY=VALUE"),
    ('a=[1,2', 'close every bracket'), ("m=dict(a=True,b='c')", 'whose value cannot be read')])
def test_an_option_of_another_form_is_refused(option, message):
    with pytest.raises(ConfigError, match=message):
        parse_options(['b=2', option])


def test_an_option_that_goes_through_a_value_is_refused():
    cfg = Config(dict(method=dict(type='HAD')))
    merge_options(cfg, {'method.alpha': 2})
    merge_options(cfg, None)
    assert cfg.method == dict(type='HAD', alpha=2)
    with pytest.raises(ConfigError, match='`options` does not fit the config'):
        merge_options(cfg, {'method.type.name': 1})


def test_an_option_that_is_none_can_be_set_and_a_set_one_be_none():
    cfg = Config(dict(loader=dict(dataset=dict(part=None, size=3)), schedule=None, phases=[dict(loader=None), dict()]))
    merge_options(cfg, parse_options([
        'loader.dataset.part.index=0', 'loader.dataset.part.count=4', 'loader.dataset.size=None', 'schedule.type=Poly',
        'phases.0.loader.size=2', 'phases.1.loader=None']))
    assert cfg.to_dict() == dict(
        loader=dict(dataset=dict(part=dict(index=0, count=4), size=None)), schedule=dict(type='Poly'),
        phases=[dict(loader=dict(size=2)), dict(loader=None)])
    with pytest.raises(ConfigError, match='`options` does not fit the config'):
        merge_options(cfg, parse_options(['loader.dataset.size=None', 'loader.dataset.size.height=3']))



def test_a_config_of_a_run_that_was_changed_is_refused_and_one_of_before_has_no_digest(tmp_path):
    code = "seed = 0\nmethod = {'type': 'HAD', 'alpha': 2.0}\n"
    path = tmp_path / 'config.py'
    content = with_digest(code)
    assert content.decode() == f'# The SHA-256 of what follows: {hashlib.sha256(code.encode()).hexdigest()}\n{code}'
    for written in (content, code.encode()):
        path.write_bytes(written)
        assert read_written_config(tmp_path).to_dict() == dict(seed=0, method=dict(type='HAD', alpha=2.0))
    for changed in (content.replace(b'2.0', b'3.0'), content[:content.index(b'method')], content + b'more = 1\n'):
        path.write_bytes(changed)
        with pytest.raises(ConfigError, match=r'config\.py cannot be read .*it is not what was written'):
            read_written_config(tmp_path)


def test_numbers_that_are_not_finite_are_written_and_read_and_no_other_call_is(tmp_path):
    values = dict(marks=[0.0, math.nan], depth=dict(far=math.inf, near=(-math.inf, 1)))
    PlainConfig(values).dump(tmp_path / 'config.py')
    for found in (read_written_config(tmp_path), Config.fromfile(tmp_path / 'config.py')):
        assert math.isnan(found.marks[1]) and found.depth == dict(far=math.inf, near=(-math.inf, 1))
    for call in ("float('1')", "float('nan', 'inf')", "print('nan')", 'float(nan)', 'nan', "float('nan').hex()"):
        (tmp_path / 'config.py').write_text(f'mark = {call}\n')
        with pytest.raises(ConfigError, match=r'config\.py cannot be read .*expected NAME = VALUE with plain values'):
            read_written_config(tmp_path)


def test_a_config_that_is_a_link_out_of_the_run_is_not_read(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'secrets.py').write_text("token = 'sesame'\n")  # a report would show it
    (tmp_path / 'run/config.py').symlink_to(tmp_path / 'secrets.py')
    with pytest.raises(ConfigError, match='is a link out of the folder of the run'):
        read_written_config(tmp_path / 'run')


def test_the_modules_of_a_run_are_imported_and_nothing_of_its_config_is_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / 'of_a_run.py').write_text('seen = True\n')
    run = tmp_path / 'run'
    run.mkdir()
    (run / 'config.py').write_text("custom_imports = {'imports': ['of_a_run']}\n")
    with pytest.raises(ConfigError, match="imports 'of_a_run', which would run the code .*`trust_config=True`"):
        import_custom_modules(run)
    with trusting_configs():
        import_custom_modules(run)
    assert sys.modules['of_a_run'].seen
    import_custom_modules(run)  # imported already: nothing is run
    del sys.modules['of_a_run']
    (run / 'config.py').write_text("custom_imports = dict(imports=['of_a_run'])\n")  # no literal: not what lhl writes
    with pytest.raises(ConfigError, match='cannot be read'):
        import_custom_modules(run)


def test_a_module_of_a_run_that_is_missing_is_named_with_the_cure(tmp_path):
    (tmp_path / 'config.py').write_text("custom_imports = {'imports': ['nowhere_to_be_found']}\n")
    message = r'cannot be imported \(.*nowhere_to_be_found.*\); add its folder'
    with trusting_configs(), pytest.raises(ConfigError, match=message):
        import_custom_modules(tmp_path)


def test_what_is_no_run_has_no_modules(tmp_path):
    (tmp_path / 'phase.safetensors').touch()
    import_custom_modules(tmp_path)  # what it imports itself
    before = set(sys.modules)
    for path in (tmp_path, tmp_path / 'phase.safetensors', tmp_path / 'nowhere'):
        import_custom_modules(path)
    assert set(sys.modules) == before
