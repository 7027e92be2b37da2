"""Carries a method through the training of one phase: teacher, begin and end, state, seeding."""
import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from mmengine.dist import broadcast
from mmengine.hooks import Hook

from lhl.engine.checkpoint import method_state
from lhl.engine.runtime.randomness import seed_torch
from lhl.engine.sources.external_teacher import check_same_teacher
from lhl.errors import DivergenceError
from lhl.registry import HOOKS
from lhl.weight_files import read_checkpoint

if TYPE_CHECKING:
    from lhl.engine.runtime.runner import PhaseRunner


@HOOKS.register_module()
class ContinualPhaseHook(Hook):
    """Call the method's moments at the runner's.

    Before training it begins the method's phase, restores the state of an interrupted one, and from then on seeds torch
    before each iteration from (seed, phase, iteration, rank), so that a resumed run draws the same numbers. It also
    counts the seconds of training, over interruptions.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self.resumed_state: dict | None = None
        self.seconds = 0.0

    def before_train(self, runner: 'PhaseRunner') -> None:
        """Begin the phase."""
        seed_torch(runner.seed, runner.phase.index)
        self.started = time.perf_counter() - self.seconds
        if runner.phase.teacher is not None and runner.trained is None:
            iterations = runner.max_iters - runner.iter
            runner.phase.teacher.remember(runner.train_dataloader, iterations / len(runner.train_dataloader),
                                          runner.work_dir)
        with _sound_state(runner):
            runner.student.begin_phase(runner.train_dataloader if runner.trained is None else None, self.resumed_state)
        if runner.phase.index > 1:  # in phase 1 there is nothing to protect
            runner.optim_wrapper.attach(runner.method, runner.learner)

    def before_train_iter(self, runner: 'PhaseRunner', batch_idx: int, data_batch: dict | None = None) -> None:
        """Seed torch for this iteration."""
        seed_torch(runner.seed, runner.phase.index, runner.iter, runner.rank)

    def before_save_checkpoint(self, runner: 'PhaseRunner', checkpoint: dict) -> None:
        """Add the method's state and the seconds of training until now."""
        checkpoint['method'] = runner.method.state_dict()
        checkpoint['seconds'] = time.perf_counter() - self.started
        if runner.teacher_digest is not None:
            checkpoint['teacher_sha256'] = runner.teacher_digest

    def after_load_checkpoint(self, runner: 'PhaseRunner', checkpoint: dict) -> None:
        """Keep the method's state until the phase begins; the teacher has to be the one that taught so far."""
        external_teacher = runner.method.requires.external_teacher
        if external_teacher is not None and runner.teacher_digest is not None:
            check_same_teacher(runner.teacher_digest, checkpoint.get('teacher_sha256'), external_teacher.path)
        self.resumed_state = checkpoint['method']
        self.seconds = checkpoint['seconds']

    def before_val(self, runner: 'PhaseRunner') -> None:
        """Score with the statistics of the first process, which are saved: in training each process has its own."""
        _share_statistics(runner)

    def after_train(self, runner: 'PhaseRunner') -> None:
        """End the phase, or take its end over with it."""
        _share_statistics(runner)
        trained = runner.trained or {}
        if trained.get('ended'):
            path = trained['checkpoint']
            runner.method.load_state_dict(method_state(read_checkpoint(path), path))
        else:
            seed_torch(runner.seed, runner.phase.index, runner.iter)
            with _sound_state(runner):
                runner.method.end_phase(runner.learner, runner.phase, runner.train_dataloader)
        if runner.phase.teacher is not None:
            runner.phase.teacher.forget()
        runner.training_seconds = time.perf_counter() - self.started + trained.get('seconds', 0)


def _share_statistics(runner: 'PhaseRunner') -> None:
    for buffer in runner.learner.buffers():
        broadcast(buffer)


@contextlib.contextmanager
def _sound_state(runner: 'PhaseRunner') -> Iterator[None]:
    """Make a sentence of what a method cannot compute at the beginning or the end of a phase.

    Raises:
        DivergenceError: If a decomposition fails, or something of what the method keeps is not finite.
    """
    what = f'phase {runner.phase.index}: what {type(runner.method).__name__} keeps of {", ".join(runner.phase.tasks)}'
    cure = 'lower the learning rate, or check the data of the phase'
    try:
        yield
    except torch.linalg.LinAlgError as error:
        raise DivergenceError(f'{what} cannot be computed ({error}); {cure}') from error
    for name, value in runner.method.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise DivergenceError(f'{what} is not finite ({name}); {cure}')
