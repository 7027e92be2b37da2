"""PASCAL-Context as prepared for multi-task learning: classes, human parts, normals, saliency and boundaries."""
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage.morphology import thin

from lhl.datasets.base import DenseDataset
from lhl.datasets.io.files import as_int64, load_mat, load_picture, load_rgb
from lhl.datasets.io.split_lists import find_files, read_names
from lhl.datasets.io.target_pictures import load_class_indices, load_mask, load_normals
from lhl.errors import ConfigError, suggest
from lhl.registry import DATASETS
from lhl.tasks import Task

from .human_part_annotations import load_human_parts

#: The classes of PASCAL VOC, in the order of their labels.
CLASSES = ('background', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
           'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor')

#: The classes of PASCAL-Context whose names are among the 894 of NYUv2, and tvmonitor, with their labels. Only there
#: are the normals kept: they were predicted by a network that has learned NYUv2.
CLASSES_WITH_NORMALS = {
    'air conditioner': 3, 'antenna': 4, 'ashtray': 6, 'bag': 9, 'ball': 10, 'balloon': 11, 'barrel': 13, 'basket': 15,
    'bathtub': 17, 'bed': 18, 'bench': 22, 'bicycle': 23, 'blackboard': 29, 'board': 30, 'book': 33, 'bottle': 34,
    'bowl': 36, 'box': 37, 'bracelet': 38, 'brick': 39, 'broom': 41, 'bucket': 43, 'cabinet': 46, 'cake': 49,
    'calculator': 50, 'calendar': 51, 'camera': 53, 'can': 55, 'candle': 56, 'car': 59, 'cart': 61, 'case': 62,
    'cat': 65, 'cd': 66, 'ceiling': 68, 'cell phone': 69, 'chair': 72, 'chessboard': 73, 'clock': 78,
    'coffee machine': 83, 'comb': 84, 'computer': 85, 'cone': 87, 'container': 88, 'corkscrew': 95, 'counter': 96,
    'crate': 101, 'cup': 104, 'curtain': 105, 'cutting board': 107, 'dishwasher': 111, 'dog': 113, 'door': 115,
    'drum': 122, 'duck': 124, 'envelope': 135, 'fan': 141, 'faucet': 142, 'fax machine': 143, 'fire extinguisher': 146,
    'fish tank': 150, 'flag': 154, 'flashlight': 157, 'floor': 158, 'flower': 159, 'fork': 165, 'fruit': 172,
    'furnace': 174, 'glass': 181, 'globe': 183, 'glove': 184, 'guitar': 191, 'hammer': 193, 'handle': 195,
    'hanger': 197, 'hat': 199, 'heater': 202, 'ipod': 213, 'ironing board': 215, 'jar': 216, 'key': 219,
    'keyboard': 220, 'knife': 223, 'ladder': 225, 'laptop': 228, 'lid': 230, 'light': 232, 'light bulb': 233,
    'lock': 238, 'machine': 239, 'map': 242, 'mask': 243, 'mattress': 246, 'microphone': 250, 'microwave': 251,
    'mirror': 252, 'money': 255, 'mouse': 260, 'mouse pad': 261, 'napkin': 263, 'oven': 269, 'pan': 272, 'paper': 273,
    'paper cutter': 275, 'pen': 281, 'pencil': 283, 'person': 284, 'photo': 285, 'piano': 286, 'picture': 287,
    'pig': 288, 'pillow': 290, 'pipe': 291, 'pitcher': 292, 'plant': 293, 'plate': 295, 'pool table': 304, 'pot': 307,
    'printer': 309, 'projector': 310, 'radiator': 314, 'radio': 315, 'range hood': 319, 'remote control': 323,
    'rope': 329, 'rug': 330, 'ruler': 331, 'scale': 336, 'sculpture': 342, 'sewing machine': 345, 'shelves': 349,
    'shoe': 350, 'shopping cart': 351, 'shovel': 352, 'sign': 355, 'sink': 357, 'sofa': 368, 'spatula': 370,
    'speaker': 371, 'spoon': 374, 'stapler': 379, 'stick': 380, 'stool': 383, 'stove': 384, 'table': 397, 'tape': 401,
    'telephone': 403, 'tent': 405, 'toaster': 407, 'toilet': 408, 'toothbrush': 411, 'towel': 412, 'toy': 413,
    'toy car': 414, 'trampoline': 417, 'tray': 419, 'tricycle': 421, 'trophy': 423, 'tvmonitor': 427,
    'typewriter': 429, 'umbrella': 430, 'vacuum cleaner': 432, 'wall': 440, 'wallet': 441, 'wardrobe': 442,
    'washing machine': 443, 'watch': 444, 'water dispenser': 446, 'window': 454, 'wire': 457}

#: Where the labels of PASCAL-Context lie, and the highest of them.
LABELS = 'pascal-context/trainval/{}.mat'
NUM_LABELS = 459
#: Where the files lie, what lhl's converter has decoded before what was published.
PLACES = dict(
    images=('JPEGImages/{}.jpg', ),
    semseg=('semseg/VOC12/{}.png', 'semseg/pascal-context/{}.png'),
    human_parts=('human_parts/{}.png', 'human_parts/{}.mat'),
    normals=('normals_masked/{}.png', 'normals_distill/{}.png'),
    sal=('sal_distill/{}.png', ),
    edge=('edge/{}.png', LABELS))


@DATASETS.register_module()
class PASCALContext(DenseDataset):
    """Five tasks on 4998 training and 5105 test images of many sizes, up to 500 x 500.

    The layout is that of the folder ``PASCAL_MT``::

        data_root/ImageSets/Context/{train,val}.txt         the names of the images
        data_root/JPEGImages/NAME.jpg
        data_root/semseg/{VOC12,pascal-context}/NAME.png    0 to 20, 255 ignored; VOC12 first
        data_root/human_parts/NAME.mat                      the annotations of PASCAL-Part
        data_root/normals_distill/NAME.png                  255 (n + 1) / 2, predicted by a network
        data_root/sal_distill/NAME.png                      saliency, predicted by a network
        data_root/pascal-context/trainval/NAME.mat          LabelMap: 459 classes, whose borders are the boundaries

    Normals count on :data:`CLASSES_WITH_NORMALS` only. An image without the parts of a person has no valid pixel for
    :class:`~lhl.tasks.human_parts.HumanPartSegmentation`.

    Args:
        targets: Which target each task reads, by the task's name: ``semseg``, ``human_parts``, ``normals``, ``sal`` or
            ``edge``.
        kwargs: See :class:`~lhl.datasets.base.DenseDataset`.
    """

    METAINFO = dict(classes=list(CLASSES))

    def __init__(self, *args: Any, targets: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        self.targets = dict(targets or dict(segmentation='semseg', human_parts='human_parts', normal='normals',
                                            saliency='sal', boundary='edge'))
        super().__init__(*args, **kwargs)

    def list_samples(self) -> list[str]:
        """Return the names in the list of the split, after finding the files of all tasks."""
        known = [target for target in PLACES if target != 'images']
        for name in self.tasks:
            if self.targets.get(name) not in known:
                raise ConfigError(f'{type(self).__name__} has no target {self.targets.get(name, name)!r} for task '
                                  f'{name!r}; {suggest(name, self.targets)} (or give it one of {", ".join(known)} in '
                                  f'targets=dict({name}=...))')
        self.require_data_root('JPEGImages/ and ImageSets/, usually called PASCAL_MT')
        self.lists = [self.data_root / 'ImageSets' / 'Context' / f'{self.split}.txt']
        names = read_names(self.lists[0])
        wanted = ['images', *(self.targets[task] for task in self.tasks)]
        self.files = {target: find_files(self.data_root, names, PLACES[target]) for target in wanted}
        unmasked = [name for name, path in self.files.get('normals', {}).items() if not is_masked(path)]
        self.labels = find_files(self.data_root, unmasked, [LABELS]) if unmasked else {}
        return names

    def path(self, sample: str, task: Task | None = None) -> Path:
        """The file that was found for this image."""
        return self.files[self.targets[task.name] if task else 'images'][sample]

    def source_files(self) -> Iterator[Path]:
        """Besides, the labels that say where normals count."""
        yield from super().source_files()
        yield from self.labels.values()

    def load_image(self, sample: str) -> np.ndarray:
        """Load the picture."""
        return load_rgb(self.path(sample))

    def load_target(self, sample: str, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Load a target from the files that were found for it."""
        target, path = self.targets[task.name], self.path(sample, task)
        if target == 'semseg':
            return load_segmentation(path)
        if target == 'human_parts':
            return self._load_parts(sample, path)
        if target == 'normals':
            return load_distilled_normals(path, self.labels.get(sample))
        present = load_mask(path) if path.suffix == '.png' else load_boundary(path)
        return present[..., None].astype(np.float32), np.ones(present.shape, bool)

    def _load_parts(self, sample: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Load the parts; where nothing is annotated, not even the size is known."""
        parts = load_class_indices(path) if path.suffix == '.png' else load_human_parts(path)
        if parts is None:
            parts = np.zeros(load_picture(self.path(sample)).shape[:2], np.uint8)
        return as_int64(parts), np.ones(parts.shape, bool)


def is_masked(path: Path) -> bool:
    """Return whether a file of normals is grey already where normals do not count."""
    return path.parent.name == 'normals_masked'


def load_segmentation(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load the 21 classes and where pixels are labelled."""
    labels = as_int64(load_class_indices(path))
    return np.where(labels == 255, -1, labels), labels != 255


def load_labels(path: Path) -> np.ndarray:
    """Load the labels ``(H, W)`` int64 of PASCAL-Context's 459 classes."""
    labels = as_int64(load_mat(path, 'LabelMap'))
    if labels.ndim != 2 or not labels.size:
        raise ValueError(f'found a LabelMap of shape {labels.shape}, expected (height, width); restore it from the '
                         f'archive')
    if labels.min() < 0 or labels.max() > NUM_LABELS:
        raise ValueError(f'found labels from {labels.min()} to {labels.max()} in the LabelMap, expected 0 to '
                         f'{NUM_LABELS}; restore it from the archive')
    return labels


def load_boundary(path: Path) -> np.ndarray:
    """Load the borders ``(H, W)`` bool between classes: where the labels have a Laplacian, thinned to one pixel."""
    return thin(cv2.Laplacian(load_labels(path).astype(np.float64), cv2.CV_64F) != 0)


def load_distilled_normals(path: Path, labels_path: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Load normals ``(H, W, 3)`` and where they are known, and count: on some of the classes of PASCAL-Context."""
    normals, known = load_normals(path)
    if labels_path is None:
        return normals, known
    try:
        labels = load_labels(labels_path)
    except ValueError as error:
        raise ValueError(f'its labels {str(labels_path)!r} cannot be used, {error}') from error
    if labels.shape != known.shape:
        raise ValueError(f'found shape {known.shape}, expected {labels.shape} as its labels {str(labels_path)!r} have; '
                         f'restore both from the archive')
    return normals, known & np.isin(labels, list(CLASSES_WITH_NORMALS.values()))
