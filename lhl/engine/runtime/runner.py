"""mmengine's Runner, trained for one phase: where the student comes from, where the teacher comes from, what is saved.

Everything else (loops, DDP, logging, schedules) is mmengine's own.
"""
import json
import logging
from pathlib import Path
from pprint import pformat
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn

from lhl.engine.checkpoint import (
    CHECKPOINT_VERSION,
    build_learner,
    load_weights,
    read_checkpoint,
    replace_durably,
    training_checkpoints,
    write_checkpoint,
)
from lhl.engine.sources.external_teacher import load_external_teacher
from lhl.errors import CheckpointError, ConfigError
from lhl.methods import Method, Phase
from lhl.models import Learner
from lhl.models.pretraining import without_pretraining
from lhl.registry import METHODS, RUNNERS

from .optim_wrapper import METHOD_PARAMETERS
from .randomness import seed_torch


class PlainConfig(Config):
    """A config whose text takes milliseconds: mmengine's takes seconds, and is asked for at every checkpoint."""

    @property
    def pretty_text(self) -> str:
        """The config as Python code that reads it back."""
        entries = self.to_dict().items()
        return ''.join(f'{key} = {pformat(value, width=120, sort_dicts=False)}\n' for key, value in entries)


@RUNNERS.register_module()
class LearnerRunner(Runner):
    """mmengine's Runner with safe, strict loading and distribution without GPUs; enough to test a learner."""

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap for distributed training; rank 0's normalisation statistics hold for all, so a resumed run is exact."""
        if self.distributed and not torch.cuda.is_available():
            return MMDistributedDataParallel(model, device_ids=None, broadcast_buffers=True)
        if self.distributed and model_wrapper_cfg is None:
            model_wrapper_cfg = dict(type='MMDistributedDataParallel', broadcast_buffers=True)
        return super().wrap_model(model_wrapper_cfg, model)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Keep mmengine's table of hooks, 60 lines in every phase, in the log file alone."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: not record.getMessage().startswith('Hooks will be executed'))
        return logger

    @property
    def learner(self) -> Learner:
        """The student, unwrapped."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    def load_checkpoint(self, filename: str, map_location: str | torch.device = 'cpu', strict: bool = True,
                        revise_keys: list | None = None) -> dict:
        """Read safely and load strictly, whatever mmengine's defaults."""
        checkpoint = read_checkpoint(filename, map_location)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        load_weights(self.learner, checkpoint['state_dict'], filename)
        self._has_loaded = True
        return checkpoint

    def end_workers(self) -> None:
        """End the data loaders' persistent workers.

        Left to the garbage collector, which finds the runner in a cycle, each of them would be waited for in vain for
        5 seconds: the queue that tells it to stop is taken apart first.
        """
        for loop in (self._train_loop, self._val_loop, *getattr(self._val_loop, 'others', ())):
            if isinstance(loop, BaseLoop):
                loop.dataloader._iterator = None


@RUNNERS.register_module()
class PhaseRunner(LearnerRunner):
    """Train one phase from a config made by :func:`lhl.engine.plan.runner_config`.

    The student starts from the checkpoint of the phase before, in which only the new heads may be missing; with
    another backbone it starts anew, all its heads included but for those that are adapted. The teacher is built from
    that same file, or from that of another run, as the model that it was, and is no part of the student: not in its
    checkpoints, not in DDP. What the method itself learns is in DDP and in the training checkpoints, but not in what a
    phase saves. A phase that another run has trained is taken over: its weights and, if it is of the same method, what
    the method carries on.
    """

    phase: Phase
    method: Method
    training_seconds: float = 0.0

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Build the learner and the method, the teacher where the method requires one, and freeze the idle heads."""
        learner = super().build_model(model)
        phase = self.cfg.phase.to_dict()
        self.previous_checkpoint = phase.pop('previous_checkpoint')
        self.trained = phase.pop('trained', None)
        is_new_learner = phase.pop('is_new_learner', False)
        self._adapted_heads = phase.pop('adapted_heads', {})
        leaves_state = phase.pop('leaves_state', False)
        self.method = METHODS.build(self.cfg.method)
        previous = None
        if self.previous_checkpoint is not None:
            previous = read_checkpoint(self.previous_checkpoint)
            if not leaves_state:
                self.method.load_state_dict(previous['method'])
        teacher = None
        if previous is not None and self.method.requires.teacher:
            teacher = build_learner(previous, self.previous_checkpoint).to(get_device())
        self.teacher_digest = None
        if self.method.requires.external_teacher is not None:
            teacher, self.teacher_digest = load_external_teacher(self.method.requires.external_teacher, get_device())
        phase['new_tasks'] = tuple(phase['new_tasks'])
        self.phase = Phase(**phase, tasks=tuple(learner.tasks), teacher=teacher, seed=self.seed)
        starts_anew = previous is None or (is_new_learner and not self._adapted_heads)
        self._previous_weights = None if starts_anew else previous['state_dict']
        learner.method = self.method
        learner.train_heads(self.method.trained_tasks(self.phase))
        learner.train_encoder(self.method.trains_encoder(self.phase))
        own_parameters = self.method.own_parameters(self.phase)
        if own_parameters:
            learner.method_parameters = nn.ParameterDict(own_parameters)
        return learner

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop, and refuse one without a single batch, which mmengine would take for trained."""
        loop = super().build_train_loop(loop)
        loader = loop.dataloader
        if not len(loader):
            raise ConfigError(f'the {len(loader.dataset)} images of phase {self.phase.index} do not fill a batch of '
                              f'{loader.batch_size} per process; lower train_dataloader.batch_size')
        if self.trained is not None:
            loop._epoch, loop._iter = loop.max_epochs, loop.max_iters
        stored = self.method.requires.stored_images
        if stored > len(loader.dataset):
            raise ConfigError(f'{type(self.method).__name__} is to store {stored} images, but phase {self.phase.index} '
                              f'trains on {len(loader.dataset)}; lower method.memory_size')
        return loop

    def _init_model_weights(self) -> None:
        """Initialise a phase: random or pretrained in phase 1 and with a new backbone, else from the phase before."""
        if self._resume:
            return
        seed_torch(self.seed, self.phase.index)
        super()._init_model_weights()
        if self._adapted_heads:
            self._load_adapted_heads()
        elif self._previous_weights is not None:
            old_heads = self.learner.heads_of(self.phase.old_tasks)
            new_heads = [f'heads.{name}.' for name in self.learner.heads if name not in old_heads]
            load_weights(self.learner, self._previous_weights, self.previous_checkpoint,
                         may_miss=[*new_heads, METHOD_PARAMETERS])
        self._previous_weights = None
        if self.trained is not None:
            path = self.trained['checkpoint']
            load_weights(self.learner, read_checkpoint(path)['state_dict'], path, may_miss=[METHOD_PARAMETERS])

    def _load_adapted_heads(self) -> None:
        """Put the old heads behind their new adapters, and take nothing else from the phase before."""
        for name, prefix in self._adapted_heads.items():
            weights = {key.removeprefix(prefix): value for key, value in self._previous_weights.items()
                       if key.startswith(prefix)}
            load_weights(self.learner.heads[name].head, weights, f'the head of {name} in {self.previous_checkpoint}')

    def load_or_resume(self) -> None:
        """Resume from the latest training checkpoint of the phase that can be read."""
        if self._has_loaded or not self._resume:
            return
        problems = []
        for path in training_checkpoints(self.work_dir):
            try:
                read_checkpoint(path)
            except CheckpointError as error:
                problems.append(str(error))
                self.logger.warning(f'{error}; trying the one before')
                continue
            self.resume(str(path))
            return
        raise CheckpointError(f'none of the training checkpoints in {self.work_dir} can be read ({problems}); delete '
                              f'the folder to train this phase again')

    def save_checkpoint(self, out_dir: str, filename: str, **kwargs) -> None:
        """Save a training checkpoint under a temporary name, then rename it."""
        super().save_checkpoint(out_dir, filename + '.tmp', **kwargs)
        if self.rank == 0:
            replace_durably(Path(out_dir, filename + '.tmp'), Path(out_dir, filename))

    def save_phase(self, path: str | Path, stream: dict) -> dict:
        """Save what the next phase and any later use need: weights, the method's state, the configs.

        Args:
            path: Where to.
            stream: Plain values that describe the stream, kept with the weights.

        Returns:
            The weights, on the CPU.
        """
        weights = {name: tensor.detach().cpu() for name, tensor in self.learner.state_dict().items()
                   if not name.startswith(METHOD_PARAMETERS)}
        if self.rank == 0:
            description = {
                'version': CHECKPOINT_VERSION,
                'phase': self.phase.index,
                'tasks': list(self.phase.new_tasks),
                'model': json.dumps(_without_pretraining(self.cfg.model.to_dict())),
                **stream,
            }
            write_checkpoint(dict(state_dict=weights, method=self.method.state_dict(), lhl=description), path)
        return weights


def _without_pretraining(model: dict) -> dict:
    """The model's config for rebuilding it: its weights are known, so nothing is to be downloaded."""
    return {**model, 'backbone': without_pretraining(model['backbone'])}
