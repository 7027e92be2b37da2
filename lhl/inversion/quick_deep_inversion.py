"""Quick deep inversion: images of the new task, changed until they suit what the teacher remembers of the old ones."""
import math

import torch
from mmengine.dist import all_gather_object, get_dist_info
from mmengine.logging import print_log
from torch import Tensor

from lhl.errors import ConfigError
from lhl.losses import total_variation
from lhl.models import Learner, without_gradient_checkpointing
from lhl.options import Count, CountFrom0, NotNegative, Positive
from lhl.registry import MODELS
from lhl.tasks import Task

from .objectives import inversion_labels, inversion_loss
from .statistics import Statistics, feature_statistics, remembered_statistics, statistics_distance


@MODELS.register_module()
class QuickDeepInversion:
    """Minimise over the pixels of real images, in a few hundred steps of Adam (HCL, Madaan et al., CVPR 2023)::

        target_weight * L_target + feature_weight * R + variation_weight * TV(x) + norm_weight * |x|

    R is the distance of the features' statistics to those that the teacher remembers, TV the total variation, and
    ``|x|`` the Euclidean length of the chunk. L_target is the mean over the teacher's heads of what their tasks ask for
    (:mod:`lhl.inversion.objectives`). An image-level task asks for a class of the old tasks of its head, as
    HCL. A dense task asks for the teacher's pseudo-labels of *another* image of the chunk, the same one for all dense
    tasks. In a mixed stream an image gets both, a class and a layout.

    Args:
        steps: Of Adam, with the betas 0.5 and 0.9.
        learning_rate: In the unit of normalised images. It rises linearly over ``warmup_steps`` and then falls to 0
            along a cosine. The defaults of this and of the weights are HCL's for CIFAR-100 and Tiny-ImageNet.
        warmup_steps: How many steps it rises.
        feature_weight: Of R.
        variation_weight: Of the total variation.
        norm_weight: Of the length.
        target_weight: Of L_target, a mean over images, whereas total variation and length grow with the root of their
            number. The log says whether the teacher sees in them what was asked for.
        chunk_size: Images that are changed together. Statistics, length and total variation are those of a chunk. HCL
            changes all of its 200 together.

    Raises:
        ConfigError: If a number is out of range.
    """

    def __init__(self, steps: Count = 500, learning_rate: Positive = 0.03, warmup_steps: CountFrom0 = 100,
                 feature_weight: NotNegative = 0.2, variation_weight: NotNegative = 0.003,
                 norm_weight: NotNegative = 0.003, target_weight: NotNegative = 1.0, chunk_size: Count = 16) -> None:
        least = dict(steps=(steps, 1), warmup_steps=(warmup_steps, 0), chunk_size=(chunk_size, 1),
                     learning_rate=(learning_rate, 0), feature_weight=(feature_weight, 0),
                     variation_weight=(variation_weight, 0), norm_weight=(norm_weight, 0),
                     target_weight=(target_weight, 0))
        for option, (value, minimum) in least.items():
            if value < minimum:
                raise ConfigError(f'{option}={value!r} of QuickDeepInversion is too small; give {minimum} or more')
        self.steps = steps
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.feature_weight = feature_weight
        self.variation_weight = variation_weight
        self.norm_weight = norm_weight
        self.target_weight = target_weight
        self.chunk_size = chunk_size

    def __call__(self, teacher: Learner, images: Tensor, seed: int = 0) -> Tensor:
        """Invert the teacher, starting from real images.

        The chunks are divided among the processes, and each gets all images, as one process would have made them.

        Args:
            teacher: Frozen, in evaluation mode; neither its weights nor its statistics change.
            images: ``(N, 3, H, W)`` normalised, on the CPU, the same on all ranks. They are not changed.
            seed: Of the classes that are drawn, the same on all ranks.

        Returns:
            ``(M, 3, H, W)`` on the CPU, each pixel in the range of a normalised image. M is N, or less where M images
            can have every class equally often.
        """
        device = next(teacher.parameters()).device
        labels = drawn_labels(teacher, len(images), seed)
        count = min([len(images), *(len(drawn) for drawn in labels.values())])
        chunks = images[:count].split(self.chunk_size)
        shown = {name: drawn[:count].split(self.chunk_size) for name, drawn in labels.items()}
        remembered = remembered_statistics(teacher.backbone, (chunk.to(device) for chunk in chunks))
        rank, world_size = get_dist_info()
        mine = {number: self.invert(teacher, chunks[number].to(device), remembered,
                                    {name: parts[number].to(device) for name, parts in shown.items()}).cpu()
                for number in range(rank, len(chunks), world_size)}
        inverted = {number: chunk for part in all_gather_object(mine) for number, chunk in part.items()}
        _report(teacher, inverted, shown)
        return torch.cat([inverted[number] for number in range(len(chunks))])

    def invert(self, teacher: Learner, images: Tensor, remembered: Statistics, labels: dict[str, Tensor]) -> Tensor:
        """Invert one chunk ``(B, 3, H, W)`` on the teacher's device, given the labels ``(B, )`` of tasks with such."""
        with torch.no_grad():
            losses = {name: inversion_loss(teacher.tasks[name], prediction, labels.get(name))
                      for name, prediction in predicted(teacher, images).items()}
            low, high = valid_range(teacher, images)
        inverted = images.clone().requires_grad_()
        optimizer = torch.optim.Adam([inverted], betas=(0.5, 0.9))
        with feature_statistics(teacher.backbone) as found, without_gradient_checkpointing(teacher):
            for step in range(self.steps):
                optimizer.param_groups[0]['lr'] = self.learning_rate_at(step)
                predictions = predicted(teacher, inverted)
                target = torch.stack([loss(predictions[name]) for name, loss in losses.items()]).mean()
                loss = self.loss(inverted, target, statistics_distance(found, remembered))
                # Not loss.backward(), which would give a teacher that is not frozen gradients.
                inverted.grad, = torch.autograd.grad(loss, inverted)
                optimizer.step()
                with torch.no_grad():
                    inverted.clamp_(low, high)
        return inverted.detach()

    def loss(self, images: Tensor, target: Tensor, distance: Tensor) -> Tensor:
        """Sum the terms for a chunk ``(B, 3, H, W)``, given L_target and R, scalars."""
        return (self.target_weight * target + self.feature_weight * distance
                + self.variation_weight * total_variation(images)
                + self.norm_weight * torch.linalg.vector_norm(images))

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0 (the schedule of DeepInversion)."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def _report(teacher: Learner, inverted: dict[int, Tensor], shown: dict[str, tuple[Tensor, ...]]) -> None:
    """Log how many images the teacher takes for what they should show: few, where other terms outweigh L_target."""
    device = next(teacher.parameters()).device
    for name, labels in shown.items():
        right = torch.cat([predicted(teacher, chunk.to(device))[name].flatten(1).argmax(1).cpu() == labels[number]
                           for number, chunk in inverted.items()])
        print_log(f'QuickDeepInversion: the teacher takes {100 * right.float().mean():.0f} % of the inverted images '
                  f'for what the head {teacher.tasks[name].head!r} was asked for', logger='current')


def drawn_labels(teacher: Learner, count: int, seed: int) -> dict[str, Tensor]:
    """Draw what each head asks so many images for, by its first task, where that can be said before they are seen."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {tasks[0].name: inversion_labels(tasks, count, generator) for tasks in tasks_by_head(teacher)}
    return {name: labels for name, labels in drawn.items() if labels is not None}


def predicted(teacher: Learner, images: Tensor) -> dict[str, Tensor]:
    """Run the teacher, and each of its heads once, for the first of its tasks; the predictions ``(B, C, H, W)``."""
    names = [tasks[0].name for tasks in tasks_by_head(teacher)]
    return teacher.predict_tasks(teacher.extract_features(images), names, images.shape[-2:])


def tasks_by_head(teacher: Learner) -> list[list[Task]]:
    """Gather the tasks that have one head in common, in the stream's order."""
    by_head: dict[str, list[Task]] = {}
    for task in teacher.tasks.values():
        by_head.setdefault(task.head, []).append(task)
    return list(by_head.values())


def valid_range(teacher: Learner, images: Tensor) -> tuple[Tensor, Tensor]:
    """Give what black and white are for the teacher, ``(1, 3, 1, 1)`` both, on the images' device."""
    return tuple(teacher.data_preprocessor(dict(inputs=torch.full((1, 3, 1, 1), value)))['inputs'].to(images)
                 for value in (0.0, 1.0))
