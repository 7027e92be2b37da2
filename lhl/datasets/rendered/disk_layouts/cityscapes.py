"""The layout of the preprocessed CityScapes, with rendered streets.

``OUT/{train,val}/{image,depth,label_7}/{i}.npy``: RGB in [0, 1]; disparity, the official PNG's value over 65535,
with 0 where it is unknown (the sky, and where the cameras see nothing); and seven classes, with -1 for void.
"""
from pathlib import Path

import numpy as np

from lhl.datasets.io.file_bytes import encode_npy, npy_size
from lhl.synthetic.rooms.room_view import RoomView
from lhl.synthetic.streets.street import STREET_CLASSES, render_street

from .base import DiskLayout

#: Of the cameras: their distance in metres, times the focal length in pixels of the full 2048 columns.
BASELINE_FOCAL = 0.22 * 2262


class CityScapesLayout(DiskLayout):
    """Seven classes and disparity as arrays."""

    classes = STREET_CLASSES

    def render(self, seed: np.random.SeedSequence, height: int, width: int) -> RoomView:
        """Draw a street."""
        return render_street(seed, height, width)

    def paths(self, split: str, index: int) -> dict[str, Path]:
        """One folder per kind of file."""
        return {kind: Path(split, kind, f'{index}.npy') for kind in ('label_7', 'depth', 'image')}

    def contents(self, view: RoomView, invalid_pixels: bool) -> dict[str, bytes]:
        """Encode the arrays."""
        measured = (view.measured | (not invalid_pixels)) & (view.label != STREET_CLASSES.index('sky'))
        labelled = view.labelled | (not invalid_pixels)
        return {'label_7': encode_npy(np.where(labelled, view.label, np.int8(-1))),
                'depth': encode_npy(disparity(view.depth, measured)[..., None]),
                'image': encode_npy(view.image.astype(np.float32) / 255)}

    def sizes(self, height: int, width: int) -> dict[str, int]:
        """All arrays of a kind are of one size."""
        return {'label_7': npy_size('|i1', (height, width)), 'depth': npy_size('<f4', (height, width, 1)),
                'image': npy_size('<f4', (height, width, 3))}

    def labels(self, folder: Path, split: str, index: int) -> np.ndarray:
        """As they are stored."""
        return np.load(folder / self.paths(split, index)['label_7'], allow_pickle=False)


def disparity(depth: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Turn metres ``(H, W)`` into the release's disparity: the official PNG's 256 d + 1, over 65535; 0 if unknown."""
    pixels = BASELINE_FOCAL / np.where(measured, depth, 1)
    counts = np.rint(np.clip(256 * pixels + 1, 0, 65535))
    return np.where(measured, counts / 65535, 0).astype(np.float32)
