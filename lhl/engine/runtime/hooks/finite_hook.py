"""Watches over a training: losses, gradients and weights are finite, and there is something to learn from."""
import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from mmengine.dist import all_gather_object, all_reduce, is_distributed
from mmengine.hooks import Hook
from torch import Tensor

from lhl.engine.checkpoint import training_checkpoints
from lhl.engine.runtime.optim_wrapper import MethodOptimWrapper
from lhl.errors import DivergenceError

if TYPE_CHECKING:
    from lhl.engine.runtime.runner import PhaseRunner

#: Below it the loss scale of float16, which begins at 65536 and is halved at each overflow, is of no use any more.
MIN_LOSS_SCALE = 2.0**-10


class _Iteration(NamedTuple):
    """What is looked at later of an iteration: its losses, whether its gradients were finite, and its files."""

    number: int  #: from 1
    losses: dict[str, Tensor]
    has_finite_gradients: Tensor | None
    files: list[str]


class FiniteHook(Hook):
    """Stop a training that has diverged, before it is saved.

    Nothing waits for the device in an iteration: its losses and gradients are looked at once per logging interval, at
    the end of an epoch and before a checkpoint is written. With ``optim_wrapper.nonfinite='skip'`` every iteration is
    looked at, because an update is taken or not.
    """

    priority = 'LOW'  # before whatever saves

    def __init__(self) -> None:
        self.iterations: list[_Iteration] = []
        self.labelled: dict[str, bool] = {}
        self.warned: set[str] = set()
        self.buffers: dict[str, Tensor] = {}

    def before_train(self, runner: 'PhaseRunner') -> None:
        """Begin; what was skipped before an interruption counts."""
        self.interval = next((hook.interval for hook in runner.hooks if hasattr(hook, 'interval_exp_name')), 10)
        wrapper = runner.optim_wrapper
        self.skips = isinstance(wrapper, MethodOptimWrapper) and wrapper.nonfinite == 'skip'
        self.first = runner.iter + 1
        self.any_labelled = dict.fromkeys(runner.phase.new_tasks, False)
        self.labelled = dict(self.any_labelled)

    def before_train_iter(self, runner: 'PhaseRunner', batch_idx: int, data_batch: dict | None = None) -> None:
        """Keep the statistics of the normalisations, which a batch changes before its loss is known."""
        if self.skips:
            self.buffers = {name: buffer.clone() for name, buffer in runner.learner.named_buffers()}

    def after_train_iter(self, runner: 'PhaseRunner', batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Remember the iteration, and look at those since the last time when it is time to."""
        valid = (data_batch or {}).get('valid') or {}
        for name in self.labelled:
            self.labelled[name] = self.labelled[name] or name not in valid or bool(valid[name].any())
        losses = {name: value.detach() for name, value in (outputs or {}).items() if isinstance(value, Tensor)}
        files = [str(meta.get('image_path', meta.get('index'))) for meta in (data_batch or {}).get('meta') or []]
        finite = getattr(runner.optim_wrapper, 'has_finite_gradients', None)
        self.iterations.append(_Iteration(runner.iter + 1, losses, finite, files))
        if self.skips:
            self._take_back(runner)
        if (batch_idx + 1) % self.interval == 0 or self.end_of_epoch(runner.train_dataloader, batch_idx) \
                or self.is_last_train_iter(runner):
            self.check(runner)
            self._check_labels(runner)

    def after_train(self, runner: 'PhaseRunner') -> None:
        """Warn of a task that the phase had no targets of."""
        for name, seen in self.any_labelled.items():
            if not seen and runner.iter >= self.first:
                self._warn(runner, name, f'all {runner.iter - self.first + 1} iterations of phase {runner.phase.index}')

    def check(self, runner: 'PhaseRunner') -> None:
        """Look at the iterations since the last time; called by all processes at the same iteration.

        Raises:
            DivergenceError: If a loss, a gradient or a weight is not finite; in all processes.
        """
        found = self._first_problem(runner)
        if is_distributed():
            failed = torch.tensor(0 if found is None else 1, device=next(runner.learner.parameters()).device)
            all_reduce(failed, op='max')
            if failed:
                found = min((other for other in all_gather_object(found) if other is not None),
                            key=lambda other: (other[0], other[1]))
        if found is not None:
            raise DivergenceError(found[2] + self._cure(runner))
        self.iterations.clear()

    def _first_problem(self, runner: 'PhaseRunner') -> tuple[int, int, str] | None:
        """Find what went wrong first: the iteration, how far from the cause, and the beginning of the sentence."""
        for number, name, value, files in self._values():
            if name is None:
                what = f'a gradient is not finite, on the batch of {files}'
            else:
                task = max((task for task in runner.learner.tasks if name.endswith(f'_{task}')), key=len, default=None)
                of_task = f' of the task {task}' if task else ''
                what = f'the loss term {name}{of_task} is {value}, on the batch of {files}'
            return number, int(name is None), f'phase {runner.phase.index}, iteration {number}: {what}; '
        scaler = getattr(runner.optim_wrapper, 'scaler', None)
        if scaler is not None and scaler.is_enabled() and scaler.get_scale() < MIN_LOSS_SCALE:
            return (runner.iter + 1, 1, f'phase {runner.phase.index}, by iteration {runner.iter + 1}: the gradients '
                                        f'are not finite, however small the loss scale, now {scaler.get_scale():g}; ')
        with torch.no_grad():
            weights = [tensor for tensor in (*runner.learner.parameters(), *runner.learner.buffers())
                       if tensor.is_floating_point() and tensor.numel()]
            if self.iterations and not bool(_all_finite(weights)):
                name = next(name for name, tensor in runner.learner.state_dict().items() if not tensor.isfinite().all())
                return (runner.iter + 1, 2, f'phase {runner.phase.index}, by iteration {runner.iter + 1}: the weights '
                                            f'{name} are not finite; ')
        return None

    def _values(self) -> list[tuple[int, str | None, float, str]]:
        """List what is not finite, in order; one copy from the device for all iterations."""
        found: list[tuple[int, str | None, float, str]] = []
        flags = [loss.float().reshape(()) for one in self.iterations for loss in one.losses.values()]
        flags += [one.has_finite_gradients.float().reshape(()) for one in self.iterations
                  if one.has_finite_gradients is not None]
        values = iter(torch.stack(flags).tolist() if flags else [])
        for one in self.iterations:
            for name in one.losses:
                value = next(values)
                if not math.isfinite(value) and (name != 'loss' or len(one.losses) == 1):
                    found.append((one.number, name, value, ', '.join(one.files)))
        for one in self.iterations:
            if one.has_finite_gradients is not None and not next(values):
                found.append((one.number, None, math.nan, ', '.join(one.files)))
        return sorted(found, key=lambda entry: (entry[0], entry[1] is None))

    def _take_back(self, runner: 'PhaseRunner') -> None:
        """Undo what a batch that is not finite did to the statistics, and count it; the update was not taken."""
        wrapper = runner.optim_wrapper
        if not wrapper.was_skipped:
            return
        problem = self._first_problem(runner)
        what = problem[2] if problem else f'phase {runner.phase.index}, iteration {runner.iter + 1}: '
        if wrapper.num_skipped > wrapper.max_skipped:
            raise DivergenceError(f'{what}more than {wrapper.max_skipped} iterations of the phase were skipped'
                                  + self._cure(runner, '; '))
        for name, buffer in runner.learner.named_buffers():
            buffer.copy_(self.buffers[name])
        self.iterations.pop()
        runner.logger.warning(f'{what}skipped, as {wrapper.num_skipped} of at most {wrapper.max_skipped}')

    def _cure(self, runner: 'PhaseRunner', before: str = '') -> str:
        """Name the last good checkpoint, and what can be done."""
        saved = training_checkpoints(runner.work_dir)
        last = str(saved[0]) if saved else runner.previous_checkpoint
        good = f'the last good checkpoint is {last}' if last else 'nothing was saved before'
        return f'{before}{good}; lower the learning rate, check these files, or set `optim_wrapper.nonfinite=skip`'

    def _check_labels(self, runner: 'PhaseRunner') -> None:
        """Warn, once for each task, of an interval without a single valid target."""
        names = list(self.labelled)
        seen = torch.tensor([self.labelled[name] for name in names], dtype=torch.int64)
        if is_distributed():
            seen = seen.to(next(runner.learner.parameters()).device)
            all_reduce(seen, op='max')
        for name, any_valid in zip(names, seen.tolist(), strict=True):
            self.any_labelled[name] = self.any_labelled[name] or bool(any_valid)
            if not any_valid and name not in self.warned:
                self.warned.add(name)
                self._warn(runner, name, f'the iterations up to {runner.iter + 1} of phase {runner.phase.index}')
        self.labelled = dict.fromkeys(names, False)

    def _warn(self, runner: 'PhaseRunner', name: str, when: str) -> None:
        root = getattr(runner.train_dataloader.dataset, 'data_root', '')
        runner.logger.warning(f'task {name}: no training target of {root} was valid in {when}, so it learned nothing '
                              f'there; check the targets and the masks of the data set')


def _all_finite(tensors: list[Tensor]) -> Tensor:
    """Say on the device whether all numbers of some tensors are finite."""
    return torch.stack(torch._foreach_norm(tensors, math.inf)).isfinite().all()
