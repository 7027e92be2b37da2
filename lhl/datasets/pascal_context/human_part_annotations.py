"""Reads the parts of people from an annotation of PASCAL-Part (Chen et al., CVPR 2014)."""
from pathlib import Path

import numpy as np

from lhl.datasets.io.files import load_mat

#: The six parts that the multi-task literature makes of the 24 of a person; 0 is background.
PART_OF_NAME = {
    **dict.fromkeys(('head', 'hair', 'lear', 'rear', 'lebrow', 'rebrow', 'leye', 'reye', 'nose', 'mouth'), 1),
    **dict.fromkeys(('torso', 'neck'), 2),
    **dict.fromkeys(('luarm', 'ruarm'), 3),
    **dict.fromkeys(('llarm', 'rlarm', 'lhand', 'rhand'), 4),
    **dict.fromkeys(('luleg', 'ruleg'), 5),
    **dict.fromkeys(('llleg', 'rlleg', 'lfoot', 'rfoot'), 6)}


def load_human_parts(path: Path) -> np.ndarray | None:
    """Load the parts of all people of an image.

    The file holds ``anno.objects(i)`` with ``class``, ``mask`` and ``parts(j)``, and there ``part_name`` and ``mask``.
    People whose parts are not annotated are background, and a later part is drawn over an earlier one, as in the
    literature.

    Returns:
        ``(H, W)`` uint8: 0 background, 1 head, 2 torso, 3 upper arm, 4 lower arm, 5 upper leg, 6 lower leg. None if the
        file annotates no object, as then it does not say how large the image is.

    Raises:
        ValueError: As in :mod:`lhl.datasets.io.files`.
    """
    objects = _records(_field(_record(load_mat(path, 'anno')), 'objects'))
    if not objects:
        return None
    parts = np.zeros(_mask(objects[0]).shape, np.uint8)
    for thing in objects:
        if _text(_field(thing, 'class')) != 'person':
            continue
        for part in _records(_field(thing, 'parts')):
            name, mask = _text(_field(part, 'part_name')), _mask(part)
            if name not in PART_OF_NAME:
                raise ValueError(f'found a person with a part {name!r}, expected one of {", ".join(PART_OF_NAME)}; '
                                 f'restore it from the archive')
            if mask.shape != parts.shape:
                raise ValueError(f'found a mask of shape {mask.shape}, expected {parts.shape} as its first object has; '
                                 f'restore it from the archive')
            parts[mask] = PART_OF_NAME[name]
    return parts


def _records(array: np.ndarray) -> list[np.void]:
    """Return the elements of a MATLAB struct array; an empty one has no fields."""
    if array.size and array.dtype.names is None:
        raise ValueError(f'found an array of {array.dtype}, expected a struct array; restore it from the archive')
    return list(array.ravel())


def _record(array: np.ndarray) -> np.void:
    """Return the one element of a struct."""
    records = _records(array)
    if len(records) != 1:
        raise ValueError(f'found {len(records)} annotations, expected one; restore it from the archive')
    return records[0]


def _field(record: np.void, name: str) -> np.ndarray:
    names = record.dtype.names or ()
    if name not in names:
        raise ValueError(f'found the fields {", ".join(names)}, expected {name!r} among them; restore it '
                         f'from the archive')
    return np.asarray(record[name])


def _text(array: np.ndarray) -> str:
    return str(array.ravel()[0]) if array.size else ''


def _mask(record: np.void) -> np.ndarray:
    mask = _field(record, 'mask')
    if mask.ndim != 2 or mask.dtype.kind not in 'buif':
        raise ValueError(f'found a mask of shape {mask.shape} and type {mask.dtype}, expected (height, width) of 0 and '
                         f'1; restore it from the archive')
    return mask != 0
