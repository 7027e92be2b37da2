"""LwP: learning with preserving (Wang et al., AAAI 2026, arXiv:2511.11676)."""
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from mmengine.dist import broadcast
from torch import Tensor

from lhl.errors import ConfigError
from lhl.losses import distance_preservation_loss
from lhl.models import Batch
from lhl.options import Count, Fraction, NotNegative
from lhl.registry import METHODS

from .base import Method, Phase, Requirements


@METHODS.register_module()
class LwP(Method):
    """Distil the old tasks as DIS does, and preserve the distances between the backbone's features.

    Distances preserve what no old head uses yet, and features may still rotate. The paper compares images and
    groups them by their label; this dense version is ours: it compares positions of the last feature map inside one
    image, sampled for each batch, and groups them by the teacher's pseudo-labels as HAD does (Sec. 4.2), in one
    partition per old task, over which it averages.

    Args:
        alpha: Weight of the distillation, averaged over the old tasks.
        distance_weight: Weight of the preservation of distances.
        group_threshold: Splits a regression task's positions in two.
        num_positions: How many positions of an image are compared; all where it has fewer.
    """

    requires = Requirements(teacher=True, same_backbone=True)

    def __init__(self, alpha: NotNegative, distance_weight: NotNegative, group_threshold: Fraction,
                 num_positions: Count = 256) -> None:
        if num_positions < 2:
            raise ConfigError(f'LwP has num_positions={num_positions}, expected at least 2; there is no distance '
                              f'between fewer')
        self.alpha = alpha
        self.distance_weight = distance_weight
        self.group_threshold = group_threshold
        self.num_positions = num_positions

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """All heads are trained: the new one on labels, the old ones on pseudo-labels."""
        return phase.tasks

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """L_new, from phase 2 on the distillation of each old task, and the preservation of distances."""
        losses = super().losses(batch, features, outputs)
        old_tasks = self.old_outputs
        if not old_tasks:
            return losses
        size = features[-1].shape[-2:]
        # Drawn on the features' device, like dropout: the engine seeds both from the iteration. Rank 0's hold for all.
        positions = torch.randperm(size.numel(), device=batch.inputs.device)[:self.num_positions]
        broadcast(positions)
        groups = []
        for name, prediction in self.teacher.predictions(batch, old_tasks).items():
            task = self.learner.tasks[name]
            pseudo_label = task.pseudo_label(prediction)
            of_pixels, _ = task.groups(pseudo_label, self.group_threshold)
            losses[f'loss_dis_{name}'] = self.alpha / len(old_tasks) * task.loss_map(outputs[name], pseudo_label).mean()
            # A position has the group of the pixel in its middle.
            of_positions = F.interpolate(of_pixels[:, None].float(), size, mode='nearest-exact')
            groups.append(of_positions.flatten(1)[:, positions])
        latents, teacher_latents = (maps[-1].flatten(2)[:, :, positions].transpose(1, 2)
                                    for maps in (features, self.teacher.features(batch)))
        distances = distance_preservation_loss(latents, teacher_latents, torch.stack(groups)).mean()
        losses['loss_distances'] = self.distance_weight * distances
        return losses
