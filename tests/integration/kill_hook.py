"""A hook that kills its process, named by a config through ``custom_imports``."""
import os
import signal

from mmengine.hooks import Hook

from lhl.registry import HOOKS


@HOOKS.register_module()
class KillHook(Hook):
    """Kill the process as a power cut would, before the iteration that ``KILL_AT=phase:iteration`` names."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if os.environ.get('KILL_AT') == f'{runner.phase.index}:{runner.iter}':
            os.kill(os.getpid(), signal.SIGKILL)
