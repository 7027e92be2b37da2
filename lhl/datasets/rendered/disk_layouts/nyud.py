"""The layout of NYUD-v2 for multi-task learning, in each of the three releases that people have.

``OUT/gt_sets/{train,val}.txt`` and ``OUT/{images,segmentation,depth,normals,edge}/NAME.SUFFIX``; the classes are those
of the 40 that stand for the 13 of the rooms.
"""
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from lhl.datasets.io.file_bytes import encode_jpeg, encode_mat, encode_npy, encode_png, encode_unit_vectors
from lhl.datasets.nyud import load_segmentation
from lhl.synthetic.rooms.geometry_targets import boundary
from lhl.synthetic.rooms.room_view import RoomView
from lhl.synthetic.rooms.scene import CLASSES

from .base import DiskLayout, name_lists

#: The label, 1 to 40, of each of the 13 classes.
LABELS = {'bed': 4, 'books': 23, 'ceiling': 22, 'chair': 5, 'floor': 2, 'furniture': 3, 'objects': 40, 'picture': 11,
          'sofa': 6, 'table': 7, 'tv': 25, 'wall': 1, 'window': 9}
_TABLE = np.array([LABELS[name] for name in CLASSES], np.uint8)
_FIRST = {'train': 1, 'val': 5001}  # so that no name is in both splits


class NYUDLayout(DiskLayout):
    """What the three releases share; a release says in which files it stores what."""

    classes = CLASSES
    #: The suffix of each folder's files.
    suffixes: ClassVar[Mapping[str, str]]

    def paths(self, split: str, index: int) -> dict[str, Path]:
        """One folder per kind of file."""
        return {folder: Path(folder, f'{self._name(split, index)}{self.suffixes[folder]}')
                for folder in ('segmentation', 'depth', 'normals', 'edge', 'images')}

    def contents(self, view: RoomView, invalid_pixels: bool) -> dict[str, bytes]:
        """Encode each target as the suffix says."""
        labelled = view.labelled | (not invalid_pixels)
        measured = view.measured | (not invalid_pixels)
        arrays = {
            'segmentation': np.where(labelled, _TABLE[view.label], np.uint8(0)),
            'depth': np.where(measured, view.depth, np.float32(0)),
            'normals': np.where(measured[..., None], view.normal, np.float32(0)),
            'edge': boundary(view),
            'images': view.image,
        }
        return {folder: _ENCODERS[folder, self.suffixes[folder]](array) for folder, array in arrays.items()}

    def lists(self, counts: Mapping[str, int]) -> dict[Path, bytes]:
        """The names of the splits."""
        return name_lists('gt_sets', counts, self._name)

    def labels(self, folder: Path, split: str, index: int) -> np.ndarray:
        """Turn the labels back into the classes of the rooms."""
        labels, labelled = load_segmentation(folder / self.paths(split, index)['segmentation'])
        back = np.full(41, -1)
        back[_TABLE] = range(len(CLASSES))
        return np.where(labelled, back[labels + 1], -1)

    def _name(self, split: str, index: int) -> str:
        return f'{_FIRST[split] + index:04d}'


class AstmtLayout(NYUDLayout):
    """The release of ASTMT: MATLAB files."""

    suffixes = {'images': '.jpg', 'segmentation': '.mat', 'depth': '.mat', 'normals': '.jpg', 'edge': '.png'}


class ATRCLayout(NYUDLayout):
    """The release of Multi-Task-Learning-PyTorch and ATRC: arrays."""

    suffixes = {'images': '.jpg', 'segmentation': '.png', 'depth': '.npy', 'normals': '.npy', 'edge': '.npy'}


class InvPTLayout(NYUDLayout):
    """The release of InvPT: pictures."""

    suffixes = {'images': '.png', 'segmentation': '.png', 'depth': '.npy', 'normals': '.png', 'edge': '.png'}


#: How each folder's arrays become a file of each suffix.
_ENCODERS: dict[tuple[str, str], Callable[[np.ndarray], bytes]] = {
    ('images', '.jpg'): encode_jpeg,
    ('images', '.png'): encode_png,
    ('segmentation', '.mat'): lambda labels: encode_mat(segmentation=labels),
    ('segmentation', '.png'): encode_png,
    ('depth', '.mat'): lambda depth: encode_mat(depth=depth),
    ('depth', '.npy'): encode_npy,
    ('normals', '.jpg'): lambda normal: encode_jpeg(encode_unit_vectors(normal)),
    ('normals', '.png'): lambda normal: encode_png(encode_unit_vectors(normal)),
    ('normals', '.npy'): encode_npy,
    ('edge', '.png'): lambda edge: encode_png(edge.astype(np.uint8) * 255),
    ('edge', '.npy'): lambda edge: encode_npy(edge.astype(np.float32)),
}
