"""Lets the images of a phase be decoded once, where that is safe and pays."""
from typing import TYPE_CHECKING

from mmengine.dist import get_world_size
from mmengine.runner import BaseLoop

from lhl.datasets import DenseDataset
from lhl.datasets.decoded_cache import UnsuitableError, checked_gib

if TYPE_CHECKING:
    from .runner import PhaseRunner

#: The default of ``env_cfg.decoded_cache_gib``: the most that the decoded images of a phase take on the disk.
DEFAULT_GIB = 4.0


def keep_decoded(runner: 'PhaseRunner', loop: BaseLoop) -> None:
    """Keep the decoded training images of a phase in a file in its folder, and log it, or why not.

    Args:
        runner: Of the phase; all processes keep a file of their own.
        loop: Whose loader reads the images.
    """
    gib = checked_gib((runner.cfg.get('env_cfg') or {}).get('decoded_cache_gib', DEFAULT_GIB))
    dataset = loop.dataloader.dataset
    if not gib or not isinstance(dataset, DenseDataset) or loop.max_iters <= len(loop.dataloader):
        return  # switched off, or each image is seen once
    try:
        size = dataset.keep_decoded(runner.work_dir, gib, get_world_size())
    except UnsuitableError as reason:
        runner.logger.info(f'images are decoded in every epoch: {reason}')
    except OSError as error:
        runner.logger.warning(f'images are decoded in every epoch: {runner.work_dir} has no room for a file ({error})')
    else:
        runner.logger.info(f'decoded images are kept in {size / 2**20:.0f} MiB in {runner.work_dir}, which are free '
                           f'again when the phase ends')
