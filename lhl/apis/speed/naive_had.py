"""HAD as one would first write it down from its equations: what lhl's cost is compared with, not a method."""
import torch
import torch.nn.functional as F
from torch import Tensor

from lhl.models import Learner
from lhl.tasks import Task
from lhl.tasks.classification import Classification


def naive_distillation(learner: Learner, teacher: Learner, old_tasks: list[str], inputs: Tensor,
                       outputs: dict[str, Tensor], options: dict) -> Tensor:
    """Compute alpha / (2 (t - 1)) times the sum of DB and SG (HAD, Eq. 4), with a whole pass of the teacher per task.

    Args:
        learner: The student's.
        teacher: Frozen, in evaluation mode.
        old_tasks: What is distilled.
        inputs: ``(B, 3, H, W)``.
        outputs: The student's predictions.
        options: ``alpha``, ``group_threshold``, ``edge_threshold``.
    """
    total = inputs.new_zeros(())
    for name in old_tasks:
        task = learner.tasks[name]
        with torch.no_grad():
            raw = teacher.heads[task.head](teacher.extract_features(inputs))
            prediction = task.predict(F.interpolate(raw, size=inputs.shape[-2:], mode='bilinear'))
            pseudo_label = task.pseudo_label(prediction)
        total = total + naive_loss(task, outputs[name], pseudo_label, options['group_threshold'],
                                   options['edge_threshold'])
    return options['alpha'] / (2 * len(old_tasks)) * total


def naive_loss(task: Task, prediction: Tensor, pseudo_label: Tensor, group_threshold: float, edge_threshold: float,
               from_predictions: bool = False) -> Tensor:
    """Compute DB + SG of one task: a loop over classes, with masks that are pooled over the batch.

    Args:
        task: The task.
        prediction: The student's, ``(B, C, H, W)``.
        pseudo_label: The teacher's.
        group_threshold: Splits a regression task's pixels in two.
        edge_threshold: Of the normalised gradient.
        from_predictions: Pick each class's pixels out of the predictions and compute their loss, in place of picking
            them out of the loss map.
    """
    if isinstance(task, Classification):
        masks = [pseudo_label == index for index in range(task.num_classes)]
        loss_map = F.cross_entropy(prediction, pseudo_label, reduction='none')
    else:
        values = _normalized(pseudo_label.mean(dim=1))
        masks = [values < group_threshold, values >= group_threshold]
        loss_map = task.loss_map(prediction, pseudo_label)

    def of_group(mask: Tensor) -> Tensor:
        if not from_predictions:
            return loss_map[mask]
        rows = prediction.permute(0, 2, 3, 1)[mask]
        if isinstance(task, Classification):
            return F.cross_entropy(rows, pseudo_label[mask], reduction='none')
        target = pseudo_label.permute(0, 2, 3, 1)[mask]
        return task.loss_map(rows.T[None, ..., None], target.T[None, ..., None]).flatten()

    groups = [(of_group(mask) + 1e-6).log().mean().exp() for mask in masks if mask.any()]
    edges = _normalized(_sobel(loss_map.detach())) > edge_threshold
    edge_loss = loss_map[edges].mean() if edges.any() else 0 * loss_map.sum()
    return torch.stack(groups).mean() + edge_loss


def _normalized(maps: Tensor) -> Tensor:
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    return (maps - low) / (high - low + 1e-12)


def _sobel(maps: Tensor) -> Tensor:
    kernel = maps.new_tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    kernels = torch.stack([kernel, kernel.T])[:, None]
    gradient = F.conv2d(F.pad(maps[:, None], (1, 1, 1, 1), mode='replicate'), kernels)
    return gradient.square().sum(dim=1).sqrt()
