"""What the tasks with a yes or no at each pixel share: one logit, binary cross-entropy."""
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lhl.errors import ConfigError
from lhl.losses import class_groups, kl_divergence_map

from .base import Task
from .drawing import blacken_invalid


class Binary(Task):
    """Pixel-wise decision between 0 and 1; a target is float32 of these two values, a prediction the logit of 1.

    Args:
        name: The task's name in the stream.
        positive_weight: Weight w of the pixels that are 1 where those are few, between 0 and 1; the others weigh 1 - w.
            The probability that the prediction stands for is then too high: the logit is 0 where the probability of a
            1 is 1 - w. ``None`` weighs all pixels with 1.
        metrics: See :class:`~lhl.tasks.base.Task`.

    Raises:
        ConfigError: If the weight is not between 0 and 1.
    """

    interpolation = 'nearest'
    groups_are_classes = True
    #: The colours of 0 and 1, RGB; neither is the black of invalid pixels.
    colours: ClassVar[tuple[tuple[int, int, int], tuple[int, int, int]]] = ((58, 66, 84), (250, 250, 250))

    def __init__(self, name: str, positive_weight: float | None = None,
                 metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, 1, metrics)
        if positive_weight is not None and not 0 < positive_weight < 1:
            raise ConfigError(f'task {name!r} has positive_weight={positive_weight}, expected a number between 0 and '
                              f'1, or None for the same weight everywhere')
        self.positive_weight = positive_weight

    def loss_map(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy of the logits x, ``(B, 1, H, W)``, against the targets y.

        With ``positive_weight`` w it is ``w y softplus(-x) + (1 - w) (1 - y) softplus(x)``: BCE with PyTorch's
        ``pos_weight=w / (1 - w)`` and divided by ``1 / (1 - w)``, the form of ATRC (Bruggemann et al., ICCV 2021).
        """
        # The logit of the right answer: no difference of large numbers, so small losses keep their digits.
        loss = -F.logsigmoid((2 * target - 1) * prediction)
        if self.positive_weight is not None:
            loss = loss * (self.positive_weight * target + (1 - self.positive_weight) * (1 - target))
        return loss.squeeze(1)

    def pseudo_label(self, prediction: Tensor) -> Tensor:
        """1 where the teacher's logit is above 0, ``(B, 1, H, W)`` of the logits' type."""
        return (prediction > 0).to(prediction.dtype)

    def soft_loss_map(self, prediction: Tensor, teacher_prediction: Tensor, temperature: float) -> Tensor:
        """KL divergence from the teacher's two probabilities, both softened by the temperature, times its square."""
        # The softmax of (0, x) is (1 - sigmoid(x), sigmoid(x)).
        student, teacher = (torch.cat([torch.zeros_like(logits), logits], dim=1)
                            for logits in (prediction, teacher_prediction))
        return kl_divergence_map(student, teacher, temperature)

    def groups(self, pseudo_label: Tensor, group_threshold: float,
               num_intervals: int | None = None) -> tuple[Tensor, int]:
        """One group for each of the two values; neither threshold nor intervals apply."""
        return class_groups(pseudo_label.squeeze(1).long(), 2)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse NaN and what is neither 0 nor 1."""
        super().check_target(target, valid)
        values = target[valid]
        wrong = values[(values != 0) & (values != 1)]
        if wrong.size:
            raise ValueError(f'found a value of {wrong[0]:g} among the valid pixels, expected 0 or 1; compare the map '
                             f'with a threshold')

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Paint 0 dark and 1 bright, in the colours of the kind."""
        return blacken_invalid(np.array(self.colours, np.uint8)[(target[0] > 0.5).astype(np.int64)], valid)
