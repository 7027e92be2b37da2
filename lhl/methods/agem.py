"""A-GEM: averaged gradient episodic memory (Chaudhry et al., ICLR 2019), for dense tasks of any kind."""
from collections.abc import Iterable
from dataclasses import replace

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from lhl.models import Learner, without_gradient_checkpointing
from lhl.options import Count, CountFrom0
from lhl.registry import METHODS

from .base import Phase
from .reservoir import ReservoirReplay


@METHODS.register_module()
class AGEM(ReservoirReplay):
    """Take no step that raises the loss on stored images, to first order.

    With the gradient g of the new task and the gradient g_ref of the task losses on a batch from the memory, g becomes
    ``g - (g . g_ref) / (g_ref . g_ref) g_ref`` where ``g . g_ref < 0`` (Eq. 11), and stays otherwise. Both are over the
    weights that are trained; the heads of old tasks are frozen. Only images of old tasks constrain: those of the phase
    at hand are in the reservoir, too, but their loss is the one that is lowered.

    The optimizer turns the projected gradient into an update of its own: with Adam or weight decay the constraint holds
    in direction only, as in the original's code with SGD and momentum.

    Args:
        memory_size: How many images are stored at most, of all tasks together. With 0 this is Vanilla.
        replay_batch_size: Stored images per iteration and process.

    Raises:
        ConfigError: If an option is out of range.
    """

    def __init__(self, memory_size: CountFrom0 = 50, replay_batch_size: Count = 8) -> None:
        super().__init__(1.0, memory_size, replay_batch_size)
        self.requires = replace(self.requires, edits='gradient')

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """The new heads: the losses of the memory only constrain."""
        return phase.new_tasks

    def replay_losses(self) -> dict[str, Tensor]:
        """None: the memory constrains the gradient and adds nothing to it."""
        return {}

    def replayable(self) -> list[int]:
        """The entries of old tasks."""
        return [number for number, entry in enumerate(self.memory) if entry.task < len(self.phase.old_tasks)]

    def edit_gradients(self, learner: Learner) -> None:
        """Project the gradient where it points against that of the memory."""
        if not self.replayable():
            return
        parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
        with torch.enable_grad(), without_gradient_checkpointing(learner):
            loss = self.replay(self.target_losses)
            if not loss.requires_grad:  # of no weight that is trained: behind a frozen backbone
                return
            reference = torch.autograd.grad(loss, parameters, allow_unused=True)
        pairs = []
        for parameter, wanted in zip(parameters, reference, strict=True):
            if wanted is not None:
                all_reduce(wanted, op='mean')
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                pairs.append((parameter.grad, wanted))
        against = torch.stack([(gradient * wanted).sum() for gradient, wanted in pairs]).sum()
        squared = torch.stack([wanted.square().sum() for _, wanted in pairs]).sum()
        # No branch, which would wait for the device. Where the memory is learned perfectly there is nothing to project.
        factor = torch.clamp(against, max=0) / squared.clamp(min=torch.finfo(squared.dtype).tiny)
        for gradient, wanted in pairs:
            gradient.sub_(factor * wanted)
