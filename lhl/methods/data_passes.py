"""Goes through the data of a phase once: what EWC, SPG, GPM and iCaRL look at at its end, and HCL before it begins."""
from collections.abc import Iterator, Sized
from typing import cast

from mmengine.dist import get_dist_info
from torch.utils.data import DataLoader

from lhl.datasets import SampleKey
from lhl.models import Batch, Learner, without_gradient_checkpointing


def num_images(dataloader: DataLoader) -> int:
    """Count the images of a loader's data set, which a batch may leave out."""
    return len(cast(Sized, dataloader.dataset))


def each_batch_once(learner: Learner, dataloader: DataLoader, batch_size: int | None = None,
                    indices: list[int] | None = None) -> Iterator[tuple[list[int], Batch]]:
    """Give every image of a phase exactly once, augmented as in epoch 0, each rank its share.

    Unlike the training loader it neither shuffles, drops nor repeats an image, so that a sum over the batches of all
    ranks is the same for any number of processes and any batch size. Meanwhile the learner checkpoints no gradients, so
    that a batch can be differentiated in any way.

    Args:
        learner: Its preprocessor normalises the images.
        dataloader: The training loader of the phase.
        batch_size: Images per batch; the loader's own by default.
        indices: Positions in the data set to look at, the same on all ranks; all by default.

    Yields:
        The positions of the batch's images in the data set, and the batch on the device.
    """
    rank, world_size = get_dist_info()
    indices = list(range(num_images(dataloader)) if indices is None else indices)[rank::world_size]
    batch_size = batch_size or dataloader.batch_size or 1
    loader = DataLoader(
        dataloader.dataset, batch_size, sampler=[SampleKey(index, 0) for index in indices],
        num_workers=dataloader.num_workers, collate_fn=dataloader.collate_fn, worker_init_fn=dataloader.worker_init_fn)
    with without_gradient_checkpointing(learner):
        for number, data in enumerate(loader):
            data = learner.data_preprocessor(data, training=True)
            yield (indices[number * batch_size:(number + 1) * batch_size],
                   Batch(data['inputs'], data['targets'], data['valid'], data.get('meta', ())))
