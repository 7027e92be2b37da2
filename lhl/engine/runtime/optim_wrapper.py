"""The optimizer step: mixed precision on any device, and the only place where a method edits gradients or updates."""
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn
from torch.utils._foreach_utils import _get_fused_kernels_supported_devices

from lhl.engine.plan.entries import LR_GROUPS
from lhl.errors import ConfigError, suggest
from lhl.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS

from .process_group import unwrapped

if TYPE_CHECKING:
    from lhl.methods import Method, Student
    from lhl.models import Learner

#: What :class:`MethodOptimWrapper` autocasts to for each value of ``amp``; TF32 is a way to multiply float32.
AMP_DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16, 'tf32': None}
NONFINITE = ('stop', 'skip')


def nonfinite_problems(nonfinite: object, max_skipped: object, where: str = 'optim_wrapper') -> Iterator[str]:
    """Say what is wrong with the options for gradients that are not finite."""
    if nonfinite not in NONFINITE:
        yield f'{where}.nonfinite={nonfinite!r} is unknown; {suggest(str(nonfinite), NONFINITE)}'
    if not isinstance(max_skipped, int) or max_skipped < 0:
        yield f'{where}.max_skipped={max_skipped!r} is impossible; give a whole number of at least 0'


def preferred_amp() -> str:
    """Choose the half precision for this machine: bfloat16, which needs no loss scaling, unless the GPU lacks it.

    A processor that lacks it is slower with it than with float32, which is said in a warning.
    """
    if torch.cuda.is_available():
        return 'bfloat16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'float16'
    if get_device() == 'cpu' and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        print_log('mixed precision is slower than float32 here: this processor does not compute with bfloat16',
                  logger='current', level=logging.WARNING)
    return 'bfloat16'


@OPTIM_WRAPPERS.register_module()
class MethodOptimWrapper(OptimWrapper):
    """mmengine's wrapper with autocast on CPU and GPU, and with the method's edits in their right place.

    The order is: backward, all-reduce, unscale, the method's gradient edit, clip, step, the method's update edit.

    Args:
        optimizer: The optimizer.
        amp: ``None`` for float32, ``'bfloat16'``, ``'float16'`` with dynamic loss scaling, or ``'tf32'``: float32 whose
            products are of 10 bits on GPUs that have it. Convolutions are that by PyTorch's default, in any case.
        nonfinite: What to do where a gradient is not finite: ``'stop'`` the run, or ``'skip'`` the update, which has to
            wait for the device in every iteration. With loss scaling an overflow of gradients is normal and is neither.
        max_skipped: How many updates of a phase may be skipped before the run stops after all.
        **kwargs: Of :class:`mmengine.optim.OptimWrapper`: ``accumulative_counts``, ``clip_grad``.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, amp: str | None = None, nonfinite: str = 'stop',
                 max_skipped: int = 10, **kwargs) -> None:
        super().__init__(optimizer, **kwargs)
        if amp is not None and amp not in AMP_DTYPES:
            raise ConfigError(f'optim_wrapper.amp={amp!r} is unknown; {suggest(amp, AMP_DTYPES)}')
        for problem in nonfinite_problems(nonfinite, max_skipped):
            raise ConfigError(problem)
        self.nonfinite, self.max_skipped = nonfinite, max_skipped
        self.num_skipped, self.was_skipped = 0, False
        #: Of the last update, on the device; None where the iteration had none, or the loss scaling looks after it.
        self.has_finite_gradients: torch.Tensor | None = None
        self.device_type = torch.device(get_device()).type
        self.amp_dtype = AMP_DTYPES[amp] if amp is not None else None
        torch.backends.cuda.matmul.allow_tf32 = amp == 'tf32'
        self.scaler = torch.amp.GradScaler(self.device_type, enabled=amp == 'float16')
        self.edits: str | None = None

    def attach(self, method: 'Method', learner: 'Learner') -> None:
        """Let a method edit the gradients or updates of the learner, if it requires that."""
        self.method = method
        self.learner = learner
        self.edits = method.requires.edits

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast the forward pass where mixed precision is on."""
        with super().optim_context(model), torch.autocast(
                self.device_type, self.amp_dtype, enabled=self.amp_dtype is not None):
            yield

    def backward(self, loss: torch.Tensor, **kwargs) -> None:
        """Back-propagate the scaled loss."""
        self.has_finite_gradients, self.was_skipped = None, False
        super().backward(self.scaler.scale(loss), **kwargs)

    def step(self, **kwargs) -> None:
        """Unscale, let the method edit the gradients, clip, step, let the method edit the update."""
        self.scaler.unscale_(self.optimizer)
        if self.edits == 'gradient':
            with torch.no_grad():
                self.method.edit_gradients(self.learner)
        if not self.scaler.is_enabled():
            self.has_finite_gradients = self._look_at_gradients()
            if self.nonfinite == 'skip' and not self.has_finite_gradients:
                self.was_skipped, self.num_skipped = True, self.num_skipped + 1
                return
        if self.clip_grad_kwargs:
            self._clip_grad()
        if self.edits == 'update':
            before = {name: p.detach().clone() for name, p in self.learner.named_parameters() if p.requires_grad}
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update()
        if self.edits == 'update':
            with torch.no_grad():
                self.method.edit_update(self.learner, before)

    def _look_at_gradients(self) -> torch.Tensor:
        """Say on the device whether all gradients are finite."""
        gradients = [parameter.grad for group in self.optimizer.param_groups for parameter in group['params']
                     if parameter.grad is not None]
        if not gradients:
            return torch.tensor(True)
        return torch.stack(torch._foreach_norm(gradients, math.inf)).isfinite().all()

    def state_dict(self) -> dict:
        """Add the loss scale, and how many updates were skipped, to the optimizer's state."""
        skipped = {'skipped': self.num_skipped} if self.num_skipped else {}
        return {**super().state_dict(), 'scaler': self.scaler.state_dict(), **skipped}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take back what :meth:`state_dict` gave."""
        state_dict = dict(state_dict)
        self.num_skipped = state_dict.pop('skipped', 0)
        self.scaler.load_state_dict(state_dict.pop('scaler'))
        super().load_state_dict(state_dict)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PhaseOptimWrapperConstructor:
    """Build the optimizer of a phase: one parameter group each for the backbone, the new head and the old heads.

    The backbone's group is named ``'encoder'``. A head that a new task shares with old ones is a new head. What the
    method itself learns is a fourth group, without weight decay. Frozen parameters are in none. Each phase has a new
    optimizer: moments of the phase before would move what it learned.

    Args:
        optim_wrapper_cfg: Config of the wrapper, with ``optimizer`` inside.
        paramwise_cfg: ``dict(new_tasks=[...], lr_factors=dict(encoder=1, new_head=1, old_heads=1, method=1))``;
            the engine fills it in from the phase.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict) -> None:
        self.optim_wrapper_cfg = dict(optim_wrapper_cfg)
        self.optimizer_cfg = dict(self.optim_wrapper_cfg.pop('optimizer'))
        self.new_tasks = tuple(paramwise_cfg['new_tasks'])
        self.lr_factors = dict.fromkeys(LR_GROUPS, 1.0) | dict(paramwise_cfg.get('lr_factors') or {})

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the wrapper for a student, or for a student inside a model wrapper."""
        student: Student = unwrapped(model)
        new_heads = tuple(f'heads.{name}.' for name in student.learner.heads_of(self.new_tasks))
        members: dict[str, list[nn.Parameter]] = {group: [] for group in LR_GROUPS}
        for name, parameter in student.learner.named_parameters():
            if parameter.requires_grad:
                members[self._group_of(name, new_heads)].append(parameter)
        members['method'].extend(student.method_parameters.values())
        groups = [
            dict(params=parameters, lr=self.optimizer_cfg['lr'] * self.lr_factors[group], name=group,
                 **(dict(weight_decay=0.0) if group == 'method' else {}))
            for group, parameters in members.items() if parameters
        ]
        devices = {parameter.device.type for group in groups for parameter in group['params']}
        if self.optimizer_cfg.get('fused') and not devices <= set(_get_fused_kernels_supported_devices()):
            self.optimizer_cfg['fused'] = False  # a matter of speed, so not of whether it runs
        optimizer = OPTIMIZERS.build(dict(self.optimizer_cfg, params=groups))
        return OPTIM_WRAPPERS.build(dict(self.optim_wrapper_cfg, optimizer=optimizer))

    def _group_of(self, name: str, new_heads: tuple[str, ...]) -> str:
        if not name.startswith('heads.'):
            return 'encoder'
        return 'new_head' if name.startswith(new_heads) else 'old_heads'
