import os
import signal
import subprocess
import sys

import pytest

from lhl.engine.runtime import orphans

#: Starts a process that would sleep for minutes, says its number, and is killed.
LAUNCHER = f'''
import os, signal, subprocess, sys
if sys.argv[2] == 'benchmark':
    os.environ['{orphans.PARENT}'] = str(os.getpid())
child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
'''
WORKER = f'''
import runpy, signal, sys, time
end_with_parent = runpy.run_path('{orphans.__file__}')['end_with_parent']  # without torch, at once
signal.signal(signal.SIGTERM, lambda *_: (open('ended', 'w').close(), sys.exit()))
end_with_parent()
print('started', flush=True)
time.sleep(SECONDS)
open('slept', 'w').close()
'''


@pytest.mark.parametrize('launcher, ends', [('benchmark', True), ('torchrun', True), ('shell', False)])
def test_a_process_ends_with_the_launcher_that_was_killed(tmp_path, launcher, ends):
    environment = {**os.environ, **({'TORCHELASTIC_RUN_ID': 'x'} if launcher == 'torchrun' else {})}
    worker = WORKER.replace('SECONDS', '120' if ends else '2')
    # The launcher's own output ends when the worker, which has inherited its stderr, does.
    finished = subprocess.run([sys.executable, '-c', LAUNCHER, worker, launcher], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=100)
    assert finished.returncode == -signal.SIGKILL
    assert sorted(os.listdir(tmp_path)) == (['ended'] if ends else ['slept'])
