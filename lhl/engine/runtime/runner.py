"""The runner of a phase: where the student comes from, where the teacher comes from, what is saved.

Everything else (loops, DDP, logging, schedules) is mmengine's own.
"""
import json
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import barrier
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from torch import Tensor, nn

from lhl.engine.checkpoint import (
    CHECKPOINT_VERSION,
    build_learner,
    load_weights,
    method_state,
    training_checkpoints,
    weights_of,
)
from lhl.engine.sources.external_teacher import load_external_teacher
from lhl.errors import CheckpointError, Interruption
from lhl.lock import check_still_held
from lhl.methods import Method, Phase, Student, Teacher, TeacherOptions
from lhl.models import Learner
from lhl.models.pretraining import without_pretraining
from lhl.registry import METHODS, RUNNERS
from lhl.weight_files import read_checkpoint, write_checkpoint

from .decoded import keep_decoded
from .hooks.compile_hook import CompileHook
from .hooks.early_stopping_hook import PhaseStoppingHook
from .hooks.finite_hook import FiniteHook
from .learner_runner import LearnerRunner
from .loops import PhaseEpochLoop, PhaseIterLoop
from .process_group import unwrapped
from .randomness import seed_torch
from .signals import ToldToStop


@RUNNERS.register_module()
class PhaseRunner(LearnerRunner):
    """Train one phase from a config made by :func:`lhl.engine.plan.runner_config`.

    The model is a :class:`lhl.methods.Student`. Its learner starts from the checkpoint of the phase before, in which
    only the new heads may be missing; with another backbone it is reinitialised, all its heads included but for those
    that are adapted. The teacher is built from that same file, or from that of another run, with the architecture that
    it had. Training checkpoints hold the student; a phase saves the learner and the method's state. A phase that was
    trained by another run is taken over: its weights and, if it is of the same method, what the method carries on.
    """

    training_seconds: float = 0.0

    @property
    def student(self) -> Student:
        """The learner and its method, unwrapped."""
        return unwrapped(self.model)

    @property
    def learner(self) -> Learner:
        """The student's learner."""
        return self.student.learner

    @property
    def method(self) -> Method:
        """The student's method."""
        return self.student.method

    @property
    def phase(self) -> Phase:
        """The phase that is trained."""
        return self.student.phase

    @property
    def stopped_early(self) -> str:
        """Why the phase ended before its last epoch; empty where it did not."""
        return next((hook.reason for hook in self.hooks if isinstance(hook, PhaseStoppingHook)), '')

    def build_model(self, model: nn.Module | dict) -> Student:
        """Build the learner and the method, the teacher where the method requires one, and the student of them."""
        learner = super().build_model(model)
        phase = self.cfg.phase.to_dict()
        self.previous_checkpoint = phase.pop('previous_checkpoint')
        self.trained = phase.pop('trained', None)
        is_new_learner = phase.pop('is_new_learner', False)
        self._adapted_heads = phase.pop('adapted_heads', {})
        leaves_state = phase.pop('leaves_state', False)
        method = METHODS.build(self.cfg.method)
        previous = None
        if self.previous_checkpoint is not None:
            previous = read_checkpoint(self.previous_checkpoint)
            if not leaves_state:
                method.load_state_dict(method_state(previous, self.previous_checkpoint))
        teacher, options = None, TeacherOptions(**self.cfg.get('teacher') or {})
        if previous is not None and method.requires.teacher:
            teacher = Teacher(build_learner(previous, self.previous_checkpoint).to(get_device()), options)
        self.teacher_digest = None
        if method.requires.external_teacher is not None:
            loaded, self.teacher_digest = load_external_teacher(method.requires.external_teacher, get_device())
            teacher = Teacher(loaded, options)
        phase['new_tasks'] = tuple(phase['new_tasks'])
        self._previous_weights = None
        if previous is not None and (self._adapted_heads or not is_new_learner):
            self._previous_weights = weights_of(previous, self.previous_checkpoint)
        return Student(
            learner, method, Phase(**phase, tasks=tuple(learner.tasks), teacher=teacher, seed=self.seed))

    def load_checkpoint(self, filename: str, map_location: str | torch.device = 'cpu', strict: bool = True,
                        revise_keys: list | None = None) -> dict:
        """Load a training checkpoint, with what mmengine expects in it and an exact resume does not need.

        That are the smoothed losses of its log, and the description of the data, which it compares.
        """
        checkpoint = super().load_checkpoint(filename, map_location)
        checkpoint['message_hub'] = self.message_hub.state_dict()
        checkpoint['meta']['dataset_meta'] = getattr(self.train_dataloader.dataset, 'metainfo', None)
        return checkpoint

    def load_state(self, weights: dict[str, Tensor], source: str) -> None:
        """Load the weights of a training checkpoint into the student."""
        load_weights(self.student, weights, source)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop; one of a phase that is taken over has come to its end."""
        if isinstance(loop, dict):
            loop = dict(loop)
            name = loop.pop('type', 'EpochBasedTrainLoop' if loop.pop('by_epoch', True) else 'IterBasedTrainLoop')
            own = dict(EpochBasedTrainLoop=PhaseEpochLoop, IterBasedTrainLoop=PhaseIterLoop).get(name)
            loop = dict(loop, type=name) if own is None else own(**loop, runner=self, dataloader=self._train_dataloader)
        loop = super().build_train_loop(loop)
        if self.trained is not None:
            loop._epoch, loop._iter = loop.max_epochs, loop.max_iters
        else:
            keep_decoded(self, loop)
        return loop

    def _init_model_weights(self) -> None:
        """Initialise a phase: random or pretrained in phase 1 and with a new backbone, else from the phase before."""
        if self._resume:
            return
        seed_torch(self.seed, self.phase.index)
        super()._init_model_weights()
        if self._previous_weights is not None and self._adapted_heads:
            self._load_adapted_heads(self._previous_weights)
        elif self._previous_weights is not None:
            old_heads = self.learner.heads_of(self.phase.old_tasks)
            new_heads = [f'heads.{name}.' for name in self.learner.heads if name not in old_heads]
            load_weights(self.learner, self._previous_weights, self.previous_checkpoint, may_miss=new_heads)
        self._previous_weights = None
        if self.trained is not None:
            path = self.trained['checkpoint']
            load_weights(self.learner, weights_of(read_checkpoint(path), path), path)

    def _load_adapted_heads(self, previous: dict[str, Tensor]) -> None:
        """Put the old heads behind their new adapters, and take nothing else from the phase before."""
        for name, prefix in self._adapted_heads.items():
            weights = {key.removeprefix(prefix): value for key, value in previous.items() if key.startswith(prefix)}
            adapted: Any = self.learner.heads[name]
            load_weights(adapted.head, weights, f'the head of {name} in {self.previous_checkpoint}')

    def load_or_resume(self) -> None:
        """Resume from the latest training checkpoint of the phase that can be read."""
        if self._has_loaded or not self._resume:
            return
        problems = []
        for path in training_checkpoints(self.work_dir):
            try:
                _check_training_checkpoint(read_checkpoint(path, needs_digest=True), path)
            except CheckpointError as error:
                problems.append(str(error))
                self.logger.warning(f'{error}; trying the one before')
                continue
            self.resume(str(path))
            return
        raise CheckpointError(f'none of the training checkpoints in {self.work_dir} can be read ({problems}); delete '
                              f'the folder to train this phase again')

    def save_checkpoint(self, out_dir: str, filename: str, by_epoch: bool = True,
                        meta: dict[str, int] | None = None) -> None:
        """Save a training checkpoint: what an exact resume needs, tensors and plain values only, and nothing else.

        Args:
            out_dir: The folder.
            filename: The name in it.
            by_epoch: Whether an epoch has just ended, or an iteration.
            meta: How many epochs and iterations are done, ``epoch`` and ``iter``, where that is not one more of
                ``by_epoch`` than the loop has counted.
        """
        checkpoint: dict[str, Any] = dict(
            meta={'epoch': self.epoch + by_epoch, 'iter': self.iter + (not by_epoch), 'seed': self.seed,
                  **(meta or {})},
            state_dict=self.student.state_dict(), optimizer=self.optim_wrapper.state_dict())
        if self.param_schedulers is not None:
            checkpoint['param_schedulers'] = [scheduler.state_dict() for scheduler in self.param_schedulers]
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        check_still_held()
        write_checkpoint(checkpoint, Path(out_dir, filename))

    def register_hooks(self, default_hooks: dict | None = None, custom_hooks: list | None = None) -> None:
        """Add the hook that watches over the training, and the one that compiles where the config says so."""
        super().register_hooks(default_hooks, custom_hooks)
        self.finite = FiniteHook()
        self.register_hook(self.finite)
        options = self.cfg.get('compile') or None
        if options is not None:
            self.register_hook(CompileHook(dict(options) if isinstance(options, dict) else {}))

    def _maybe_compile(self, target: str) -> None:
        """Leave the step as it is, of which mmengine would compile the optimizer and what logs, too."""

    def train(self) -> nn.Module:
        """Train the phase.

        Raises:
            Interruption: If a signal ended the training; it says what has been saved.
            DivergenceError: If a loss, a gradient or a weight is not finite.
        """
        self._told = ToldToStop()
        model = super().train()
        self._told.close()
        return model

    def validate_while_training(self) -> None:
        """Evaluate between two epochs; a signal ends that at once, and the weights are saved as they are."""
        try:
            self.val_loop.run()
        except Interruption as interruption:
            self._save_and_stop(interruption.number)

    def stop_if_told(self, wait: bool = False) -> None:
        """Save the training as it is and end it if a signal asks for that; called by all processes after an iteration.

        Args:
            wait: For what the other processes were sent until now.

        Raises:
            Interruption: With what has been saved.
        """
        wrapper = self.optim_wrapper
        if wait or not wrapper._inner_count % wrapper._accumulative_counts:  # a sum of gradients is not saved
            number = self._told.ask(wait)
            if number:
                self._save_and_stop(number)

    def _save_and_stop(self, number: int) -> None:
        loop = self.train_loop
        self.finite.check(self)
        if isinstance(loop, IterBasedTrainLoop):
            name = f'iter_{loop.iter}.pth'
        else:
            within = loop.iter > loop.epoch * len(loop.dataloader)
            name = f'epoch_{loop.epoch}' + (f'_iter_{loop.iter}' if within else '') + '.pth'
        path = Path(self.work_dir, name)
        if self.rank == 0 and not path.exists():
            self.save_checkpoint(self.work_dir, name, by_epoch=False, meta=dict(epoch=loop.epoch, iter=loop.iter))
        barrier()  # torchrun ends all processes with the first
        raise Interruption(number, f'in phase {self.phase.index} after iteration {loop.iter} of {loop.max_iters}, '
                                   f'which {path} holds')

    def save_phase(self, path: str | Path, stream: dict) -> dict:
        """Save what the next phase and any later use need: weights, the method's state, the configs.

        Args:
            path: Where to.
            stream: Plain values that describe the stream, kept with the weights.

        Returns:
            The weights, on the CPU.
        """
        weights = {name: tensor.detach().cpu() for name, tensor in self.learner.state_dict().items()}
        if self.rank == 0:
            description = {
                'version': CHECKPOINT_VERSION,
                'phase': self.phase.index,
                'tasks': list(self.phase.new_tasks),
                'model': json.dumps(_without_pretraining(self.cfg.model.to_dict())),
                **stream,
            }
            check_still_held()
            write_checkpoint(dict(state_dict=weights, method=self.method.state_dict(), lhl=description), path)
        return weights


def _check_training_checkpoint(checkpoint: dict, path: Path) -> None:
    """Refuse a checkpoint that training cannot continue from."""
    meta = checkpoint.get('meta')
    counts = [meta.get(key) for key in ('epoch', 'iter')] if isinstance(meta, dict) else [None]
    missing = [key for key in ('state_dict', 'optimizer', 'method') if not isinstance(checkpoint.get(key), dict)]
    if missing or not isinstance(checkpoint.get('seconds'), float) or not all(isinstance(n, int) for n in counts):
        raise CheckpointError(f'{path} is no training checkpoint of lhl; use another one')


def _without_pretraining(model: dict) -> dict:
    """The model's config for rebuilding it: its weights are known, so nothing is downloaded."""
    return {**model, 'backbone': without_pretraining(model['backbone'])}
