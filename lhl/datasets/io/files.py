"""Reads one file into one array, or says what is wrong with it: nothing is unpickled, nothing half decoded is used.

Every function raises ValueError with the clause "found ..., expected ...; what to do"; the data set adds the name of
the file.
"""
import contextlib
from pathlib import Path

import cv2
import numpy as np

#: What files of images end with.
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.npy')
_PNG = b'\x89PNG\r\n\x1a\n'
_JPEG = b'\xff\xd8'


def _check_file(path: Path) -> None:
    """Refuse what is there but no regular file, such as a FIFO, which would be waited for."""
    if path.exists() and not path.is_file():
        raise ValueError('found a folder, a FIFO or a device, expected a regular file; restore it from the archive')


def load_npy(path: Path) -> np.ndarray:
    """Load a .npy file of at least two axes without ever unpickling."""
    _check_file(path)
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise ValueError('found no such file, expected one per image; restore it') from None
    except Exception as error:  # what numpy raises depends on where a damaged file ends
        raise ValueError(f'found a file that is empty, truncated, pickled or not .npy at all ({error}), expected '
                         f'a plain array written by numpy.save; restore it from the archive') from error
    if not isinstance(array, np.ndarray):
        raise ValueError('found an archive of several arrays (.npz), expected one array written by numpy.save; '
                         'store it alone')
    if array.ndim < 2:
        raise ValueError(f'found shape {array.shape}, expected at least (height, width); export the file again')
    return array


def load_picture(path: Path) -> np.ndarray:
    """Load a PNG, JPEG or TIFF as it is stored; see :func:`decode_picture`."""
    _check_file(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError('found no such file, expected one per image; restore it') from None
    return decode_picture(content)


def decode_picture(content: bytes) -> np.ndarray:
    """Decode the content of a PNG, JPEG or TIFF.

    Returns:
        ``(H, W)``, or ``(H, W, 3)`` RGB: uint8, uint16, or what else a TIFF holds. An alpha channel is dropped.
    """
    # The decoder fills what is missing of a truncated file with grey, and only prints a warning.
    truncated = (content.startswith(_PNG) and b'IEND' not in content[-64:]
                 or content.startswith(_JPEG) and b'\xff\xd9' not in content[-1024:])
    array = None
    if content and not truncated:
        flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
        with contextlib.suppress(cv2.error):  # of a size that is no image's
            array = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if array is None:
        what = 'truncated' if truncated else 'not an image, or damaged' if content else 'empty'
        raise ValueError(f'found a file of {len(content)} bytes that is {what}, expected a whole PNG, JPEG or TIFF; '
                         f'restore it from the archive')
    if array.ndim == 3 and array.shape[2] >= 3:
        return np.ascontiguousarray(array[..., 2::-1])
    return array if array.ndim == 2 else array[..., 0]


def load_rgb(path: Path) -> np.ndarray:
    """Load a picture as ``(H, W, 3)`` float32 RGB in [0, 1]; a grey one gets three equal channels."""
    return as_rgb(load_picture(path))


def load_image_file(path: Path) -> np.ndarray:
    """Load an image of 8 or 16 bits, or a .npy of floats from 0 to 1, as float32 RGB from 0 to 1 (not checked here)."""
    return load_rgb(path) if path.suffix.lower() != '.npy' else as_image(load_npy(path))


def as_image(array: np.ndarray) -> np.ndarray:
    """Turn an array of 8 or 16 bits, or of floats from 0 to 1, into float32 from 0 to 1; its values are not checked."""
    if array.dtype in (np.uint8, np.uint16):
        return array.astype(np.float32) / np.iinfo(array.dtype).max
    return as_float32(array, 'from 0 to 1, or whole numbers of 8 or 16 bits')


def as_rgb(picture: np.ndarray) -> np.ndarray:
    """Turn a picture of 8 or 16 bits into ``(H, W, 3)`` float32 RGB in [0, 1]."""
    if picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f'found values of type {picture.dtype}, expected 8 or 16 bits per channel; export it again')
    rgb = picture.astype(np.float32) / np.iinfo(picture.dtype).max
    return np.repeat(rgb[..., None], 3, axis=2) if rgb.ndim == 2 else rgb


def load_mat(path: Path, key: str) -> np.ndarray:
    """Load one array of a MATLAB file (before version 7.3)."""
    from scipy.io import loadmat
    _check_file(path)
    try:
        with path.open('rb') as file:  # given a path, loadmat does not say that it is missing
            content = loadmat(file, variable_names=[key])
    except FileNotFoundError:
        raise ValueError('found no such file, expected one per image; restore it') from None
    except Exception as error:  # what scipy raises depends on where a damaged file ends
        raise ValueError(f'found a file that is empty, truncated or not .mat ({error}), expected a MATLAB file; '
                         f'restore it from the archive') from error
    if key not in content:
        raise ValueError(f'found no array {key!r} in it, expected one; check which data set the file is from')
    return content[key]


def as_float32(array: np.ndarray, meaning: str) -> np.ndarray:
    """Make floats float32; refuse other types, ``meaning`` says what was expected."""
    if array.dtype.kind != 'f':
        raise ValueError(f'found values of type {array.dtype}, expected floats {meaning}')
    with np.errstate(over='ignore'):  # what overflows is refused as infinite
        return np.ascontiguousarray(array, np.float32)


def as_int64(array: np.ndarray) -> np.ndarray:
    """Make class indices of any type int64; refuse fractions."""
    if array.dtype.kind not in 'iuf':
        raise ValueError(f'found values of type {array.dtype}, expected whole numbers; store class indices')
    with np.errstate(invalid='ignore'):  # casting NaN warns; the comparison below finds it
        labels = np.ascontiguousarray(array, np.int64)
    different = labels != array
    if different.any():
        raise ValueError(f'found a label of {array[different][0]:g}, expected whole numbers; labels that were resized '
                         f'with interpolation must be resized with nearest neighbour instead')
    return labels
