"""What goes wrong in one of two processes ends both, and is said once."""
import os
import re

import pytest
from test_engine.tiny_stream import ROOT, listing, run_tool, write_config, write_data

from lhl.engine.checkpoint import training_checkpoints
from lhl.evaluation import Results
from lhl.lock import only_writer
from lhl.weight_files import read_checkpoint

from .test_distributed import free_port

TOOL = ROOT / 'tools/dist_train.sh'
EXTRA = ("custom_imports = dict(imports=['integration.gate_hook'])\ncustom_hooks = [dict(type='NaNHook')]\n"
         "phases = [dict(task='segmentation'), dict(task='depth')]\n")


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path / 'c.py', write_data(tmp_path / 'data', per_phase=8, val=2), extra=EXTRA)


def errors(finished):
    assert finished.returncode not in (0, None)
    return [line for line in finished.stderr.splitlines() if line.startswith('error: ')]


@pytest.mark.slow
def test_a_folder_in_use_is_refused_by_both_and_said_once(config, tmp_path):
    run = tmp_path / 'run'
    with only_writer(run):
        before = listing(run)
        refused = run_tool(TOOL, config, '2', '--work-dir', run, PORT=free_port())
        assert listing(run) == before
    found, = errors(refused)
    assert found.startswith(f'error: {run} is in use by process {os.getpid()} on ')
    assert 'Traceback (most recent call last)' not in refused.stderr.partition('ChildFailedError')[0]


@pytest.mark.slow
def test_a_divergence_in_one_of_two_processes_ends_both_and_is_said_once(config, tmp_path):
    """The second process alone sees NaN; its gradients reach the first, but the loss there is finite."""
    run = tmp_path / 'run'
    diverged = run_tool(TOOL, config, '2', '--work-dir', run, PORT=free_port(), NAN_AT='1:3:1')
    found, = errors(diverged)
    # Two batches of 2 an epoch and process: the fourth iteration ends the second epoch.
    assert re.match(rf'error: phase 1, iteration 4: the loss term \S+ of the task segmentation is nan, on the batch of '
                    rf'{tmp_path}/data/[^;]+; the last good checkpoint is {run}/phase1_segmentation/epoch_1.pth; lower',
                    found), found
    saved = training_checkpoints(run / 'phase1_segmentation')
    assert [path.name for path in saved] == ['epoch_1.pth'] and Results.load(run).phases == []
    weights = read_checkpoint(saved[0], needs_digest=True)['state_dict']
    assert all(value.isfinite().all() for value in weights.values())
