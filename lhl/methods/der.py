"""DER and DER++: dark experience replay (Buzzega et al., NeurIPS 2020), for dense tasks of any kind."""
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from lhl.errors import ConfigError
from lhl.models import Batch
from lhl.options import Count, CountFrom0, NotNegative
from lhl.registry import METHODS

from .replay import Entry
from .reservoir import ReservoirReplay


@METHODS.register_module()
class DER(ReservoirReplay):
    """Hold the heads' raw outputs to those that were stored in training, on a random sample of all images seen.

    An entry keeps the output of the head before it is upsampled and interpreted, as the training step that saw the
    image computed it.

    Args:
        weight: Alpha, the weight of the squared distance of the outputs (HAD, Table 6).
        memory_size: How many images are stored at most, of all tasks together. With 0 this is Vanilla.
        replay_batch_size: Stored images per iteration and process.

    Raises:
        ConfigError: If an option is out of range.
    """

    def replay_losses(self) -> dict[str, Tensor]:
        """The weighted distance of the outputs of a replay batch."""
        return {'loss_replay': self.weight * self.replay(self.output_losses)}

    def output_losses(self, name: str, features: tuple[Tensor, ...], rows: list[int],
                      maps: Mapping[str, Tensor]) -> Tensor:
        """Compute the squared distance to the stored outputs, averaged over the elements of each entry, ``(R,)``."""
        raw = self.learner.heads[self.learner.tasks[name].head](features).float()[rows]
        # Another backbone may have another stride; without a change of size this changes nothing.
        raw = F.interpolate(raw, size=maps['raw'].shape[-2:], mode='bilinear', align_corners=False)
        return (raw - maps['raw']).square().mean(dim=(1, 2, 3))

    def entry(self, batch: Batch, raw: Mapping[str, Tensor], name: str, row: int) -> Entry:
        """Make the entry of one image of this rank's batch for a new task."""
        return Entry.of(batch.inputs[row], self.phase.tasks.index(name), raw=raw[name][row])


@METHODS.register_module()
class DERpp(DER):
    """Hold the learner to the labels of stored images as well, in a second replay batch.

    Args:
        weight: Alpha, the weight of the squared distance of the outputs.
        label_weight: Beta, the weight of the task losses to the stored labels. HAD does not run DER++.
        memory_size: How many images are stored at most, of all tasks together. With 0 this is Vanilla.
        replay_batch_size: Stored images per iteration, process and replay batch.
        smooth_labels: See :class:`~lhl.methods.experience_replay.ER`; HCL's "KD with buffer" smooths.

    Raises:
        ConfigError: If an option is out of range.
    """

    def __init__(self, weight: NotNegative, label_weight: NotNegative, memory_size: CountFrom0 = 50,
                 replay_batch_size: Count = 8, smooth_labels: bool = False) -> None:
        super().__init__(weight, memory_size, replay_batch_size)
        if label_weight < 0:
            raise ConfigError(f'label_weight={label_weight!r} of DERpp is negative; give 0 or more')
        self.label_weight = label_weight
        self.smooth_labels = smooth_labels

    def replay_losses(self) -> dict[str, Tensor]:
        """The distance of the outputs, and the task losses of a second, independent draw."""
        losses = super().replay_losses()
        losses['loss_replay_labels'] = self.label_weight * self.replay(self.target_losses)
        return losses

    def entry(self, batch: Batch, raw: Mapping[str, Tensor], name: str, row: int) -> Entry:
        """Keep the label and its mask, too."""
        entry = super().entry(batch, raw, name, row)
        return Entry.of(entry.image, entry.task, **entry.maps, target=batch.targets[name][row],
                        valid=batch.valid[name][row])
