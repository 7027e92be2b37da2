"""Encodes arrays as the content of files: .npy, PNG, JPEG and MATLAB files."""
import io

import cv2
import numpy as np
from scipy.io import savemat


def encode_npy(array: np.ndarray) -> bytes:
    """Encode an array as the content of a .npy file, without pickling."""
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(array), allow_pickle=False)
    return content.getvalue()


def encode_png(picture: np.ndarray) -> bytes:
    """Encode ``(H, W)`` or RGB ``(H, W, 3)``, uint8 or uint16, as the content of a PNG file, without loss.

    Raises:
        ValueError: If it is of another shape or type.
    """
    if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3, )):
        raise ValueError(f'found a picture of shape {picture.shape} and type {picture.dtype}, expected (height, width) '
                         f'or (height, width, 3) of 8 or 16 bits; convert it first')
    encoded, content = cv2.imencode('.png', picture if picture.ndim == 2 else picture[..., ::-1])
    if not encoded:
        raise ValueError('found a picture that cannot be encoded, expected one that a PNG can hold; check its size')
    return content.tobytes()


def encode_jpeg(picture: np.ndarray) -> bytes:
    """Encode RGB ``(H, W, 3)`` uint8 as a JPEG file of high quality."""
    return cv2.imencode('.jpg', picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def encode_mat(**arrays: object) -> bytes:
    """Encode named arrays as the content of a .mat file (before MATLAB 7.3)."""
    content = io.BytesIO()
    savemat(content, arrays)
    return content.getvalue()


def encode_unit_vectors(normal: np.ndarray) -> np.ndarray:
    """Write unit vectors ``(H, W, 3)`` with 8 bits, 255 (n + 1) / 2; what is unknown becomes the grey of zero."""
    return np.where(normal.any(-1, keepdims=True), np.rint((normal + 1) * 127.5), 127).astype(np.uint8)


def npy_size(dtype: str, shape: tuple[int, ...]) -> int:
    """Return how many bytes a .npy file has."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {'descr': dtype, 'fortran_order': False, 'shape': shape})
    return header.tell() + np.dtype(dtype).itemsize * int(np.prod(shape))
