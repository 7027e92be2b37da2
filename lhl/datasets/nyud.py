"""NYUD-v2 as prepared for multi-task learning: 40 classes, depth, normals and boundaries, in any of its releases."""
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lhl.errors import ConfigError, suggest
from lhl.registry import DATASETS
from lhl.tasks import Task

from .base import DenseDataset
from .io.files import as_float32, as_int64, load_mat, load_npy, load_rgb
from .io.split_lists import find_files, read_names
from .io.target_pictures import lengths, load_class_indices, load_mask, load_normals

#: The 40 classes of Gupta et al. (CVPR 2013), in the order of their labels 1 to 40.
CLASSES = ('wall', 'floor', 'cabinet', 'bed', 'chair', 'sofa', 'table', 'door', 'window', 'bookshelf', 'picture',
           'counter', 'blinds', 'desk', 'shelves', 'curtain', 'dresser', 'pillow', 'mirror', 'floor mat', 'clothes',
           'ceiling', 'books', 'refrigerator', 'television', 'paper', 'towel', 'shower curtain', 'box', 'whiteboard',
           'person', 'night stand', 'toilet', 'sink', 'lamp', 'bathtub', 'bag', 'other structure', 'other furniture',
           'other prop')

#: Where the files of each folder lie; the releases differ in their suffixes, and .npy is the fastest.
PLACES = dict(
    images=('images/{}.npy', 'images/{}.png', 'images/{}.jpg'),
    segmentation=('segmentation/{}.npy', 'segmentation/{}.png', 'segmentation/{}.mat'),
    depth=('depth/{}.npy', 'depth/{}.mat'),
    normals=('normals/{}.npy', 'normals/{}.png', 'normals/{}.jpg'),
    edge=('edge/{}.npy', 'edge/{}.png'))


@DATASETS.register_module()
class NYUDv2(DenseDataset):
    """Segmentation into 40 classes, depth, normals and boundaries of 795 training and 654 test images, 425 x 560.

    The layout is that of the folder ``NYUD_MT``::

        data_root/gt_sets/{train,val}.txt            the names of the images
        data_root/{images,segmentation,depth,normals,edge}/NAME.SUFFIX

    Its releases store the same in different files; each file is read as its suffix says:

    ============  ================  =================  ==============  ==================================
    folder        astmt             MTL-PyTorch, ATRC  InvPT           lhl's converter
    ============  ================  =================  ==============  ==================================
    images        .jpg              .jpg               .png            .npy, 8 bits
    segmentation  .mat              .png               .png            .npy; 1 to 40, 0 unlabelled
    depth         .mat              .npy               .npy            .npy; metres, 0 unknown
    normals       .jpg              .npy               .png            .npy; unit vectors, 0 0 0 unknown
    edge          .png              .npy               .png            .npy; 0 and 1
    ============  ================  =================  ==============  ==================================

    Args:
        folders: The folder of each task by the task's name.
        kwargs: See :class:`~lhl.datasets.base.DenseDataset`.
    """

    METAINFO = dict(classes=list(CLASSES))

    def __init__(self, *args: Any, folders: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        self.folders = dict(folders or dict(segmentation='segmentation', depth='depth', normal='normals',
                                            boundary='edge'))
        super().__init__(*args, **kwargs)

    def list_samples(self) -> list[str]:
        """Return the names in the list of the split, after finding the files of all tasks."""
        for name in self.tasks:
            if self.folders.get(name) not in READERS:
                raise ConfigError(f'{type(self).__name__} has no folder {self.folders.get(name, name)!r} for task '
                                  f'{name!r}; {suggest(name, self.folders)} (or give it one of '
                                  f'{", ".join(READERS)} in folders=dict({name}=...))')
        self.require_data_root('images/ and gt_sets/, usually called NYUD_MT')
        self.lists = [self.data_root / 'gt_sets' / f'{self.split}.txt']
        names = read_names(self.lists[0])
        self.files = {folder: find_files(self.data_root, names, PLACES[folder])
                      for folder in ('images', *(self.folders[task] for task in self.tasks))}
        return names

    def path(self, sample: str, task: Task | None = None) -> Path:
        """The file that was found for this image."""
        return self.files[self.folders[task.name] if task else 'images'][sample]

    def load_image(self, sample: str) -> np.ndarray:
        """Load a picture, or an array of 8 bits."""
        return load_image(self.path(sample))

    def load_target(self, sample: str, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Load a target with the reader of its folder."""
        return READERS[self.folders[task.name]](self.path(sample, task))


def load_image(path: Path) -> np.ndarray:
    """Load an image ``(H, W, 3)``, float32 RGB in [0, 1]."""
    if path.suffix != '.npy':
        return load_rgb(path)
    array = load_npy(path)
    if array.dtype != np.uint8:
        raise ValueError(f'found values of type {array.dtype}, expected 8 bits, from 0 to 255; store '
                         f'(255 * image).astype(numpy.uint8)')
    return array.astype(np.float32) / 255


def load_segmentation(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load the classes 0 to 39, stored as 1 to 40, and where pixels are labelled."""
    labels = as_int64(load_class_indices(path) if path.suffix == '.png' else _array(path, 'segmentation'))
    if labels.size and (labels.min() < 0 or labels.max() > len(CLASSES)):
        raise ValueError(f'found labels from {labels.min()} to {labels.max()}, expected 1 to {len(CLASSES)}, and 0 '
                         f'where unlabelled; check that the folder holds the labels of the {len(CLASSES)} classes')
    return labels - 1, labels > 0


def load_depth(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load distances along the optical axis ``(H, W, 1)``, in metres, and where they are not 0."""
    depth = as_float32(_array(path, 'depth'), 'in metres; divide millimetres by 1000')
    depth = depth[..., None] if depth.ndim == 2 else depth
    return depth, (depth != 0).any(axis=-1)


def load_normal(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load unit vectors ``(H, W, 3)`` and where they are known; a vector much shorter than 1 is no direction."""
    if path.suffix != '.npy':
        return load_normals(path)
    normals = as_float32(load_npy(path), 'from -1 to 1, unit vectors')
    # NaN is not shorter: it is left for the task to refuse.
    return normals, ~(lengths(normals) < 0.5)


def load_edge(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load boundaries ``(H, W, 1)``, 0 and 1; every pixel is known."""
    array = load_mask(path) if path.suffix == '.png' else load_npy(path)
    if array.dtype.kind not in 'fiub':
        raise ValueError(f'found values of type {array.dtype}, expected the numbers 0 and 1; export it again')
    edge = array.astype(np.float32)
    edge = edge[..., None] if edge.ndim == 2 else edge
    return edge, np.ones(edge.shape[:2], bool)


#: How the files of each folder are read.
READERS: dict[str, Callable[[Path], tuple[np.ndarray, np.ndarray]]] = dict(
    segmentation=load_segmentation, depth=load_depth, normals=load_normal, edge=load_edge)


def _array(path: Path, key: str) -> np.ndarray:
    """Load a .npy file, or the array of that name of a .mat file."""
    return load_mat(path, key) if path.suffix == '.mat' else load_npy(path)
