"""A learner as a plain function of tensors, which exporters can trace."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lhl.models import Learner


class Network(nn.Module):
    """Images to the predictions of some tasks, at the size of the images.

    Args:
        learner: A trained learner.
        tasks: What to predict.
        preprocess: Take images of RGB in [0, 1], which are normalised inside; else normalised ones.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, learner: Learner, tasks: Sequence[str], preprocess: bool) -> None:
        super().__init__()
        # Exporters know one layout, and this is not the time to be fast.
        self.learner = learner.to(memory_format=torch.contiguous_format).eval()
        self.tasks, self.preprocess = tuple(tasks), preprocess
        preprocessor = learner.data_preprocessor
        self.register_buffer('mean', preprocessor.mean.clone())
        self.register_buffer('std', preprocessor.std.clone())
        self.to_bgr = preprocessor.to_bgr

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map ``(B, 3, H, W)`` to each task's ``(B, C, H, W)``: logits, or numbers in the unit of the task."""
        if self.preprocess:
            images = ((images.flip(1) if self.to_bgr else images) - self.mean) / self.std
        predictions = self.learner.predict_tasks(self.learner.extract_features(images), self.tasks, images.shape[-2:])
        return tuple(predictions.values())
