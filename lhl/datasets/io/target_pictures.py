"""Decodes what pictures hold beside photographs: class indices, unit vectors and masks.

Every function raises ValueError as those of :mod:`lhl.datasets.io.files` do; the data set adds the file's name.
"""
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from .files import load_picture

_PALETTE = 3  # PNG's colour type of pictures whose pixels are indices into a list of colours


def load_class_indices(path: Path) -> np.ndarray:
    """Load class indices ``(H, W)``, uint8 or uint16, from a grey PNG or from one with a palette.

    PASCAL VOC stores its classes as indices into a palette, so that they can be looked at; the decoder would give the
    colours.
    """
    picture = load_picture(path)
    if picture.ndim == 2:
        return picture
    content = path.read_bytes()
    if _has_palette(content):
        indices = np.asarray(cv2.imdecode(np.frombuffer(_without_palette(content), np.uint8), cv2.IMREAD_UNCHANGED))
        # Fewer than 8 bits are spread over 0 to 255.
        return indices // np.uint8(255 // (2**content[24] - 1))
    return one_channel(picture)


def load_labels(path: Path) -> np.ndarray:
    """Load class labels as they are stored: numbers ``(H, W)``, those of a palette too, or colours ``(H, W, 3)``."""
    picture = load_picture(path)
    return load_class_indices(path) if picture.ndim == 3 and _has_palette(path.read_bytes()) else picture


def load_normals(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load unit vectors from a picture of 8 bits that holds ``255 (n + 1) / 2``.

    Vectors get their length 1 back, which 8 bits have rounded and a JPEG has changed. What is far from it, such as
    grey (127, 127, 127) or black, is no direction.

    Returns:
        Normals ``(H, W, 3)`` float32, and where they are known ``(H, W)`` bool.
    """
    picture = load_picture(path)
    if picture.ndim != 3 or picture.dtype != np.uint8:
        raise ValueError(f'found a picture of shape {picture.shape} and type {picture.dtype}, expected three channels '
                         f'of 8 bits, x, y and z; check that the folder holds normals')
    vectors = picture.astype(np.float32) * np.float32(2 / 255) - 1
    size = lengths(vectors)
    return vectors / np.maximum(size, np.float32(0.5))[..., None], np.abs(size - 1) < 0.5


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of vectors ``(H, W, C)``; faster than numpy.linalg.norm."""
    return np.sqrt(np.einsum('...c,...c->...', vectors, vectors))


def load_mask(path: Path) -> np.ndarray:
    """Load a mask ``(H, W)`` bool from a grey picture: what is lighter than half."""
    picture = one_channel(load_picture(path))
    if picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f'found values of type {picture.dtype}, expected 8 or 16 bits; export it again')
    return picture > np.iinfo(picture.dtype).max / 2


def one_channel(picture: np.ndarray) -> np.ndarray:
    """Take the grey of a picture ``(H, W)`` or ``(H, W, 3)``; refuse colours."""
    if picture.ndim == 2:
        return picture
    if (picture != picture[..., :1]).any():
        raise ValueError('found a picture in colours, expected one number per pixel; check that the folder is the '
                         'right one, and store class indices or a grey picture')
    return np.ascontiguousarray(picture[..., 0])


def _has_palette(content: bytes) -> bool:
    """Return whether a file is a PNG whose pixels are indices into a list of colours."""
    return content.startswith(b'\x89PNG') and content[25] == _PALETTE


def _without_palette(content: bytes) -> bytes:
    """Declare the indices of a PNG to be shades of grey: the pixels are stored in the same way."""
    position, chunks = 8, [content[:8]]
    while position + 12 <= len(content):
        size, = struct.unpack('>I', content[position:position + 4])
        kind, data = content[position + 4:position + 8], content[position + 8:position + 8 + size]
        if kind == b'IHDR':
            data = data[:9] + b'\0' + data[10:]
        if kind in (b'IHDR', b'IDAT', b'IEND'):
            chunks += [struct.pack('>I', size), kind, data, struct.pack('>I', zlib.crc32(kind + data))]
        position += size + 12
    return b''.join(chunks)
