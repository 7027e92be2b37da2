import json
import shutil

import pytest
from sentences import the_error
from test_engine.tiny_stream import FOLDERS

from lhl.evaluation import Results
from lhl.visualization import metrics_table


def test_testing_a_run_prints_the_recorded_metrics(tool, finished, tmp_path):
    run = shutil.copytree(finished('HAD')[1], tmp_path / 'run')
    recorded, units = Results.load(run).phases, Results.load(run).units
    code, stdout, _ = tool('test.py', run, '--out', tmp_path / 'metrics.json')
    assert code == 0 and stdout.strip().endswith(
        f'{metrics_table(recorded[-1].metrics, units)}\nmetrics: {tmp_path}/metrics.json')
    assert json.loads((tmp_path / 'metrics.json').read_text()) == recorded[-1].metrics
    code, stdout, _ = tool('test.py', run / FOLDERS[0] / 'phase.safetensors')
    assert code == 0 and stdout.strip().endswith(metrics_table(recorded[0].metrics, units))


def test_testing_nothing_is_one_sentence(tool, finished, tmp_path):
    code, _, stderr = tool('test.py', tmp_path / 'nowhere')
    assert the_error(code, stderr).endswith(
        'nowhere does not exist; give the folder of a run or a phase.safetensors in it')
    code, _, stderr = tool('test.py', tmp_path)
    assert 'results.json does not exist' in the_error(code, stderr)
    (tmp_path / 'text.pth').write_text('no checkpoint')
    code, _, stderr = tool('test.py', tmp_path / 'text.pth')
    assert 'text.pth' in the_error(code, stderr)
    training = finished('HAD')[1] / FOLDERS[0] / 'epoch_2.pth'
    code, _, stderr = tool('test.py', training)
    assert 'use the phase.safetensors of a run' in the_error(code, stderr)


@pytest.mark.parametrize('option, message', [
    ('val_dataloader.dataset.data_root=nowhere', "data_root 'nowhere' is not a folder"),
    ('val_dataloader.dataset.data_rot=nowhere', "'data_rot'"), ('method.type.name=1', '--cfg-options')])
def test_testing_with_impossible_options_is_one_sentence(tool, finished, tmp_path, option, message):
    run = shutil.copytree(finished('Vanilla')[1], tmp_path / 'run')
    code, _, stderr = tool('test.py', run, '--cfg-options', option)
    assert message in the_error(code, stderr)
