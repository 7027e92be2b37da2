"""A hook that holds its process up, or sends it signals, named by a config through ``custom_imports``."""
import multiprocessing
import os
import signal
import time
from pathlib import Path

import torch
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
    """Send ``SIGNALS``, names with spaces, to this process and its loaders' workers before the iteration that
    ``SIGNAL_AT=phase:iteration:rank`` names.
    """

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if os.environ.get('SIGNAL_AT') == f'{runner.phase.index}:{runner.iter}:{get_rank()}':
            for name in os.environ['SIGNALS'].split():
                for process in (*(child.pid for child in multiprocessing.active_children()), os.getpid()):
                    os.kill(process, getattr(signal, name))


@HOOKS.register_module()
class NaNHook(Hook):
    """Make the images of one process NaN before the iteration that ``NAN_AT=phase:iteration:rank`` names."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if os.environ.get('NAN_AT') == f'{runner.phase.index}:{runner.iter}:{get_rank()}':
            data_batch['inputs'] = torch.full_like(data_batch['inputs'], torch.nan, dtype=torch.float32)
