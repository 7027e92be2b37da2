"""ER: experience replay from a tiny memory (Chaudhry et al., arXiv:1902.10486), for dense tasks of any kind."""
from torch import Tensor

from lhl.options import Count, CountFrom0, NotNegative
from lhl.registry import METHODS

from .reservoir import ReservoirReplay


@METHODS.register_module()
class ER(ReservoirReplay):
    """Learn stored images with their labels again, beside the new ones: a random sample of all images seen.

    The original puts the images of the memory and the new ones into one batch, half and half; here they are two
    batches, whose losses are added, because a label is of one task and an image of the memory has that of its own.

    Args:
        weight: Of the task losses to the stored labels; 1 is the original's.
        memory_size: How many images are stored at most, of all tasks together. With 0 this is Vanilla.
        replay_batch_size: Stored images per iteration and process.
        smooth_labels: Smooth stored labels by the task's ``label_smoothing``, as those of new images are, in place of
            the plain loss.

    Raises:
        ConfigError: If an option is out of range.
    """

    def __init__(self, weight: NotNegative, memory_size: CountFrom0 = 50, replay_batch_size: Count = 8,
                 smooth_labels: bool = False) -> None:
        super().__init__(weight, memory_size, replay_batch_size)
        self.smooth_labels = smooth_labels

    def replay_losses(self) -> dict[str, Tensor]:
        """The weighted task losses of a replay batch."""
        return {'loss_replay_labels': self.weight * self.replay(self.target_losses)}
