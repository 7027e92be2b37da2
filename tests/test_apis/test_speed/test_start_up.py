"""The benchmark of starting up, and what a training does not wait for."""
import subprocess
import sys
from pathlib import Path

import pytest

from lhl.apis.speed.start_up import measure_start_up, processor_seconds_of, seconds_to_first_iteration
from lhl.errors import RunError

_WORKS = 'import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n'


def test_the_time_of_a_process_is_that_of_all_it_has_started():
    """0.2 s of its own, 0.3 s of a child that has ended and 0.25 s of one that lives."""
    ended, lives = (f'[sys.executable, "-c", {_WORKS.format(seconds=seconds)!r} + {rest!r}]'
                    for seconds, rest in ((0.3, ''), (0.25, 'print("done", flush=True)\ninput()')))
    parent = (f'import subprocess, sys\nsubprocess.run({ended})\n{_WORKS.format(seconds=0.2)}'
              f'child = subprocess.Popen({lives}, stdout=subprocess.PIPE, stdin=subprocess.PIPE)\n'
              f'child.stdout.readline()\nprint("done", flush=True)\ninput()\nchild.communicate(b"\\n")')
    with subprocess.Popen([sys.executable, '-c', parent], stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        process.stdout.readline()
        seconds = processor_seconds_of(process.pid)
        process.communicate(b'\n')
    assert 0.7 <= seconds  # what starts three interpreters comes on top; the ticks are of 10 ms
    assert process.returncode == 0


def test_training_does_not_wait_for_what_draws_figures():
    code = ('import sys\nimport lhl.commands.train, lhl.engine, lhl.engine.runtime.optim_wrapper\n'
            'print([name for name in ("matplotlib", "lhl.apis", "lhl.visualization") if name in sys.modules])')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_a_training_that_ends_too_early_is_shown(tmp_path):
    checkout = Path(__file__).parent  # holds no tools/train.py
    with pytest.raises(RunError, match="ended before its first iteration: .*can't open file"):
        seconds_to_first_iteration(checkout, 'had/had_tiny_synthrooms.py', tmp_path, tmp_path / 'run')


@pytest.mark.slow
def test_a_command_is_followed_to_its_first_iteration():
    report = measure_start_up(repeats=1)
    names = [line.split(')  ')[1] for line in report.splitlines()[1:]]
    assert names == ['import torch, mmengine.runner, mmseg.models', 'arguments are read, this checkout',
                     'the first phase begins, this checkout', 'its first iteration is done, this checkout']
    _, arguments, begins, done = (float(line.split()[0]) for line in report.splitlines()[1:])
    assert 0 < arguments < begins < done  # each includes what comes before
