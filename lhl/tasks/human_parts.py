"""Human part segmentation: which part of a body a pixel shows, cross-entropy."""
from collections.abc import Mapping, Sequence

import numpy as np

from lhl.registry import TASKS

from .segmentation import SemanticSegmentation

CLASSES = ('background', 'head', 'torso', 'upper arm', 'lower arm', 'upper leg', 'lower leg')
PALETTE = ((66, 66, 72), (240, 98, 80), (255, 213, 79), (102, 187, 106), (38, 166, 154), (66, 133, 244),
           (171, 71, 188))


@TASKS.register_module()
class HumanPartSegmentation(SemanticSegmentation):
    """Pixel-wise classification of body parts; class 0 is everything else.

    As in PASCAL-Context, only images with a person count: an image that shows no part is unlabelled as a whole, so that
    the task does not become the recognition of background.

    Args:
        name: The task's name in the stream.
        num_classes: Number of classes, the background included.
        classes: Their names. Default: the parts of PASCAL-Context, without a distinction of left and right.
        palette: Their colours, or ``None`` for well separated hues.
        metrics: See :class:`~lhl.tasks.base.Task`.
        label_smoothing: See :class:`~lhl.tasks.classification.Classification`.
    """

    def __init__(self, name: str, num_classes: int = len(CLASSES), classes: Sequence[str] | None = CLASSES,
                 palette: Sequence[Sequence[int]] | None = PALETTE, metrics: Sequence[Mapping] | None = None,
                 label_smoothing: float = 0.0) -> None:
        super().__init__(name, num_classes, classes, palette, metrics, label_smoothing)

    def has_target(self, target: np.ndarray) -> np.ndarray:
        """An image without any part is unlabelled; elsewhere, a label of -1 is."""
        return super().has_target(target) & (target > 0).any()
