"""P2: first the new task, then the old heads (HAD, Sec. 5.3, second alternative paradigm of Table 3)."""
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_reduce, broadcast, get_rank
from mmengine.logging import print_log
from torch import Tensor, nn

from lhl.errors import ConfigError
from lhl.models import Batch, Learner
from lhl.options import Count, NotNegative
from lhl.registry import METHODS, OPTIMIZERS

from .base import Method, Phase, Requirements
from .dis import DIS

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


@METHODS.register_module()
class TwoStageDistillation(Method):
    """Learn the new task as Vanilla does, then train the old heads behind the backbone, which is frozen by then.

    The second stage goes over the images of the phase again, in the same batches as the first, with the teacher's
    pseudo-labels as in DIS; a head that an old task shares with the new one is trained on the labels again, too, lest
    it forget what it has just learned. It runs in float32. Its length and schedule are ours, the paper gives none: as
    many epochs as the first stage, and a learning rate that falls linearly to 0.

    Args:
        alpha: Weight of the distillation, averaged over the old tasks.
        optimizer: Config of the second stage's optimizer; the stream's own is ``optim_wrapper.optimizer``.
        epochs: Of the second stage; as many as the first one had by default.
    """

    requires = Requirements(teacher=True)

    def __init__(self, alpha: NotNegative, optimizer: dict, epochs: Count | None = None) -> None:
        if epochs is not None and epochs < 1:
            raise ConfigError(f'TwoStageDistillation has epochs={epochs}, expected at least 1; remove it for as '
                              f'many as the first stage has')
        self.distillation = DIS(alpha)
        self.optimizer = optimizer
        self.epochs = epochs

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Start counting the iterations of the first stage."""
        super().begin_phase(learner, phase)
        self.iterations = 0

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new: the first stage is Vanilla."""
        self.iterations += 1
        return super().losses(batch, features, outputs)

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Train the old heads on pseudo-labels: the second stage.

        A run that is killed in it repeats it from its beginning when resumed, and ends with the same weights.
        """
        if not phase.old_tasks:
            return
        trained_tasks = learner.trained_tasks
        heads = learner.heads_of(phase.old_tasks)
        relearned = tuple(name for name in phase.new_tasks if learner.tasks[name].head in heads)
        tasks = (*phase.old_tasks, *relearned)
        learner.set_trainable_heads(tasks)
        learner.backbone.eval()
        # To DIS the second stage is a phase without a new task, so that L_new has no terms but those of shared heads.
        self.distillation.begin_phase(learner, replace(phase, new_tasks=relearned, tasks=tasks))
        old_heads = nn.ModuleList([learner.heads[name] for name in heads])
        optimizer = OPTIMIZERS.build(dict(self.optimizer, params=old_heads.parameters()))
        epochs = self.epochs or math.ceil(self.iterations / len(dataloader))
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=epochs * len(dataloader))
        for batch in self._batches(learner, dataloader, epochs):
            with torch.no_grad():
                features = learner.extract_features(batch.inputs)
            outputs = learner.predict_tasks(features, tasks, batch.inputs.shape[-2:])
            optimizer.zero_grad()
            losses = self.distillation.losses(batch, features, outputs)
            sum(losses.values(), torch.zeros((), device=batch.inputs.device)).backward()
            for parameter in old_heads.parameters():
                all_reduce(parameter.grad, op='mean')
            optimizer.step()
            schedule.step()
        for buffer in old_heads.buffers():
            broadcast(buffer)  # as in distributed training, rank 0's statistics hold for all
        learner.zero_grad(set_to_none=True)
        learner.set_trainable_heads(trained_tasks)

    def _batches(self, learner: Learner, dataloader: 'DataLoader', epochs: int) -> Iterator[Batch]:
        """Give the batches of all epochs and report the progress."""
        # Drawn ahead: how often a loader draws from the same generator depends on its workers.
        seeds = torch.randint(2**62, (epochs, len(dataloader))).tolist()
        started = time.perf_counter()
        sampler: Any = dataloader.sampler
        for epoch in range(epochs):
            sampler.set_epoch(epoch)
            for seed, data in zip(seeds[epoch], dataloader, strict=True):
                torch.manual_seed(seed + get_rank())
                data = learner.data_preprocessor(data, training=True)
                yield Batch(data['inputs'], data['targets'], data['valid'], data.get('meta', ()))
            left = (time.perf_counter() - started) / (epoch + 1) * (epochs - epoch - 1)
            print_log(f'old heads: epoch {epoch + 1}/{epochs}, eta {timedelta(seconds=round(left))}', logger='current')

    def state_dict(self) -> dict[str, Tensor]:
        """How many iterations the first stage has had, for a resume that has none left of it."""
        return {'iterations': torch.tensor(self.iterations)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self.iterations = int(state['iterations'])
