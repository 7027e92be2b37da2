"""Compiles the networks of a training with torch.compile."""
from typing import TYPE_CHECKING, Any

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from torch import nn

from lhl.errors import ConfigError

if TYPE_CHECKING:
    from lhl.engine.runtime.runner import PhaseRunner


class CompileHook(Hook):
    """Run the student's backbone and heads compiled while it trains; losses and methods stay as they are.

    What a method does at the end of the phase, such as looking into layers, sees the plain networks again. Weights,
    their names and checkpoints are the same.

    Args:
        options: Of :func:`torch.compile`, such as ``dict(mode='max-autotune')``.
    """

    priority = 'HIGHEST'  # before the method ends its phase

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def before_train(self, runner: 'PhaseRunner') -> None:
        """Compile the networks when they are next called.

        Raises:
            ConfigError: If nothing can be compiled here.
        """
        try:
            torch.compile(torch.sin, **self.options)(torch.ones(2, device=get_device()))
        except Exception as error:  # what fails depends on the backend: a compiler, Python's headers, an option
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ConfigError(f'compile={self.options or True} cannot be used here ({reason}); install a C++ compiler, '
                              f'correct the options, or remove it') from error
        from torch._inductor import config  # start-up does not wait for it
        config.fallback_random = True  # dropout draws as it does in plain networks
        for network in self._networks(runner):
            network.compile(**self.options)
        runner.logger.info('the backbone and the heads are compiled in the first iterations, which take long')

    def after_train(self, runner: 'PhaseRunner') -> None:
        """Go on with the plain networks."""
        for network in self._networks(runner):
            network._compiled_call_impl = None

    def _networks(self, runner: 'PhaseRunner') -> list[nn.Module]:
        return [runner.learner.backbone, *runner.learner.heads.values()]
