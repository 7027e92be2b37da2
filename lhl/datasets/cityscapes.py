"""CityScapes as preprocessed for multi-task learning: seven classes and disparity, one .npy file each."""
from collections.abc import Mapping
from typing import Any

import numpy as np

from lhl.registry import DATASETS
from lhl.tasks import Task

from .io.files import as_int64, load_npy
from .nyuv2 import NYUv2

CLASSES = ('flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle')
PALETTE = ((128, 64, 128), (70, 70, 70), (220, 190, 40), (107, 142, 35), (70, 130, 180), (220, 20, 60), (0, 0, 142))
#: What the folder of the seven classes is called in the release, and by those who read the release with LibMTL.
LABEL_FOLDERS = ('label_7', 'label')


@DATASETS.register_module()
class CityScapes(NYUv2):
    """7-class segmentation and disparity of streets, 2975 training and 500 validation images.

    The layout is that of the release by the authors of MTAN, in either of its sizes (128x256 and 256x512)::

        data_root/{train,val}/{image,label_7,depth}/{0,1,2,...}.npy

    ``image``: ``(H, W, 3)`` floats, RGB in [0, 1]. ``label_7``, or else ``label``: ``(H, W)`` whole numbers of any
    type, -1 to ignore. ``depth``: ``(H, W, 1)`` or ``(H, W)`` floats, 0 where unknown; the release holds disparity,
    the value of the official 16-bit file over 65535, so learn it as a ``DisparityEstimation``.

    Args:
        folders: The folder of each task by the task's name. A folder whose name starts with ``label`` holds classes;
            any other holds floats, and the task decides which values are unknown. Default: the classes for
            ``segmentation``, ``depth`` for ``depth``.
        kwargs: See :class:`~lhl.datasets.base.DenseDataset`.
    """

    METAINFO = dict(classes=list(CLASSES), palette=[list(colour) for colour in PALETTE])

    def __init__(self, *args: Any, folders: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, folders=folders or dict(segmentation=LABEL_FOLDERS[0], depth='depth'), **kwargs)

    def list_samples(self) -> list[int]:
        """Return the numbers of the files in ``image``, after making sure that every task has the same ones."""
        self.require_data_root(f'train/ and val/, or convert the official files into it: lhl convert cityscapes '
                               f'OFFICIAL {self.data_root}')
        release, renamed = ((self.data_root / self.split / folder).is_dir() for folder in LABEL_FOLDERS)
        if renamed and not release:
            self.folders = {name: LABEL_FOLDERS[1] if folder == LABEL_FOLDERS[0] else folder
                            for name, folder in self.folders.items()}
        return super().list_samples()

    def load_target(self, sample: int, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Load a target; classes are unknown where they are -1."""
        if not self.folders[task.name].startswith('label'):
            return super().load_target(sample, task)
        labels = as_int64(load_npy(self.path(sample, task)))
        return labels, labels != -1
