"""NYUv2 as preprocessed for multi-task learning: one .npy file per image and target."""
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lhl.errors import ConfigError, DataError, suggest
from lhl.registry import DATASETS
from lhl.tasks import Task

from .base import DenseDataset
from .io.files import as_float32, as_int64, load_npy

CLASSES = ('bed', 'books', 'ceiling', 'chair', 'floor', 'furniture', 'objects', 'picture', 'sofa', 'table', 'tv',
           'wall', 'window')
PALETTE = ((202, 62, 71), (121, 85, 172), (224, 224, 214), (240, 142, 50), (140, 98, 62), (176, 137, 96),
           (233, 196, 65), (221, 122, 179), (163, 41, 92), (104, 159, 56), (38, 50, 56), (144, 164, 174),
           (79, 179, 226))


@DATASETS.register_module()
class NYUv2(DenseDataset):
    """13-class segmentation, depth and surface normals of indoor scenes, 795 training and 654 test images.

    The layout is that of the release by the authors of MTAN, which the rendered rooms share::

        data_root/{train,val}/{image,label,depth,normal}/{0,1,2,...}.npy

    ``image``: ``(H, W, 3)`` floats, RGB in [0, 1]. ``label``: ``(H, W)`` whole numbers of any type, -1 to ignore.
    ``depth``: ``(H, W, 1)`` or ``(H, W)`` floats in metres, 0 where unknown. ``normal``: ``(H, W, 3)`` floats, unit
    vectors, (0, 0, 0) where unknown.

    Args:
        folders: The folder of each task by the task's name. A folder called ``label`` holds classes; any other
            holds floats, and the task decides which values are unknown.
        kwargs: See :class:`~lhl.datasets.base.DenseDataset`.
    """

    METAINFO = dict(classes=list(CLASSES), palette=[list(colour) for colour in PALETTE])

    def __init__(self, *args: Any, folders: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        self.folders = dict(folders or dict(segmentation='label', depth='depth', normal='normal'))
        super().__init__(*args, **kwargs)

    def list_samples(self) -> list[int]:
        """Return the numbers of the files in ``image``, after making sure that every task has the same ones."""
        for name in self.tasks:
            if name not in self.folders:
                raise ConfigError(f'{type(self).__name__} has no folder for task {name!r}; '
                                  f'{suggest(name, self.folders)} (or name its folder in folders=dict({name}=...))')
        self.require_data_root(f'train/ and val/, or render rooms into it: lhl convert synth-rooms {self.data_root}')
        images = self._numbers('image')
        for name in self.tasks:
            self._check_complete(images, self._numbers(self.folders[name]), self.folders[name])
        return sorted(images)

    def path(self, sample: int, task: Task | None = None) -> Path:
        """``data_root/split/folder/number.npy``."""
        return self.data_root / self.split / (self.folders[task.name] if task else 'image') / f'{sample}.npy'

    def load_image(self, sample: int) -> np.ndarray:
        """Load an RGB image as stored: floats from 0 to 1."""
        return as_float32(load_npy(self.path(sample)), 'from 0 to 1; divide an image of 0 to 255 by 255')

    def load_target(self, sample: int, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Load a target; classes are unknown where they are -1."""
        array = load_npy(self.path(sample, task))
        if self.folders[task.name] == 'label':
            labels = as_int64(array)
            return labels, labels != -1
        values = as_float32(array, 'in the unit of the task')
        if values.ndim == 2:
            values = values[..., None]
        return values, np.ones(values.shape[:2], bool)

    def _numbers(self, folder: str) -> set[int]:
        """The numbers of the files in a folder of the split."""
        path = self.data_root / self.split / folder
        if not path.is_dir():
            raise DataError(f'folder {str(path)!r} is missing, expected {folder}/ in the split {self.split!r}; check '
                            f'that data_root is the folder that holds train/ and val/, and that it was unpacked fully')
        names = sorted(entry.name for entry in path.iterdir())
        numbers = {int(name[:-4]) for name in names if re.fullmatch(r'(0|[1-9][0-9]*)\.npy', name)}
        if not numbers:
            found = f'{len(names)} other files such as {names[0]!r}' if names else 'nothing'
            raise DataError(f'folder {str(path)!r} holds {found}, expected files called 0.npy, 1.npy, ...; '
                            f'unpack the data set again, or convert yours to this layout')
        return numbers

    def _check_complete(self, images: set[int], targets: set[int], folder: str) -> None:
        """Refuse images without a target and targets without an image."""
        for missing, where in ((images - targets, folder), (targets - images, 'image')):
            if missing:
                path = self.data_root / self.split / where / f'{min(missing)}.npy'
                raise DataError(f'{str(path)!r} is missing ({len(images)} files in image/, {len(targets)} in {folder}/'
                                f', {len(missing)} without a partner); restore it, or remove its partner')
