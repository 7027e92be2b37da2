"""The layout of the preprocessed NYUv2.

``OUT/{train,val}/{image,label,depth,normal}/{i}.npy``, i = 0, 1, ... without padding:

======  ==========  =======  ====================================================
image   H x W x 3   float32  RGB in [0, 1]
label   H x W       int8     index into ``CLASSES``; -1 unlabelled
depth   H x W x 1   float32  metres along the optical axis; 0 not measured
normal  H x W x 3   float32  unit vectors, camera frame (x right, y down, z forward), facing the camera; 0 not measured
======  ==========  =======  ====================================================
"""
from pathlib import Path

import numpy as np

from lhl.datasets.io.file_bytes import encode_npy, npy_size
from lhl.synthetic.rooms.room_view import RoomView
from lhl.synthetic.rooms.scene import CLASSES

from .base import DiskLayout


class NYUv2Layout(DiskLayout):
    """The 13 classes, depth and normals as arrays."""

    classes = CLASSES

    def paths(self, split: str, index: int) -> dict[str, Path]:
        """One folder per kind of file."""
        return {kind: Path(split, kind, f'{index}.npy') for kind in ('label', 'depth', 'normal', 'image')}

    def contents(self, view: RoomView, invalid_pixels: bool) -> dict[str, bytes]:
        """Encode the arrays."""
        return {kind: encode_npy(array) for kind, array in sample_arrays(view, invalid_pixels).items()}

    def sizes(self, height: int, width: int) -> dict[str, int]:
        """All arrays of a kind are of one size."""
        return {'label': npy_size('|i1', (height, width)), 'depth': npy_size('<f4', (height, width, 1)),
                'normal': npy_size('<f4', (height, width, 3)), 'image': npy_size('<f4', (height, width, 3))}

    def labels(self, folder: Path, split: str, index: int) -> np.ndarray:
        """As they are stored."""
        return np.load(folder / self.paths(split, index)['label'], allow_pickle=False)


def sample_arrays(view: RoomView, invalid_pixels: bool) -> dict[str, np.ndarray]:
    """The arrays of a picture as they are stored."""
    labelled = view.labelled | (not invalid_pixels)
    measured = view.measured | (not invalid_pixels)
    return {
        'label': np.where(labelled, view.label, np.int8(-1)),
        'depth': np.where(measured, view.depth, np.float32(0))[..., None],
        'normal': np.where(measured[..., None], view.normal, np.float32(0)),
        'image': view.image.astype(np.float32) / 255,
    }
