import os
import socket
import subprocess
import sys

import pytest
from test_engine.tiny_stream import ROOT, listing, run_tool, write_config

from lhl.evaluation import Results

HOOK = "custom_imports = dict(imports=['integration.gate_hook'])\ncustom_hooks = [dict(type='GateHook')]\n"


@pytest.mark.slow
def test_of_two_processes_in_one_work_dir_one_trains_as_if_it_were_alone(finished, tmp_path, data_root):
    """Two seeds, started into one folder: the second is refused, whatever it was told, and changes nothing."""
    gate, run = tmp_path / 'gate', tmp_path / 'run'
    config = write_config(tmp_path / 'gated.py', data_root, extra=HOOK)
    gate.touch()
    command = [sys.executable, ROOT / 'tools/train.py', config, '--work-dir', run]
    first = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={
            **os.environ, 'OMP_NUM_THREADS': '1', 'GATE': str(gate),
            'PYTHONPATH': os.pathsep.join([str(ROOT / 'tests'), os.environ.get('PYTHONPATH', '')])})
    try:
        while not gate.read_text():
            assert first.poll() is None, first.communicate()[0]
        before = listing(run)
        for options in (['--seed', '1'], [], ['--resume'], ['--seed', '1', '--resume']):
            second = run_tool(*command[1:], *options, GATE=str(gate))
            assert second.returncode == 1
            assert second.stderr.startswith(f'error: {run} is in use by process {first.pid} on {socket.gethostname()}')
            assert second.stderr.endswith('; wait until it ends, or choose another --work-dir\n')
            assert second.stderr.count('\n') == 1
            assert listing(run) == before
    finally:
        gate.unlink()
        output, _ = first.communicate()
    assert first.returncode == 0, output
    whole = Results.load(finished('HAD')[1])
    assert [phase.weights_sha256 for phase in Results.load(run).phases] == [
        phase.weights_sha256 for phase in whole.phases]
    assert not (run / '.lock').exists()
