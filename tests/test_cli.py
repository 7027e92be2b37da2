import re
import shlex
import signal
import subprocess
import sys
from importlib import import_module

import pytest
from mmengine.config import Config
from test_engine.tiny_stream import (  # noqa: F401
    CONFIGS,
    ROOT,
    data_root,
    listing,
    one_thread_and_no_ceremony,
    run_tool,
    write_config,
)

import lhl
from lhl.cli import COMMANDS, errors_as_sentences, main
from lhl.commands.convert import CONVERTERS
from lhl.errors import ConfigError, DataError, Interruption

#: The file of each command; the other tools measure lhl itself.
TOOLS = {name: f'tools/{name.replace("-", "_")}.py' for name in COMMANDS if name != 'convert'}
TOOLS |= {name: f'tools/analysis_tools/{name.replace("-", "_")}.py'
          for name in ('compare', 'report', 'model-size', 'gradients')}
TOOLS |= {f'convert {name}': f'tools/dataset_converters/{name.replace("-", "_")}.py' for name in CONVERTERS}


@pytest.fixture
def lhl_command(monkeypatch, capsys):
    """Run ``lhl`` in this process; its exit code, stdout and stderr."""
    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['lhl', *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()
    return run


# ---- the commands --------------------------------------------------------------------------------------------------

def test_every_command_has_a_tool_and_explains_itself_before_anything_heavy_is_imported():
    program = f'''
import runpy, sys
for path, *words in {[['lhl/__main__.py', *name.split()] for name in ('', *TOOLS, 'convert')]
                     + [[path] for path in TOOLS.values()]!r}:
    sys.argv = [path, *words, '--help']
    try:
        runpy.run_path(path, run_name='__main__')
    except SystemExit as end:
        assert end.code == 0
    else:
        raise AssertionError(path)
print(sorted({{'torch', 'numpy', 'mmengine', 'mmcv', 'mmseg', 'cv2'}} & set(sys.modules)))
'''
    found = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    usages = [line.partition(' [-h]')[0] for line in lines if line.startswith('usage: ')]
    of_commands = [f'usage: lhl {name}' for name in TOOLS]
    assert usages == ['usage: lhl', *of_commands, 'usage: lhl convert', *of_commands]
    assert lines[-1] == '[]'


@pytest.mark.parametrize('name', COMMANDS)
def test_the_help_of_every_command_has_an_example_that_it_takes(lhl_command, monkeypatch, name):
    module = import_module(f'lhl.commands.{name.replace("-", "_")}')
    words = shlex.split(re.search(r'Example: lhl (.*)', module.__doc__)[1])
    assert words[0] == name
    called = []
    monkeypatch.setattr(module, 'run', called.append)
    assert lhl_command(*words) == (0, '', '') and len(called) == 1


def test_every_tool_is_but_its_command():
    assert all(len((ROOT / path).read_text().splitlines()) <= 5 for path in TOOLS.values())


def test_the_version_is_printed(lhl_command):
    assert lhl_command('--version') == (0, f'lhl {lhl.__version__}\n', '')


@pytest.mark.parametrize('arguments, message', [
    (['trian'], "found 'trian'; did you mean 'train'?"), (['convert', 'nyuv'], "did you mean 'nyuv2' or 'nyud'?"),
    (['train', 'c.py', '--launcher', 'slrum'], "found 'slrum'; did you mean 'slurm'?"), ([], 'COMMAND'),
    (['train', 'c.py', '--resum', '--work'], 'expected one argument')])
def test_a_misspelt_command_gets_a_suggestion(lhl_command, arguments, message):
    code, out, err = lhl_command(*arguments)
    assert code == 2 and out == '' and message in err


@pytest.mark.slow
def test_nothing_greets_people():
    found = subprocess.run([sys.executable, '-m', 'lhl', 'benchmark', '--list'], capture_output=True, text=True)
    assert found.stderr == '' and found.stdout.startswith('synthrooms3: ')


def test_ctrl_c_is_one_line_that_says_how_to_go_on(lhl_command, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt
    monkeypatch.setattr('lhl.apis.benchmark.run_benchmark', interrupted)
    assert lhl_command('benchmark', 'tiny_synthrooms') == (
        130, '', 'interrupted; run the same command again to continue\n')
    monkeypatch.setattr('lhl.apis.compare_runs', interrupted)
    assert lhl_command('compare', 'a', '--reference', 'a') == (130, '', 'interrupted\n')
    monkeypatch.setattr('lhl.commands.train.config_of_run', interrupted)
    monkeypatch.setenv('LOCAL_RANK', '0')
    assert lhl_command('train', 'a.py')[2] == 'interrupted; run the same command again to continue\n'


@pytest.mark.parametrize('number, status', [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 143)])
def test_a_run_that_a_signal_ended_says_once_what_is_saved(lhl_command, monkeypatch, tmp_path, number, status):
    def interrupted(*_, **__):
        raise Interruption(number, 'in phase 2')
    monkeypatch.setattr('lhl.commands.train.config_of_run', lambda args, config: Config(dict(work_dir=str(tmp_path))))
    monkeypatch.setattr('lhl.engine.train_stream', interrupted)
    monkeypatch.setenv('LOCAL_RANK', '0')
    assert lhl_command('train', 'a.py') == (  # there is nothing yet that could be resumed
        status, '', 'interrupted in phase 2; run the same command again to continue\n')
    (tmp_path / 'results.json').touch()
    assert lhl_command('train', 'a.py') == (
        status, '', 'interrupted in phase 2; run the same command with --resume to continue\n')
    monkeypatch.setenv('RANK', '1')
    assert lhl_command('train', 'a.py') == (status, '', '')


# ---- parameters are flags ------------------------------------------------------------------------------------------

@pytest.mark.parametrize('command, said, printed', [
    (['train', 'c.py'], 'add `resume=True` to continue it, or choose another `work_dir`',
     'add --resume to continue it, or choose another --work-dir'),
    (['train', 'c.py'], 'found `until=0` and `seed=-1`', 'found --until 0 and --seed -1'),
    (['train', 'c.py'], 'change `options` of `config`', 'change --cfg-options of CONFIG'),
    (['train', 'c.py'], 'give `cfg_options=a.b=FILE`', 'give --cfg-options a.b=FILE'),
    (['train', 'c.py'], 'keep `phases`, `train_cfg.max_epochs=2` and `without_old_data=True`',
     'keep `phases`, --cfg-options train_cfg.max_epochs=2 and `without_old_data=True`'),
    (['report', 'r', '--out', 'o'], 'the `runs` have not finished; add `resume=True` to continue `work_dir`',
     'the RUN have not finished; add lhl train --resume to continue `work_dir`'),
    (['convert', 'nyuv2', 'r', 'o'], 'choose another `normals`', 'choose another --normals'),
    (['benchmark', 's'], 'give `seeds` once', 'give --seeds once')])
def test_the_parameters_of_an_error_are_the_flags_of_the_command(lhl_command, monkeypatch, command, said, printed):
    def refuse(*_, **__):
        raise ConfigError(said)
    for name in ('train', 'report', 'convert', 'benchmark'):
        monkeypatch.setattr(f'lhl.commands.{name}.run', refuse)
    assert lhl_command(*command) == (1, '', f'error: {printed}\n')


def test_several_problems_are_a_line_each(lhl_command, monkeypatch):
    def refuse(*_):
        raise ConfigError('phases: found\nnone', 'add `resume=True`')
    monkeypatch.setattr('lhl.commands.train.run', refuse)
    assert lhl_command('train', 'c.py') == (1, '', 'error: phases: found none\nerror: add --resume\n')


# ---- errors are sentences ------------------------------------------------------------------------------------------

@pytest.mark.parametrize('error, line', [
    (ConfigError('found a, expected b'), 'error: found a, expected b\n'),
    (ConfigError('a config\nwith a message: of several\nlines'), 'error: a config with a message: of several lines\n'),
    (ConfigError(''), 'error: \n'),
    (DataError('image \x1b]0;owned\x07\ud800.npy: found é'), 'error: image \\x1b]0;owned\\x07\\ud800.npy: found é\n'),
    (DataError('Caught DataError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n'
               '  File "a.py", line 1\nValueError: inner\n\nlhl.errors.DataError: image a.npy: found x,\nexpected y\n'),
     'error: image a.npy: found x, expected y\n')])
def test_every_error_is_one_line(capsys, monkeypatch, error, line):
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    with pytest.raises(SystemExit) as end, errors_as_sentences():
        raise error
    assert end.value.code == 1 and capsys.readouterr().err == line


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    with pytest.raises(ZeroDivisionError), errors_as_sentences():
        raise ZeroDivisionError
