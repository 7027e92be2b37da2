"""HCL: distillation on images of the new task and on images inverted from the teacher (Madaan et al., CVPR 2023)."""
from collections.abc import Iterable

import torch
from mmengine.dist import all_gather_object, broadcast, get_dist_info
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import DataLoader

from lhl.errors import ConfigError
from lhl.models import Batch, Learner
from lhl.options import Count, NotNegative
from lhl.registry import METHODS, MODELS

from .base import Method, Phase, Requirements
from .data_passes import each_batch_once, num_images
from .replay import INVERSION, INVERSION_LABELS, drawn_numbers, drawn_order


@METHODS.register_module()
class HCL(Method):
    """Distil the teacher's soft targets of the old tasks, on two kinds of images.

    The distance is :class:`lhl.methods.LwF`'s with temperature 1: the divergence of probabilities for classes, the
    task's loss for regression. Without ``inversion`` the method *is* that LwF. With it, the images to be inverted are
    training images of the phase, augmented as in epoch 0, and from then on each iteration distils a batch of the
    inverted images, too. The teacher's backbone may differ from the student's, because only outputs are compared.

    HCL's label smoothing is an option of the tasks, ``label_smoothing=0.1``: L_new is every method's, and so is the
    first phase.

    Args:
        weight: Alpha, the weight of each old task's distillation, on either kind of images.
        inversion: Config of :class:`lhl.inversion.QuickDeepInversion`, or ``None`` to distil on real images alone.
        num_images: How many images are inverted; all of the phase, where it has fewer.
        inverted_batch_size: Inverted images per iteration and process, drawn without replacement. At least 2, because
            heads normalise over them. ``None`` takes all of them, divided among the processes, as HCL does, which
            images of 32x32 pixels allow.

    Raises:
        ConfigError: If the weight is negative or a size is too small.
    """

    requires = Requirements(teacher=True)

    def __init__(self, weight: NotNegative, inversion: dict | None = None, num_images: Count = 200,
                 inverted_batch_size: Count | None = 8) -> None:
        if weight < 0:
            raise ConfigError(f'weight={weight!r} of HCL is negative; give 0 or more')
        sizes = dict(num_images=num_images)
        if inverted_batch_size is not None:
            sizes['inverted_batch_size'] = inverted_batch_size
        for option, value in sizes.items():
            if not isinstance(value, int) or value < 2:
                raise ConfigError(f'{option}={value!r} of HCL is not a number of images; give a whole number of at '
                                  f'least 2')
        self.weight = weight
        self.inversion = MODELS.build(inversion) if inversion is not None else None
        self.num_images = num_images
        self.inverted_batch_size = inverted_batch_size
        self.inverted: Tensor | None = None

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """All heads are trained: the new one on labels, the old ones on the teacher's soft targets."""
        return phase.tasks

    def before_training(self, learner: Learner, phase: Phase, dataloader: DataLoader) -> None:
        """Invert the teacher, from phase 2 on, starting from drawn images of the phase."""
        if self.inversion is None or not phase.old_tasks:
            return
        chosen = drawn_order(num_images(dataloader), phase.seed, INVERSION, phase.index)[:self.num_images]
        mine: dict[int, Tensor] = {}
        for positions, batch in each_batch_once(learner, dataloader, indices=chosen):
            # Copies, because a view would carry its whole batch along.
            mine.update((position, image.clone()) for position, image in
                        zip(positions, batch.inputs.cpu(), strict=True))
        images = {position: image for part in all_gather_object(mine) for position, image in part.items()}
        print_log(f'HCL: inverting {len(chosen)} images in {self.inversion.steps} steps', logger='current')
        seed, = drawn_numbers(1, phase.seed, INVERSION_LABELS, phase.index)
        inverted = self.inversion(self.teacher.learner, torch.stack([images[position] for position in chosen]), seed)
        self.inverted = inverted.contiguous()  # as a resumed run has them, whatever layout a checkpoint keeps

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new and, from phase 2 on, the distillation of each old task, averaged over the pixels."""
        losses = super().losses(batch, features, outputs)
        old_tasks = self.old_outputs
        if not old_tasks:
            return losses
        for name, loss in self.distillation(batch, outputs).items():
            losses[f'loss_hcl_{name}'] = loss
        if self.inverted is None:
            return losses
        drawn, weight = self.draw(self.inverted)
        inverted = Batch(drawn.to(batch.inputs.device), {}, {})
        outputs = self.learner.predict_tasks(
            self.learner.extract_features(inverted.inputs), old_tasks, inverted.inputs.shape[-2:])
        for name, loss in self.distillation(inverted, outputs).items():
            losses[f'loss_hcl_inverted_{name}'] = weight * loss
        return losses

    def draw(self, inverted: Tensor) -> tuple[Tensor, float]:
        """Draw this rank's share of the next batch of inverted images, and how much its mean counts.

        The engine seeds torch from the iteration and the rank; what rank 0 draws holds for all. Where the shares would
        be single images, every rank has the whole batch.
        """
        rank, world_size = get_dist_info()
        size = len(inverted) if self.inverted_batch_size is None else self.inverted_batch_size * world_size
        drawn = torch.randperm(len(inverted))[:size]
        broadcast(drawn)
        share = drawn[rank::world_size] if len(drawn) >= 2 * world_size else drawn
        return inverted[share], len(share) / len(drawn) * world_size if len(share) < len(drawn) else 1.0

    def distillation(self, batch: Batch, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compare the student's outputs of a batch with the teacher's, for each old task."""
        return {name: self.weight * self.learner.tasks[name].soft_loss_map(outputs[name], prediction, 1.0).mean()
                for name, prediction in self.teacher.predictions(batch, self.old_outputs).items()}

    def end_phase(self, learner: Learner, phase: Phase, dataloader: DataLoader) -> None:
        """Drop the inverted images: the next phase has another teacher."""
        self.inverted = None

    def state_dict(self) -> dict[str, Tensor]:
        """The inverted images, within a phase."""
        return {} if self.inverted is None else {'inverted': self.inverted}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the inverted images back."""
        self.inverted = state['inverted'].cpu() if 'inverted' in state else None
