"""CityScapes as its authors publish it, turned into the small arrays that lhl reads."""
import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from lhl.datasets.io.file_bytes import encode_npy
from lhl.datasets.io.files import load_picture, load_rgb
from lhl.errors import DataError

from .base import Conversion, record_options, run_conversions, source
from .resizing import resize_mean, resize_nearest

SPLITS = ('train', 'val')
#: The first and the last label id of each of the seven categories, in the order of the classes; ids 0 to 6 are void.
CATEGORY_IDS = ((7, 10), (11, 16), (17, 20), (21, 22), (23, 23), (24, 25), (26, 33))
_UNDEFINED = -2


def _class_of_id() -> np.ndarray:
    """The class of each value of a labelIds file, -1 for void, -2 for values that do not exist."""
    table = np.full(256, _UNDEFINED, np.int8)
    table[:7] = -1
    table[255] = -1  # the licence plate, id -1 in 8 bits: of the category vehicle, but not to be evaluated
    for index, (first, last) in enumerate(CATEGORY_IDS):
        table[first:last + 1] = index
    return table


CLASS_OF_ID = _class_of_id()


def convert_cityscapes(official: str | Path, out: str | Path, height: int = 128, width: int = 256,
                       depth: Literal['disparity', 'metres'] = 'disparity') -> int:
    """Convert the official training and validation images, or what is missing of the conversion.

    The images are numbered from 0 in the order of their names, city by city; ``names.txt`` in each split lists them.
    Pictures are averaged over the area of each new pixel; labels and disparities are those of the pixel at its centre.

    Args:
        official: The folder that holds ``leftImg8bit/``, ``gtFine/`` and ``disparity/``, and ``camera/`` for metres.
        out: A new folder, or one that an earlier call with the same arguments has written to.
        height: Rows of the arrays.
        width: Columns.
        depth: ``'disparity'`` stores the official value over 65535, as the release by the authors of MTAN does;
            ``'metres'`` the distance along the optical axis that it stands for. Both are 0 where unknown.

    Returns:
        How many images were converted by this call.

    Raises:
        DataError: If files are missing or cannot be used, or ``out`` holds something else.
    """
    official, out = Path(official).expanduser(), Path(out).expanduser()
    if min(height, width) < 1:
        raise DataError(f'the size is {height} x {width}, expected at least one row and one column; give a larger size')
    names = {split: _names(official, split, depth) for split in SPLITS}
    if not any(names.values()):
        raise DataError(f'{str(official / "leftImg8bit")!r} holds no train/CITY/*_leftImg8bit.png nor '
                        f'val/CITY/*_leftImg8bit.png; point at the folder into which leftImg8bit_trainvaltest.zip, '
                        f'gtFine_trainvaltest.zip and disparity_trainvaltest.zip were unpacked')
    record_options(out, dict(data_set='CityScapes', size=[height, width], depth=depth, images={
        split: f'{len(found)}, digest {hashlib.sha256(_lines(found)).hexdigest()[:12]}'
        for split, found in names.items()}))
    conversions = []
    for split, found in names.items():
        folder = out / split
        for index, name in enumerate(found):
            outputs = tuple(folder / kind / f'{index}.npy' for kind in ('label_7', 'depth', 'image'))
            make = partial(_convert, _sources(official, split, name), outputs, height, width, depth)
            conversions.append(Conversion(str(_sources(official, split, name)['leftImg8bit']), outputs, make))
    run_conversions([Conversion(split, (out / split / 'names.txt', ), partial(_list_names, out, split, found))
                     for split, found in names.items() if found], 'names')
    return run_conversions(conversions, 'images')


def _names(official: Path, split: str, depth: str) -> list[str]:
    """Return the images of a split, ``city/city_000000_000019``, after making sure that every one has its targets."""
    ending = '_leftImg8bit.png'
    folder = official / 'leftImg8bit' / split
    names = sorted(path.relative_to(folder).as_posix().removesuffix(ending) for path in folder.glob(f'*/*{ending}'))
    for name in names:
        for kind, path in _sources(official, split, name).items():
            if not path.exists() and (kind != 'camera' or depth == 'metres'):
                raise DataError(f'{str(path)!r} is missing, expected one for each of the {len(names)} images in '
                                f'{str(folder)!r}; unpack {_ARCHIVES[kind]} into {str(official)!r} again')
    return names


_ARCHIVES = {'leftImg8bit': 'leftImg8bit_trainvaltest.zip', 'gtFine': 'gtFine_trainvaltest.zip',
             'disparity': 'disparity_trainvaltest.zip', 'camera': 'camera_trainvaltest.zip'}


def _sources(official: Path, split: str, name: str) -> dict[str, Path]:
    """The official files of one image."""
    endings = dict(leftImg8bit='leftImg8bit.png', gtFine='gtFine_labelIds.png', disparity='disparity.png',
                   camera='camera.json')
    return {kind: official / kind / split / f'{name}_{ending}' for kind, ending in endings.items()}


def _lines(names: list[str]) -> bytes:
    return ''.join(f'{name}\n' for name in names).encode()


def _list_names(out: Path, split: str, names: list[str]) -> Mapping[Path, bytes]:
    return {out / split / 'names.txt': _lines(names)}


def _convert(sources: Mapping[str, Path], outputs: tuple[Path, ...], height: int, width: int,
             depth: str) -> Mapping[Path, bytes]:
    """Make the arrays of one image."""
    with source(sources['leftImg8bit']):
        image = load_rgb(sources['leftImg8bit'])
    with source(sources['gtFine']):
        label = categories(_picture(sources['gtFine'], np.uint8, image.shape[:2]))
    with source(sources['disparity']):
        counts = resize_nearest(_picture(sources['disparity'], np.uint16, image.shape[:2]), height, width)
    if depth == 'metres':
        with source(sources['camera']):
            values = metres(counts, *_camera(sources['camera']))
    else:
        values = (counts / 65535).astype(np.float32)
    arrays = (resize_nearest(label, height, width), values[..., None],
              resize_mean(image, height, width).astype(np.float16))
    return {path: encode_npy(array) for path, array in zip(outputs, arrays, strict=True)}


def categories(label_ids: np.ndarray) -> np.ndarray:
    """Turn the official label ids ``(H, W)`` uint8 into classes ``(H, W)`` int8, -1 where void.

    Raises:
        ValueError: If there is an id that does not exist.
    """
    label = CLASS_OF_ID[label_ids]
    if (label == _UNDEFINED).any():
        found = label_ids[label == _UNDEFINED][0]
        raise ValueError(f'found label id {found}, expected ids from 0 to 33; use the files that end in _labelIds.png')
    return label


def metres(counts: np.ndarray, baseline: float, focal_length: float) -> np.ndarray:
    """Turn the official 16-bit values of a disparity into the distance along the optical axis.

    A value p > 0 stands for (p - 1) / 256 pixels of the full image.

    Args:
        counts: ``(H, W)`` uint16.
        baseline: The distance between the cameras in metres.
        focal_length: In pixels of the full image.

    Returns:
        ``(H, W)`` float32, 0 where unknown or infinitely far.
    """
    pixels = (counts.astype(np.float64) - 1) / 256
    return np.where(counts > 1, baseline * focal_length / np.where(counts > 1, pixels, 1), 0).astype(np.float32)


def _camera(path: Path) -> tuple[float, float]:
    try:
        content = json.loads(path.read_bytes())
        return float(content['extrinsic']['baseline']), float(content['intrinsic']['fx'])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'found no camera in it ({error!r}), expected extrinsic.baseline and intrinsic.fx; restore it '
                         f'from {_ARCHIVES["camera"]}') from error


def _picture(path: Path, dtype: type, size: tuple[int, int]) -> np.ndarray:
    """Load a single-channel picture of the type and size of the image beside it."""
    picture = load_picture(path)
    if picture.ndim != 2 or picture.dtype != dtype or picture.shape != size:
        raise ValueError(f'found {picture.dtype} values of shape {picture.shape}, expected {np.dtype(dtype)} of shape '
                         f'{size} as its image has; restore it from the archive')
    return picture
