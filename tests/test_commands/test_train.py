import shutil

import numpy as np
import pytest
from sentences import the_error
from test_engine.tiny_stream import CONFIGS, ROOT, listing, run_tool, write_config

from lhl.evaluation import Results

ONE_DEPTH_PHASE = "phases = [dict(task='depth')]\ntrain_cfg.update(max_epochs=1)\n"
ONE_LABEL_PHASE = "phases = [dict(task='segmentation')]\ntrain_cfg.update(max_epochs=1)\n"


@pytest.fixture
def data(data_root, tmp_path):
    return shutil.copytree(data_root, tmp_path / 'data')


# ---- errors are sentences ------------------------------------------------------------------------------------------

def test_a_missing_config_is_said_by_the_real_command(tmp_path):
    found = run_tool(ROOT / 'tools/train.py', tmp_path / 'nothing.py')
    assert the_error(found.returncode, found.stderr).endswith(
        f'nothing.py does not exist; the configs of lhl are in {CONFIGS}')
    assert found.stdout == ''


@pytest.mark.parametrize('text, message', [
    ('a = (\n', 'SyntaxError'), ("_base_ = ['nowhere.py']\n", 'nowhere.py'), ('a = b\n', 'NameError'),
    ("custom_imports = dict(imports=['no_such_module'])\n", 'no_such_module')])
def test_a_config_that_cannot_be_read_is_one_sentence(tool, tmp_path, text, message):
    (tmp_path / 'broken.py').write_text(text)
    code, _, stderr = tool('train.py', tmp_path / 'broken.py', '--work-dir', tmp_path / 'run')
    assert message in the_error(code, stderr)
    assert not (tmp_path / 'run').exists()


def test_all_that_an_empty_config_misses_is_said_at_once(tool, tmp_path):
    (tmp_path / 'empty.py').write_text('a = 1\n')
    code, _, stderr = tool('train.py', tmp_path / 'empty.py', '--work-dir', tmp_path / 'run')
    assert code == 1 and not (tmp_path / 'run').exists()
    assert all(f"error: the config has no '{name}'; " in stderr for name in ('model', 'tasks', 'phases', 'method'))
    assert all(line.startswith('error: ') for line in stderr.splitlines())


@pytest.mark.parametrize('option, cure', [
    ('methd.alpha=1', "did you mean 'method'?"), ('method.alhpa=1', "did you mean 'alpha'?"),
    ('train_cfg.max_epoch=1', "did you mean 'max_epochs'"), ('optim_wrapper.optimizer.lrr=1', "did you mean 'lr'?"),
    ('method.type.name=HAD', '--cfg-options does not fit the config'), ('phases.7.task=depth', '--cfg-options')])
def test_a_misspelt_option_is_named_before_anything_is_written(tool, tmp_path, data_root, option, cure):
    config = write_config(tmp_path / 'c.py', data_root)
    code, _, stderr = tool('train.py', config, '--work-dir', tmp_path / 'run', '--cfg-options', option)
    assert cure in the_error(code, stderr)
    assert not (tmp_path / 'run').exists()


def test_resuming_nothing_is_one_sentence_and_writes_nothing(tool, tmp_path, data_root):
    config = write_config(tmp_path / 'c.py', data_root)
    before = listing(tmp_path)
    code, _, stderr = tool('train.py', config, '--work-dir', tmp_path / 'run', '--resume')
    assert '--resume found no results.json' in the_error(code, stderr)
    assert listing(tmp_path) == before


def test_a_missing_data_folder_says_how_to_get_one(tool, tmp_path):
    config = write_config(tmp_path / 'c.py', tmp_path / 'no_data')
    code, _, stderr = tool('train.py', config, '--work-dir', tmp_path / 'run')
    sentences = stderr.splitlines()
    assert code == 1 and len(sentences) == 2
    assert all('no_data' in sentence and 'lhl convert synth-rooms' in sentence for sentence in sentences)


def truncate(folder):
    path = folder / 'train' / 'depth' / '0.npy'
    path.write_bytes(path.read_bytes()[:-100])


def change(folder, name, value):
    path = folder / 'train' / name / '0.npy'
    array = np.load(path)
    array[3, 4] = value
    np.save(path, array)


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('damage, phases, message', [
    (truncate, ONE_DEPTH_PHASE, ['depth/0.npy', 'truncated']),
    (lambda folder: change(folder, 'depth', np.nan), ONE_DEPTH_PHASE, ['depth/0.npy', '1 values that are NaN']),
    (lambda folder: change(folder, 'label', 13), ONE_LABEL_PHASE, ['label/0.npy', 'found labels from 0 to 13',
                                                                     'expected 0 to 12']),
], ids=['truncated', 'NaN depth', 'label out of range'])
def test_impossible_data_is_named_from_wherever_it_is_loaded(tool, tmp_path, data, damage, phases, message, workers):
    damage(data)
    config = write_config(tmp_path / 'c.py', data, extra=phases)
    code, _, stderr = tool('train.py', config, '--work-dir', tmp_path / 'run',
                           '--cfg-options', f'train_dataloader.num_workers={workers}')
    error = the_error(code, stderr)
    assert all(part in error for part in message), error


def test_imagenet_weights_that_cannot_be_loaded_say_how_to_go_on(tmp_path, data_root):
    loaders = [f'{name}.{key}={value}' for name in ('train_dataloader', 'val_dataloader')
               for key, value in (('batch_size', 2), ('num_workers', 0), ('dataset.data_root', data_root))]
    found = run_tool(
        ROOT / 'tools/train.py', CONFIGS / 'had/had_r18_nyuv2.py', '--work-dir', tmp_path / 'run',
        '--cfg-options', *loaders, https_proxy='http://127.0.0.1:9', no_proxy='', TORCH_HOME=str(tmp_path))
    error = the_error(found.returncode, found.stderr)
    assert 'resnet18-f37072fd.pth' in error
    assert '--cfg-options model.backbone.init_cfg.checkpoint=FILE' in error
    assert 'train from scratch with --cfg-options model.backbone.init_cfg=None' in error


# ---- training ------------------------------------------------------------------------------------------------------

def test_training_prints_a_table_and_where_the_results_are(tool, tmp_path, data_root, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_config(tmp_path / 'mine.py', data_root, extra=ONE_DEPTH_PHASE)
    code, stdout, _ = tool('train.py', config)
    assert code == 0
    assert 'AbsErr' in stdout and stdout.splitlines()[-2:] == [
        'results: work_dirs/mine/results.json',
        'next: lhl predict work_dirs/mine IMAGES --out FOLDER, lhl extend work_dirs/mine --config NEW_TASK.py']
    assert Results.load(tmp_path / 'work_dirs/mine').finished


def test_the_seed_is_recorded_and_decides_the_weights(tool, tmp_path, data_root):
    config = write_config(tmp_path / 'c.py', data_root, extra=ONE_DEPTH_PHASE)
    found = []
    for folder, seed in (('a', 3), ('b', 4), ('c', 3)):
        assert tool('train.py', config, '--work-dir', tmp_path / folder, '--seed', seed)[0] == 0
        found.append(Results.load(tmp_path / folder))
    assert [results.seed for results in found] == [3, 4, 3]
    first, other, again = (results.phases[0].weights_sha256 for results in found)
    assert first == again != other


def test_mixed_precision_trains(tool, tmp_path, data_root):
    config = write_config(tmp_path / 'c.py', data_root, extra=ONE_DEPTH_PHASE)
    for folder, options in (('half', ['--amp']), ('full', [])):
        assert tool('train.py', config, '--work-dir', tmp_path / folder, *options)[0] == 0
    half, full = (Results.load(tmp_path / folder).phases[0] for folder in ('half', 'full'))
    assert half.weights_sha256 != full.weights_sha256
    assert half.metrics['depth']['AbsErr'] == pytest.approx(full.metrics['depth']['AbsErr'], rel=0.05)


def test_a_negative_seed_is_refused(tool, tmp_path, data_root):
    config = write_config(tmp_path / 'c.py', data_root)
    code, _, stderr = tool('train.py', config, '--work-dir', tmp_path / 'run', '--seed', -1)
    assert 'randomness.seed is -1' in the_error(code, stderr)


def test_the_first_line_of_training_comes_at_once_and_the_machine_the_config_and_the_hooks_go_to_the_file(
        tool, tmp_path, data_root, monkeypatch):
    monkeypatch.setattr('mmengine.runner.runner.collect_env', lambda: dict(PyTorch='of some version'))
    config = write_config(tmp_path / 'c.py', data_root, extra=ONE_DEPTH_PHASE + "log_level = 'INFO'\n")
    code, stdout, stderr = tool('train.py', config, '--work-dir', tmp_path / 'run')
    log, = (tmp_path / 'run').rglob('*.log')
    assert code == 0
    for text in ('Hooks will be executed', 'System environment:', 'PyTorch: of some version', 'Config:', 'Exp name: '):
        assert text in log.read_text() and text not in stdout + stderr
    lines = (stderr + stdout).splitlines()
    assert 'learning depth' in lines[0]
    assert next(number for number, line in enumerate(lines) if ', iteration ' in line) < 10
