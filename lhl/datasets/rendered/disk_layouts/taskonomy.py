"""The layout of Taskonomy: a PNG per domain, 16 bits where Taskonomy has them.

``OUT/{domain}/taskonomy/{building}/point_{P}_view_0_domain_{token}.png``; the training pictures are spread over three
buildings, the others are in a fourth, as in HAD's split. Encodings are those of Taskonomy; where depth has a hole,
depth_zbuffer and depth_euclidean hold 65535.
"""
from pathlib import Path

import numpy as np

from lhl.datasets.io.file_bytes import encode_png
from lhl.datasets.io.files import load_picture
from lhl.datasets.taskonomy.encodings import HOLE, encode_normals
from lhl.synthetic.rooms.geometry_targets import edge_occlusion, euclidean_distance, principal_curvature, reshading
from lhl.synthetic.rooms.image_targets import edge_texture, keypoints2d
from lhl.synthetic.rooms.keypoints3d import keypoints3d
from lhl.synthetic.rooms.room_view import RoomView
from lhl.synthetic.rooms.scene import CLASSES

from .base import DiskLayout

BUILDINGS = {'train': ('furnished1', 'furnished2', 'furnished3'), 'val': ('unseen1', )}
#: Pixel values of segment_semantic; every other class of a room is background.
SEGMENT_VALUES = {'background': 1, 'chair': 3, 'sofa': 4, 'bed': 6, 'table': 7, 'tv': 9, 'books': 15, 'objects': 17}
_DOMAINS = ('depth_zbuffer', 'depth_euclidean', 'normal', 'edge_texture', 'edge_occlusion', 'keypoints2d',
            'keypoints3d', 'principal_curvature', 'reshading', 'segment_semantic', 'rgb')


class TaskonomyLayout(DiskLayout):
    """The ten domains that HAD learns, and the picture."""

    classes = tuple(SEGMENT_VALUES)

    def paths(self, split: str, index: int) -> dict[str, Path]:
        """The folder is the domain; the file's name has the domain without the underscore of segment_semantic."""
        buildings = BUILDINGS[split]
        point, building = index // len(buildings), buildings[index % len(buildings)]
        return {domain: Path(domain, 'taskonomy', building,
                             f'point_{point}_view_0_domain_{domain.replace("segment_semantic", "segmentsemantic")}.png')
                for domain in _DOMAINS}

    def contents(self, view: RoomView, invalid_pixels: bool) -> dict[str, bytes]:
        """Encode the domains."""
        measured = view.measured | (not invalid_pixels)
        labelled = view.labelled | (not invalid_pixels)
        arrays = {
            'depth_zbuffer': np.where(measured, _counts(512 * view.depth), np.uint16(HOLE)),
            'depth_euclidean': np.where(measured, _counts(512 * euclidean_distance(view)), np.uint16(HOLE)),
            'normal': encode_normals(np.where(measured[..., None], view.normal, 0)),
            'edge_texture': _counts(edge_texture(view.image)),
            'edge_occlusion': _counts(edge_occlusion(view.depth, measured)),
            'keypoints2d': _counts(keypoints2d(view.image)),
            'keypoints3d': _counts(keypoints3d(view)),
            'principal_curvature': encode_curvature(principal_curvature(view)),
            'reshading': np.rint(255 * reshading(view)).astype(np.uint8),
            'segment_semantic': np.where(labelled, _SEGMENT_TABLE[view.label], np.uint8(0)),
            'rgb': view.image,
        }
        return {domain: encode_png(array) for domain, array in arrays.items()}

    def labels(self, folder: Path, split: str, index: int) -> np.ndarray:
        """Turn the pixel values back into indices."""
        values = load_picture(folder / self.paths(split, index)['segment_semantic'])
        indices = np.full(256, -1)
        indices[list(SEGMENT_VALUES.values())] = range(len(SEGMENT_VALUES))
        return indices[values]


def encode_curvature(curvature: np.ndarray) -> np.ndarray:
    """Write curvatures ``(H, W, 2)`` in 1/m with 8 bits, 127 for flat; the third channel is not used."""
    coded = np.rint((np.clip(0.03 * curvature, -1, 1) + 1) / 2 * 254).astype(np.uint8)
    return np.concatenate([coded, np.full((*coded.shape[:2], 1), 127, np.uint8)], axis=-1)


def _counts(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 65535)).astype(np.uint16)


_SEGMENT_TABLE = np.array([SEGMENT_VALUES.get(name, SEGMENT_VALUES['background']) for name in CLASSES], np.uint8)
