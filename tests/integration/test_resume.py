import json
import random
import signal

import pytest
from test_engine.tiny_stream import FOLDERS, ROOT, run_tool, write_config

from lhl.engine.checkpoint import training_checkpoints
from lhl.evaluation import Results

HOOK = "custom_imports = dict(imports=['integration.kill_hook'])\ncustom_hooks = [dict(type='KillHook')]\n"


@pytest.mark.parametrize('workers, seed', [(2, 3), pytest.param(0, 5, marks=pytest.mark.slow)])
def test_a_run_killed_once_in_every_phase_ends_with_the_weights_of_an_uninterrupted_one(
        finished, tmp_path, data_root, workers, seed):
    loaders = ''.join(f'{name}.update(num_workers={workers}, persistent_workers={workers > 0})\n'
                      for name in ('train_dataloader', 'val_dataloader'))
    config = write_config(tmp_path / 'killed.py', data_root, extra=HOOK + loaders)
    command = (ROOT / 'tools/train.py', config, '--work-dir', tmp_path / 'run')
    whole = Results.load(finished('HAD')[1])  # without workers, in this process
    generator = random.Random(seed)
    for phase in (1, 2, 3):
        iteration = generator.randrange(6)
        killed = run_tool(*command, *(['--resume'] if phase > 1 else []), KILL_AT=f'{phase}:{iteration}')
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert len(Results.load(tmp_path / 'run').phases) == phase - 1
        # A checkpoint after each epoch of three batches, so one is there from the fourth iteration on.
        assert len(training_checkpoints(tmp_path / 'run' / FOLDERS[phase - 1])) == (iteration >= 3)
    resumed = run_tool(*command, '--resume')
    assert resumed.returncode == 0, resumed.stderr
    results = json.loads((tmp_path / 'run' / 'results.json').read_text())
    assert [phase['weights_sha256'] for phase in results['phases']] == [
        phase.weights_sha256 for phase in whole.phases]
    assert [phase['metrics'] for phase in results['phases']] == [phase.metrics for phase in whole.phases]
