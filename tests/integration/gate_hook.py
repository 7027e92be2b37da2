"""A hook that holds its process up, or sends it signals, named by a config through ``custom_imports``."""
import os
import signal
import time
from pathlib import Path

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from lhl.registry import HOOKS


@HOOKS.register_module()
class GateHook(Hook):
    """Say in the first iteration that it is there, and wait until the file that ``GATE`` names is gone."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        gate = Path(os.environ['GATE'])
        if gate.exists() and not gate.read_text():
            gate.write_text(str(os.getpid()))
        while gate.exists():
            time.sleep(0.02)


@HOOKS.register_module()
class SignalHook(Hook):
    """Send this process what ``SIGNAL_AT=phase:iteration:signal:rank`` names, before that iteration."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        phase, iteration, name, rank = os.environ.get('SIGNAL_AT', '0:0:SIGTERM:0').split(':')
        if (runner.phase.index, runner.iter) == (int(phase), int(iteration)) and rank in ('all', str(get_rank())):
            os.kill(os.getpid(), getattr(signal, name))
