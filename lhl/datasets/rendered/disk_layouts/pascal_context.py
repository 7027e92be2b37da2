"""The layout of PASCAL-Context for multi-task learning, with people in the rooms.

``OUT/ImageSets/Context/{train,val}.txt``, ``JPEGImages/NAME.jpg``, ``semseg/VOC12/NAME.png``, ``human_parts/NAME.mat``,
``normals_distill/NAME.png``, ``sal_distill/NAME.png`` and ``pascal-context/trainval/NAME.mat``, from whose borders the
boundaries are made.
"""
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lhl.datasets.io.file_bytes import encode_jpeg, encode_mat, encode_png, encode_unit_vectors
from lhl.datasets.pascal_context.dataset import CLASSES as VOC_CLASSES
from lhl.datasets.pascal_context.dataset import CLASSES_WITH_NORMALS, load_segmentation
from lhl.synthetic.rooms.geometry_targets import saliency
from lhl.synthetic.rooms.people import human_parts
from lhl.synthetic.rooms.renderer import render
from lhl.synthetic.rooms.room_view import RoomView
from lhl.synthetic.rooms.scene import CLASSES

from .base import DiskLayout, name_lists

#: PASCAL VOC's class of each of the 13 classes; all others are background.
VOC_NAMES = {'chair': 'chair', 'sofa': 'sofa', 'table': 'diningtable', 'tv': 'tvmonitor'}
#: PASCAL-Context's class of each of the 13 classes.
CONTEXT_NAMES = {'bed': 'bed', 'books': 'book', 'ceiling': 'ceiling', 'chair': 'chair', 'floor': 'floor',
                 'furniture': 'cabinet', 'objects': 'container', 'picture': 'picture', 'sofa': 'sofa', 'table': 'table',
                 'tv': 'tvmonitor', 'wall': 'wall', 'window': 'window'}
#: What PASCAL-Part calls the six parts.
PART_NAMES = ('head', 'torso', 'luarm', 'llarm', 'luleg', 'llleg')
_VOC_TABLE = np.array([VOC_CLASSES.index(VOC_NAMES.get(name, 'background')) for name in CLASSES], np.uint8)
_CONTEXT_TABLE = np.array([CLASSES_WITH_NORMALS[CONTEXT_NAMES[name]] for name in CLASSES], np.uint16)
_YEARS = {'train': 2008, 'val': 2009}  # so that no name is in both splits


class PASCALContextLayout(DiskLayout):
    """The five tasks in the files of ``PASCAL_MT``."""

    classes = VOC_CLASSES

    def render(self, seed: np.random.SeedSequence, height: int, width: int) -> RoomView:
        """Draw a room with people in it."""
        return render(seed, height, width, people=True)

    def paths(self, split: str, index: int) -> dict[str, Path]:
        """One folder per kind of file."""
        name = self._name(split, index)
        return {'semseg': Path('semseg', 'VOC12', f'{name}.png'), 'human_parts': Path('human_parts', f'{name}.mat'),
                'normals': Path('normals_distill', f'{name}.png'), 'saliency': Path('sal_distill', f'{name}.png'),
                'labels': Path('pascal-context', 'trainval', f'{name}.mat'),
                'image': Path('JPEGImages', f'{name}.jpg')}

    def contents(self, view: RoomView, invalid_pixels: bool) -> dict[str, bytes]:
        """Encode the targets."""
        labelled = view.labelled | (not invalid_pixels)
        measured = view.measured | (not invalid_pixels)
        parts = human_parts(view)
        classes = np.where(parts > 0, VOC_CLASSES.index('person'), _VOC_TABLE[view.label])
        return {
            'semseg': encode_png(np.where(labelled, classes, 255).astype(np.uint8)),
            'human_parts': encode_mat(anno=_annotation(view, parts)),
            'normals': encode_png(encode_unit_vectors(np.where(measured[..., None], view.normal, 0))),
            'saliency': encode_png(saliency(view).astype(np.uint8) * 255),
            'labels': encode_mat(LabelMap=context_labels(view)),
            'image': encode_jpeg(view.image),
        }

    def lists(self, counts: Mapping[str, int]) -> dict[Path, bytes]:
        """The names of the splits."""
        return name_lists('ImageSets/Context', counts, self._name)

    def labels(self, folder: Path, split: str, index: int) -> np.ndarray:
        """As they are stored, -1 for 255."""
        return load_segmentation(folder / self.paths(split, index)['semseg'])[0]

    def _name(self, split: str, index: int) -> str:
        return f'{_YEARS[split]}_{index:06d}'


def context_labels(view: RoomView) -> np.ndarray:
    """Label every pixel ``(H, W)`` uint16 with a class of PASCAL-Context's 459."""
    return np.where(human_parts(view) > 0, np.uint16(CLASSES_WITH_NORMALS['person']), _CONTEXT_TABLE[view.label])


def _annotation(view: RoomView, parts: np.ndarray) -> dict:
    """Describe the people as PASCAL-Part does; without people, the room is the only object."""
    instance = np.array([surface.instance for surface in view.scene.surfaces])[view.hits.surface]
    people = [_struct({'class': 'person', 'mask': instance == person,
                       'parts': _structs([{'part_name': PART_NAMES[part - 1],
                                           'mask': (instance == person) & (parts == part)}
                                          for part in np.unique(parts[instance == person]) if part])})
              for person in np.unique(instance[parts > 0])]
    room = _struct({'class': 'room', 'mask': parts == 0, 'parts': np.empty((0, 0))})
    return {'objects': np.concatenate(people or [room])}


def _structs(records: list[dict]) -> np.ndarray:
    """Return what MATLAB stores as a struct array."""
    return np.concatenate([_struct(record) for record in records])


def _struct(record: dict) -> np.ndarray:
    array = np.empty(1, [(key, object) for key in record])
    for key, value in record.items():
        array[key][0] = value.astype(np.uint8) if isinstance(value, np.ndarray) and value.dtype == bool else value
    return array
