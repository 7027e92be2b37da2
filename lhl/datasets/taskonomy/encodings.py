"""How Taskonomy stores numbers in pictures, domain by domain, and what they are in the units of the tasks."""
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lhl.datasets.io.files import load_picture

#: What the values 1 to 17 of segment_semantic stand for; 0 is a pixel of which the labelling network was not certain.
CLASSES = ('background', 'bottle', 'chair', 'couch', 'plant', 'bed', 'table', 'toilet', 'tv', 'microwave', 'oven',
           'toaster', 'sink', 'fridge', 'book', 'clock', 'vase')
#: What depth_zbuffer holds where the scan has a hole.
HOLE = 65535


class Encoding(NamedTuple):
    """How the file of a domain holds numbers.

    Args:
        dtype: Of its values.
        axes: How many axes it may have: 2 for grey, 3 for RGB.
        masked: Whether it holds nothing where the scan has a hole.
        decode: From the file's values to ``(H, W, C)`` float32 in the unit of the task; classes stay as they are.
    """

    dtype: type
    axes: tuple[int, ...]
    masked: bool
    decode: Callable[[np.ndarray], np.ndarray]


def load_encoded(path: Path, domain: str) -> np.ndarray:
    """Load the file of a domain as it is stored, after making sure that its values are of the domain's type.

    Raises:
        ValueError: With the clause "found ..., expected ...".
    """
    picture, encoding = load_picture(path), ENCODINGS[domain]
    if picture.dtype != encoding.dtype or picture.ndim not in encoding.axes:
        channels = ' or '.join({2: 'one channel', 3: 'three channels'}[axes] for axes in encoding.axes)
        raise ValueError(f'found {picture.dtype} values of shape {picture.shape}, expected {channels} of '
                         f'{np.dtype(encoding.dtype)} in the domain {domain}; restore it from the archive')
    if domain == 'segment_semantic' and picture.max() > len(CLASSES):
        raise ValueError(f'found the value {picture.max()}, expected 0 to {len(CLASSES)}; restore it from the archive')
    return picture


def class_of_value(classes: Sequence[str]) -> np.ndarray:
    """Return the class index of every value of segment_semantic, -1 where it is unlabelled, ``(256, )`` int64."""
    table = np.full(256, -1, np.int64)
    indices = {name: index for index, name in enumerate(classes)}
    table[1:len(CLASSES) + 1] = [indices.get(name, indices.get('background', -1)) for name in CLASSES]
    return table


def decode_normals(picture: np.ndarray) -> np.ndarray:
    """Turn ``(H, W, 3)`` uint8 into unit vectors: x to the right, y down, z forward.

    The file's own frame is x to the left, y up, z toward the camera, and its values are ``(n + 1) / 2 * 255``. What
    cannot be a unit vector, such as the grey of a hole, becomes the zero vector.
    """
    vectors = 1 - picture.astype(np.float32) * np.float32(2 / 255)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    possible = (lengths > 0.5) & (lengths < 1.5)
    return np.where(possible, vectors / np.where(possible, lengths, 1), 0).astype(np.float32)


def encode_normals(normals: np.ndarray) -> np.ndarray:
    """Undo :func:`decode_normals`; the zero vector becomes the grey of a hole."""
    return np.where((normals != 0).any(axis=-1, keepdims=True), np.rint((1 - normals) * 127.5), 127).astype(np.uint8)


def decode_curvature(picture: np.ndarray) -> np.ndarray:
    """Turn ``(H, W, 3)`` uint8 into the two principal curvatures in 1/m; the third channel is not used."""
    return (picture[..., :2].astype(np.float32) * np.float32(2 / 254) - 1) / np.float32(0.03)


def _metres(picture: np.ndarray) -> np.ndarray:
    return picture[..., None].astype(np.float32) / 512


def _as_stored(picture: np.ndarray) -> np.ndarray:
    return picture[..., None].astype(np.float32)


def _brightness(picture: np.ndarray) -> np.ndarray:
    grey = picture if picture.ndim == 2 else picture.mean(axis=-1)
    return grey[..., None].astype(np.float32) / 255


def check_facing(normals: np.ndarray, valid: np.ndarray) -> None:
    """Refuse normals that point away from the camera, as no visible surface has them."""
    away = (normals[valid][:, 2] > 0.1).mean() if valid.any() else 0
    if away > 0.9:
        raise ValueError(f'found {away:.0%} of the normals pointing away from the camera, expected nearly none; store '
                         f'them with x to the left, y up and z toward the camera, as Taskonomy does, or skip the view')


#: How each domain is stored; those that were computed from the picture, not from the scan, have no holes.
ENCODINGS = dict(
    segment_semantic=Encoding(np.uint8, (2, ), False, np.asarray),
    depth_zbuffer=Encoding(np.uint16, (2, ), True, _metres),
    depth_euclidean=Encoding(np.uint16, (2, ), True, _metres),
    normal=Encoding(np.uint8, (3, ), True, decode_normals),
    edge_occlusion=Encoding(np.uint16, (2, ), True, _as_stored),
    reshading=Encoding(np.uint8, (2, 3), True, _brightness),
    keypoints2d=Encoding(np.uint16, (2, ), False, _as_stored),
    edge_texture=Encoding(np.uint16, (2, ), False, _as_stored),
    principal_curvature=Encoding(np.uint8, (3, ), True, decode_curvature),
    keypoints3d=Encoding(np.uint16, (2, ), True, _as_stored))
